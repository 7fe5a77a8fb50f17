"""Penalties on labels and on parts of a code: worked by hand, against loops, and on real data."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from torch.nn import functional as F

from isthmus import Autoencoder, load
from isthmus.architectures.branches import Branches
from isthmus.architectures.dense import Dense
from isthmus.classification import predict, probabilities
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.composition import Composition, Parts
from isthmus.errors import ParameterError
from isthmus.estimator import NotFittedError
from isthmus.losses.squared_error import SquaredError
from isthmus.metrics.redundancy import canonical_correlations, hsic
from isthmus.nn.pairs import distances
from isthmus.objective import Objective
from isthmus.penalties import redundancy
from isthmus.penalties.classifier import Classifier
from isthmus.penalties.redundancy import Redundancy
from isthmus.penalties.siamese import Siamese
from isthmus.penalties.triplet import Triplet
from isthmus.training import Training
from isthmus.types import Batch, Context, Encoded, Event, Forward

LABELS = torch.tensor([0, 0, 1, 1, 1, 2])
#: Six codes in the plane, no two distances equal.
CODES = torch.tensor([[0.0, 0.0], [0.3, 0.4], [1.0, 0.0], [0.2, 0.9], [2.0, 2.0], [0.1, 0.1]])


def passed(z, labels=None):
    """A pass of which only codes and labels matter."""
    return Forward(z, z, None, labels, Encoded(z), z, torch.nn.Identity(), Context())


def network(*penalties, code=None, architecture=None, classes=3, seed=0):
    parts = Parts(
        architecture or Dense((8,), activation="tanh"),
        code or Deterministic(4),
        SquaredError(),
        None,
        penalties,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Composition(parts, Event((5,), classes=classes))


def batch(n=6):
    return Batch(torch.rand(n, 5, generator=torch.Generator().manual_seed(0)), None, LABELS[:n])


def gradients(net, loss):
    found = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
    return {
        name: torch.zeros_like(value) if gradient is None else gradient
        for (name, value), gradient in zip(net.named_parameters(), found, strict=True)
    }


# ---------------------------------------------------------------- classifier


def test_classifier_is_minus_log_probability_of_the_label():
    part = Classifier()
    state = part.state(network(part, code=Deterministic(2)))
    with torch.no_grad():
        state[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
        state[0].bias.copy_(torch.tensor([0.0, 0.0, math.log(2.0)]))
    z = torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]])
    # Probabilities are (1, 1, 2) / 4, then (3, 1, 2) / 6.
    found = part(passed(z, torch.tensor([2, 0])), state)
    torch.testing.assert_close(found, torch.tensor([math.log(2.0), math.log(2.0)]))
    assert part(passed(z, torch.tensor([-1, 0])), state).tolist() == pytest.approx([0.0, math.log(2.0)])


def test_classifier_reads_its_units_only():
    net = network(Classifier(units=(1, 3), hidden=(5,)))
    terms = Objective(net)(batch(), Context())
    assert [tuple(value.shape) for value in net.penalty_state(0).parameters()] == [(5, 2), (5,), (3, 5), (3,)]
    last = gradients(net, terms["classifier"].sum())["encoder.blocks.2.weight"]
    assert last[1:3].abs().min(1).values.gt(0).all()
    assert (last[[0, 3]] == 0).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, r"Classifier needs labels: pass y to fit\."),
        (np.linspace(0, 1, 30), "Classifier needs classes: pass y to fit, as integers or text"),
    ],
    ids=["none", "floats"],
)
def test_classifier_needs_classes(y, message):
    X = np.random.default_rng(0).random((30, 4), dtype=np.float32)
    with pytest.raises(ParameterError, match=message):
        Autoencoder(code=2, penalties=(Classifier(),), training=Training(max_epochs=1)).fit(X, y)


@pytest.mark.parametrize("penalty", [Siamese(), Triplet(), Classifier()])
def test_one_label_a_row_is_asked_for(penalty):
    X = np.random.default_rng(0).random((30, 4), dtype=np.float32)
    model = Autoencoder(code=2, penalties=(penalty,), training=Training(max_epochs=1))
    with pytest.raises(ParameterError, match=r"needs one label a row, but .* have shape \(30, 2\)"):
        model.fit(X, np.zeros((30, 2), dtype=int))


@pytest.mark.parametrize("penalty", [Siamese(), Triplet()])
def test_pairs_need_labels(penalty):
    X = np.random.default_rng(0).random((30, 4), dtype=np.float32)
    with pytest.raises(ParameterError, match="needs labels: pass y to fit"):
        Autoencoder(code=2, penalties=(penalty,), training=Training(max_epochs=1)).fit(X)


def test_units_must_lie_in_the_code():
    with pytest.raises(ParameterError, match=r"units of Triplet are \(2, 9\), but the code has 4 units"):
        network(Triplet(units=(2, 9)))
    with pytest.raises(ParameterError, match="start < stop"):
        Siamese(units=(3, 3))


def test_classes_of_new_rows_come_back_in_the_form_of_y(tmp_path):
    X, number = load_iris(return_X_y=True)
    y = np.array(["setosa", "versicolor", "virginica"])[number]
    model = Autoencoder(
        Dense((16,)),
        code=2,
        penalties=(Classifier(2.0, (8,)),),
        scaling="standard",
        training=Training(max_epochs=60, batch_size=25, learning_rate=1e-2),
        random_state=0,
    ).fit(X[::2], y[::2])
    chances = probabilities(model, X[1::2])
    assert chances.shape == (75, 3)
    assert np.allclose(chances.sum(1), 1, atol=1e-6)
    found = predict(model, X[1::2])
    assert (found == model.classes_[chances.argmax(1)]).all()
    assert (found == y[1::2]).mean() > 0.9
    # A row's probabilities do not depend on the rows beside it, nor on the process.
    assert np.array_equal(probabilities(model, X[1:2]), chances[:1])
    model.save(tmp_path / "model")
    assert np.array_equal(probabilities(load(tmp_path / "model"), X[1::2]), chances)


def test_a_model_without_a_classifier_knows_no_classes():
    X = np.random.default_rng(0).random((10, 4), dtype=np.float32)
    with pytest.raises(NotFittedError):
        predict(Autoencoder(), X)
    with pytest.raises(ParameterError, match="this model has no classifier"):
        predict(Autoencoder(code=2, training=Training(max_epochs=1)).fit(X), X)


def test_unlabelled_rows_train_the_autoencoder_and_not_the_classifier():
    net = network(Classifier())
    whole = batch()
    known = Batch(whole.x[:3], None, whole.labels[:3])
    partly = Batch(whole.x, None, torch.where(torch.arange(6) < 3, whole.labels, -1))
    sums = [Objective(net)(one, Context())["classifier"].sum() for one in (known, partly)]
    torch.testing.assert_close(sums[0], sums[1])
    for name, value in gradients(net, sums[0]).items():
        torch.testing.assert_close(
            gradients(net, Objective(net)(partly, Context())["classifier"].sum())[name], value
        )


# ---------------------------------------------------------------- pairs and triplets


def test_siamese_on_three_rows():
    z = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.6, 0.8]])  # distances 5 (same), 1 and 4 (different)
    found = Siamese(margin=2.0)(passed(z, torch.tensor([0, 0, 1])), None)
    # Same: 25 / 2. Different: (2 - 1)^2 / 2 and 0.
    assert found.tolist() == pytest.approx([(12.5 + 0.5) / 2, 12.5 / 2, 0.5 / 2])
    balanced = Siamese(margin=2.0, balanced=True)(passed(z, torch.tensor([0, 0, 1])), None)
    assert balanced.tolist() == pytest.approx([(12.5 + 0.5) / 2, 12.5 / 2, 0.25 / 2])


def test_siamese_is_the_mean_over_all_pairs_that_have_labels():
    labels = torch.tensor([0.0, 1.0, 0.0, math.nan, 1.0, 1.0])
    apart = torch.cdist(CODES, CODES).tolist()
    pairs = [(i, j) for i, j in itertools.permutations(range(6), 2) if 3 not in (i, j)]
    values = [
        apart[i][j] ** 2 / 2 if labels[i] == labels[j] else max(0.0, 1.5 - apart[i][j]) ** 2 / 2
        for i, j in pairs
    ]
    found = Siamese(margin=1.5)(passed(CODES, labels), None)
    assert found[3] == 0
    # Five labelled rows of six.
    assert float(found.mean()) == pytest.approx(5 / 6 * sum(values) / len(values), rel=1e-5)


def triplets(apart, labels, anchor):
    rows = range(len(labels))
    for positive, negative in itertools.product(rows, rows):
        if positive != anchor and labels[positive] == labels[anchor] != labels[negative]:
            yield apart[anchor][positive] - apart[anchor][negative]


@pytest.mark.parametrize("mining", ["hard", "all", "violating"])
@pytest.mark.parametrize("margin", [0.05, 0.7, 3.0])
def test_triplets_are_those_of_a_loop(mining, margin):
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(14, 3, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 0, 1, 2, 2])
    apart = torch.cdist(z, z).tolist()
    expected = []
    for anchor in range(14):
        differences = list(triplets(apart, labels.tolist(), anchor))
        hinges = [max(0.0, margin + difference) for difference in differences]
        if mining == "violating":
            hinges = [value for value in hinges if value > 0] or hinges
        expected.append(max(hinges) if mining == "hard" else sum(hinges) / len(hinges)) if hinges else None
    assert len(expected) == 13  # the only row of class 3 is no anchor
    found = Triplet(margin=margin, mining=mining)(passed(z, labels), None)
    assert found[9] == 0
    assert found[labels != 3].tolist() == pytest.approx([value * 14 / 13 for value in expected])
    assert float(found.mean()) == pytest.approx(sum(expected) / 13)


def test_the_soft_margin_is_softplus():
    found = Triplet(margin=None)(passed(CODES, LABELS), None)
    apart = torch.cdist(CODES, CODES).tolist()
    hardest = [max(triplets(apart, LABELS.tolist(), anchor)) for anchor in range(5)]
    expected = [math.log1p(math.exp(difference)) * 6 / 5 for difference in hardest]
    assert found.tolist() == pytest.approx([*expected, 0.0], rel=1e-5)
    with pytest.raises(ParameterError, match="soft margin needs mining='hard'"):
        Triplet(margin=None, mining="all")


@pytest.mark.parametrize(
    "penalty",
    [Siamese(), Siamese(balanced=True), *(Triplet(mining=mining) for mining in ("hard", "all", "violating"))],
    ids=repr,
)
@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3], [-1, -1, 0, 0]])
def test_equal_codes_and_lonely_classes_give_finite_gradients(penalty, labels):
    z = torch.zeros(4, 3, requires_grad=True)
    value = penalty(passed(z, torch.tensor(labels)), None).mean()
    (gradient,) = torch.autograd.grad(value, z)
    assert torch.isfinite(value)
    assert (gradient == 0).all()


def test_distances_keep_small_differences():
    z = torch.tensor([[1000.0, 0.0], [1000.0, 1e-3]])
    assert float(distances(z)[0, 1]) == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize("penalty", [Siamese(20.0, 2.0, balanced=True), Triplet(5.0, mining="all")], ids=repr)
def test_classes_of_digits_move_apart(penalty):
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)

    def ratio(*penalties):
        """Mean distance within a class over mean distance between classes, of held-out rows."""
        model = Autoencoder(
            Dense((64,)), code=6, penalties=penalties, training=Training(max_epochs=15), random_state=0
        ).fit(X[:1200], y[:1200])
        z, labels = model.transform(X[1200:]), y[1200:]
        apart = np.linalg.norm(z[:, None] - z[None], axis=2)
        same = labels[:, None] == labels[None]
        return apart[same].mean() / apart[~same].mean()

    assert ratio(penalty) < 0.75 * ratio()


# ---------------------------------------------------------------- redundancy


def parts_of_code(n=2001, seed=0, mixed=0.6):
    """Two dependent sets of columns, float64."""
    generator = torch.Generator().manual_seed(seed)
    shared, one, other = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for _ in range(3))
    return shared[:, :2] + mixed * one[:, :2], shared + mixed * other


def test_cross_covariance_by_hand():
    z = torch.tensor([[0.0, 0.0, 1.0], [2.0, 4.0, 1.0], [4.0, 2.0, 4.0]])
    # Deviations: (-2, 0, 2), (-2, 2, 0), (-1, -1, 2). Covariances of the first with the others: 4 / 3 and 2.
    found = Redundancy(split=1, measure="cross_covariance")(passed(z), None)
    assert found.tolist() == pytest.approx([0.5 * (16 / 9 + 4)] * 3)
    # Variances 8 / 3, 8 / 3, 2.
    found = Redundancy(split=1, measure="cross_correlation")(passed(z), None)
    assert found.tolist() == pytest.approx([0.5 * (16 / 9 / (64 / 9) + 4 / (16 / 3))] * 3)


def test_cca_is_the_information_in_the_canonical_correlations():
    first, second = parts_of_code()
    found = float(redundancy.canonical_information(first, second))
    correlations = canonical_correlations(first.numpy(), second.numpy(), ridge=0.0)
    assert correlations.min() > 0.5
    assert found == pytest.approx(-0.5 * np.log(1 - correlations**2).sum(), rel=0.01)


def test_cca_does_not_see_linear_maps_and_covariances_do():
    first, second = parts_of_code()
    turn = torch.tensor([[1.0, 2.0], [-0.5, 3.0]], dtype=torch.float64)
    values = {
        name: (float(measure(first, second)), float(measure(0.1 * first @ turn + 5, second)))
        for name, measure in redundancy._MEASURES.items()
    }
    assert values["cca"][1] == pytest.approx(values["cca"][0], rel=0.01)
    assert values["cross_covariance"][1] < 0.3 * values["cross_covariance"][0]
    assert values["hsic"][1] > 0.2
    scaled = float(redundancy.hilbert_schmidt(7 * first, second))
    assert scaled == pytest.approx(values["hsic"][0])


def test_independent_parts_have_the_bias_that_is_declared():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(200, 300, 10, generator=generator, dtype=torch.float64)
    found = torch.stack([redundancy.canonical_information(z[:, :4], z[:, 4:]) for z in draws])
    expected = 4 * 6 / (2 * 300)
    assert abs(float(found.mean()) - expected) < 4 * float(found.std()) / math.sqrt(200) + 0.1 * expected


def test_hsic_is_the_metric_and_sees_what_correlations_miss():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(
        63, 1, generator=generator, dtype=torch.float64
    )  # 1953 pairs: their median is one of them
    bent = x.square() + 0.1 * torch.randn(63, 1, generator=generator, dtype=torch.float64)
    found = float(redundancy.hilbert_schmidt(x, bent))
    assert found == pytest.approx(hsic(x.numpy(), bent.numpy()))
    assert found > 3 * float(redundancy.hilbert_schmidt(x, bent[torch.randperm(63, generator=generator)]))
    assert float(redundancy.hilbert_schmidt(x, -2 * x)) == pytest.approx(1.0)


@pytest.mark.parametrize("measure", list(redundancy._MEASURES))
def test_constant_units_and_single_rows_are_no_dependence(measure):
    part = Redundancy(measure=measure)
    z = torch.cat([torch.ones(5, 2), torch.rand(5, 2)], dim=1).requires_grad_()
    found = part(passed(z), None)
    assert found.tolist() == pytest.approx([0.0] * 5, abs=1e-6)
    assert torch.isfinite(torch.autograd.grad(found.mean(), z)[0]).all()
    assert part(passed(z[:1]), None).tolist() == [0.0]


@pytest.mark.parametrize("measure", list(redundancy._MEASURES))
@pytest.mark.parametrize("gives_way", ["both", "first", "second"])
def test_only_the_part_that_gives_way_moves(measure, gives_way):
    first, second = parts_of_code(n=50)
    z = torch.cat([first, second], dim=1).requires_grad_()
    value = Redundancy(split=2, measure=measure, gives_way=gives_way)(passed(z), None).mean()
    (gradient,) = torch.autograd.grad(value, z)
    assert bool(gradient[:, :2].any()) == (gives_way != "second")
    assert bool(gradient[:, 2:].any()) == (gives_way != "first")


def test_redundancy_needs_two_parts():
    with pytest.raises(ParameterError, match="split=4 leaves none of its 4 units"):
        network(Redundancy(split=4))
    with pytest.raises(ParameterError, match="leaves none of its 1 units"):
        network(Redundancy(), code=Deterministic(1))


# ---------------------------------------------------------------- branches


def test_each_encoder_gives_its_units():
    net = network(architecture=Branches(Dense((6,)), Dense((7, 3)), first_size=1))
    x = batch().x
    z = net.encode(x).z
    assert torch.equal(z[:, :1], net.encoder.first(x))
    assert torch.equal(z[:, 1:], net.encoder.second(x))
    assert net.decode(z).shape == (6, 5)
    assert net.hidden_sizes() == [6, 7, 3]


def test_means_and_log_variances_go_to_the_units_of_their_encoder():
    net = network(code=Gaussian(4), architecture=Branches(Dense((6,)), Dense((6,)), first_size=1))
    x = batch().x
    posterior = net.encode(x).posterior
    one, other = net.encoder.first(x), net.encoder.second(x)
    assert torch.equal(posterior.mean, torch.cat([one[:, :1], other[:, :3]], dim=1))
    torch.testing.assert_close(
        posterior.log_var, 15 * torch.tanh(torch.cat([one[:, 1:], other[:, 3:]], dim=1) / 15)
    )


def test_the_decoders_gradient_reaches_the_first_encoder_by_its_share():
    found = {}
    for share in (1.0, 0.25, 0.0):
        net = network(architecture=Branches(Dense((6,)), Dense((6,)), 2, share))
        loss = Objective(net)(batch(), Context())["reconstruction"].mean()
        found[share] = (
            float(loss.detach()),
            {
                name.replace("decoder.decoder", "decoder"): value
                for name, value in gradients(net, loss).items()
            },
        )
    for share in (0.25, 0.0):
        assert found[share][0] == found[1.0][0]
        for name, value in found[1.0][1].items():
            factor = share if name.startswith("encoder.first") else 1.0
            torch.testing.assert_close(found[share][1][name], factor * value)


def test_a_first_encoder_that_is_deaf_learns_from_the_classifier_alone():
    net = network(Classifier(units=(0, 2)), architecture=Branches(Dense((6,)), Dense((6,)), 2, 0.0))
    terms = Objective(net)(batch(), Context())
    alone = gradients(net, terms["classifier"].mean())
    terms = Objective(net)(batch(), Context())
    both = gradients(net, sum(terms.values()).mean())
    for name in both:
        if name.startswith("encoder.first"):
            torch.testing.assert_close(both[name], alone[name])
            assert both[name].any()


def test_branches_need_units_for_both():
    with pytest.raises(ParameterError, match="leaves one of them nothing"):
        network(code=Deterministic(1), architecture=Branches())
    with pytest.raises(ParameterError, match="first_size=4 of a code of 4"):
        network(architecture=Branches(first_size=4))


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize(
    "penalty",
    [
        Classifier(),
        Siamese(),
        Triplet(mining="all"),
        Triplet(mining="hard"),
        *(Redundancy(measure=measure) for measure in redundancy._MEASURES),
    ],
    ids=repr,
)
def test_trains_in_bfloat16(penalty):
    X, y = load_digits(return_X_y=True)
    model = Autoencoder(
        Dense((16,)),
        code=4,
        penalties=(penalty,),
        training=Training(max_epochs=2, precision="bfloat16", validation_fraction=0.1),
        random_state=0,
    ).fit((X[:400] / 16).astype(np.float32), y[:400])
    assert all(math.isfinite(record["loss"]) for record in model.history_)


def test_numbers_by_softmax_of_torch():
    net = network(Classifier())
    one = batch()
    logits = net.penalty_state(0)(net.encode(one.x).z)
    found = Objective(net)(one, Context())["classifier"]
    torch.testing.assert_close(found, -F.log_softmax(logits, 1)[torch.arange(6), LABELS])
