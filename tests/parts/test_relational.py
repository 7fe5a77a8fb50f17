"""Relations between rows and weighted sets of rows: formulas by hand, gradients, memory, and the balance."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from isthmus.architectures.dense import Dense
from isthmus.errors import ParameterError
from isthmus.losses.binary_cross_entropy import BinaryCrossEntropy
from isthmus.nn.balance import INTERVAL, GradientBalance
from isthmus.nn.neighbors import heat_weights, linear_weights, squared_distances
from isthmus.nn.similarity import (
    distance_changes,
    distances,
    divergence,
    heat,
    product_changes,
    student_divergence,
)
from isthmus.objective import Objective, total
from isthmus.penalties.generalized import Generalized
from isthmus.penalties.relational import CodeScale, Relational
from isthmus.training.loop import train
from isthmus.types import Batch, Context, Encoded, Forward
from training.networks import feed, network, rows, training


def passed(penalty, x, output, *, mask=None, labels=None, loss=None):
    """A pass whose output is given, through a penalty and its new state in evaluation mode."""
    x, output = torch.as_tensor(x, dtype=torch.float64), torch.as_tensor(output, dtype=torch.float64)
    net = network(penalties=(penalty,), loss=loss, features=x.shape[1]).double().eval()
    forward = Forward(x, x, mask, labels, Encoded(x[:, :3]), output, net, Context())
    return penalty(forward, net.penalty_state(0))


def uniform(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# ---------------------------------------------------------------- similarities


def test_changes_of_products_and_their_gradient():
    x, others = uniform(2, 7, 5, seed=1), uniform(2, 7, 5, seed=2).requires_grad_()
    expected = others @ others.mT - x @ x.mT
    torch.testing.assert_close(product_changes(x, others), expected)
    weights = uniform(2, 7, 7, seed=3)  # not symmetric
    (found,) = torch.autograd.grad((product_changes(x, others) * weights).sum(), others)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), others)
    torch.testing.assert_close(found, wanted)


def test_changes_of_distances_and_their_gradient():
    x, others = uniform(2, 7, 5, seed=1), uniform(2, 7, 5, seed=2).requires_grad_()
    expected = torch.cdist(others, others).square() - torch.cdist(x, x).square()
    torch.testing.assert_close(distance_changes(x, others), expected)
    weights = uniform(2, 7, 7, seed=3)
    (found,) = torch.autograd.grad((distance_changes(x, others) * weights).sum(), others)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), others)
    torch.testing.assert_close(found, wanted)


def test_distances_over_entries_known_in_both_rows():
    x, known = uniform(1, 4, 6), uniform(1, 4, 6, seed=1) < 0.7
    x = x * known
    found = distances(x, known)
    for i in range(4):
        for j in range(4):
            both = known[0, i] & known[0, j]
            expected = (x[0, i] - x[0, j])[both].square().sum() * 6 / both.sum().clamp(min=1)
            torch.testing.assert_close(found[0, i, j], expected)
    others = uniform(1, 4, 6, seed=2) * known
    changes = distance_changes(x, others, known)
    torch.testing.assert_close(changes, distances(others, known) - found)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("n", [3, 10, 200])
def test_a_rows_temperature_follows_its_neighbourhood(n, scale):
    x = torch.randn(n, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[: n // 2] *= 5  # half of the rows live in a thin neighbourhood, half in a dense one
    apart = scale * torch.cdist(x, x).square()
    log_p, coldness = heat(apart, perplexity=15.0)
    p = log_p.exp()
    perplexity = torch.special.entr(p).sum(1).exp()
    torch.testing.assert_close(perplexity, torch.full_like(perplexity, min(15.0, n / 2)), rtol=0.05, atol=0.0)
    assert (p.diagonal() == 0).all()
    other = p.masked_fill(torch.eye(n, dtype=torch.bool), -1).argmax(1)
    here = torch.arange(n)
    ratio = -(log_p[here, other][:, None] - log_p) / coldness
    expected = apart[here, other][:, None] - apart
    apart_from_itself = ~torch.eye(n, dtype=torch.bool)
    torch.testing.assert_close(ratio[apart_from_itself], expected[apart_from_itself])


@pytest.mark.parametrize("kind", ["clusters", "heavy tails", "copies"])
def test_a_temperature_is_found_where_distances_are_of_many_sizes(kind):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(128, 5, generator=generator)
    if kind == "clusters":
        x += 20 * torch.randn(8, 5, generator=generator)[torch.arange(128) % 8]
    elif kind == "heavy tails":
        x /= torch.rand(128, 1, generator=generator)
    else:
        x[:20] = x[0]  # more copies than neighbours are asked for: their kernel covers them all
    log_p, coldness = heat(distances(x[None])[0], perplexity=10.0)
    found = torch.special.entr(log_p.exp()).sum(1).exp()
    assert coldness.isfinite().all()
    assert (found / 10 - 1).abs().quantile(0.8) < 0.03
    if kind == "copies":
        torch.testing.assert_close(found[:20], torch.full((20,), 19.0), rtol=0.03, atol=0.0)


def test_equal_distances_have_no_temperature():
    log_p, coldness = heat(3.0 * (1 - torch.eye(4)), perplexity=2.0)
    torch.testing.assert_close(log_p.exp(), (1 - torch.eye(4)) / 3)
    assert (coldness == 0).all()


def test_divergence_is_its_formula():
    log_p, changes = uniform(3, 6).log_softmax(1), uniform(3, 6, seed=1).requires_grad_()
    coldness = uniform(3, 1, seed=2)
    q = torch.softmax(log_p - coldness * changes, dim=1)
    expected = F.kl_div(q.log(), log_p, log_target=True, reduction="none").sum(1)
    torch.testing.assert_close(divergence(log_p, changes, coldness), expected)
    weights = uniform(3, seed=3)
    (found,) = torch.autograd.grad((divergence(log_p, changes, coldness) * weights).sum(), changes)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), changes)
    torch.testing.assert_close(found, wanted)


# ---------------------------------------------------------------- relational

X = [[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]
REBUILT = [[1.0, 1.0], [0.0, 1.0], [2.0, 0.0]]
# Similarities before: 12: 0, 13: 3, 23: 2. After: 12: 1, 13: 2, 23: 0.


def test_products_by_hand():
    found = passed(Relational(relation="product"), X, REBUILT)
    expected = [(1 + 1) / 2 / 2, (1 + 4) / 2 / 2, (1 + 4) / 2 / 2]  # half the mean over two partners
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_the_rectifier_by_hand():
    found = passed(Relational(relation="product", threshold=1.5), X, REBUILT)
    # Rectified before: 0, 3, 2. After: 0, 2, 0.
    expected = [(0 + 1) / 4, (0 + 4) / 4, (1 + 4) / 4]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    # Each row's own mean: 1.5, 1, 2.5. Row 2 keeps pair 12 after (1 >= 1); row 3 keeps only pair 13 before.
    found = passed(Relational(relation="product", threshold="auto"), X, REBUILT)
    expected = [(0 + 1) / 4, (1 + 4) / 4, (9 + 0) / 4]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_centered_and_cosine_are_products_of_other_rows():
    x, output = uniform(6, 4), uniform(6, 4, seed=1)
    centered = passed(Relational(relation="product"), x - x.mean(0), output - x.mean(0))
    torch.testing.assert_close(passed(Relational(relation="centered"), x, output), centered)
    scaled = (F.normalize(value - x.mean(0)) for value in (x, output))
    cosine = passed(Relational(relation="product"), *scaled)
    torch.testing.assert_close(passed(Relational(relation="cosine"), x, output), cosine)


def test_neighbors_is_a_divergence_of_neighbourhoods():
    x, output = uniform(12, 4), uniform(12, 4, seed=1)
    penalty = Relational(perplexity=4.0, on="reconstruction")
    apart, after = (torch.cdist(value, value).square() for value in (x, output))
    log_p, coldness = heat(apart, perplexity=4.0)
    itself = torch.eye(12, dtype=torch.bool)
    p, q = (
        torch.softmax((-coldness * value).masked_fill(itself, -math.inf), dim=1) for value in (apart, after)
    )
    torch.testing.assert_close(p, log_p.exp())
    expected = (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(1)
    torch.testing.assert_close(passed(penalty, x, output), expected)


@pytest.mark.parametrize("relation", ["neighbors", "product", "centered", "cosine"])
def test_perfect_reconstructions_cost_nothing(relation):
    x = uniform(9, 4)
    found = passed(Relational(relation=relation, on="reconstruction"), x, x)
    torch.testing.assert_close(found, torch.zeros(9, dtype=torch.float64))


@pytest.mark.parametrize("relation", ["neighbors", "centered"])
def test_rows_are_compared_within_their_blocks(relation):
    x, output = uniform(10, 4), uniform(10, 4, seed=1)
    penalty = Relational(relation=relation, partners=4, on="reconstruction")
    pieces = [passed(penalty, x[cut], output[cut]) for cut in (slice(4), slice(4, 8), slice(8, 10))]
    torch.testing.assert_close(passed(penalty, x, output), torch.cat(pieces))


@pytest.mark.parametrize("relation", ["neighbors", "product", "cosine"])
def test_unknown_entries_do_not_matter(relation):
    known = uniform(8, 5, seed=2) < 0.6
    x = uniform(8, 5) * known
    output = uniform(8, 5, seed=1).requires_grad_()
    found = passed(Relational(relation=relation, on="reconstruction"), x, output, mask=known)
    other = passed(Relational(relation=relation, on="reconstruction"), x, output + 10 * ~known, mask=known)
    torch.testing.assert_close(found, other)
    (gradient,) = torch.autograd.grad(found.sum(), output)
    assert (gradient[~known] == 0).all()
    assert (gradient[known] != 0).any()


def test_bfloat16_keeps_the_digits_of_small_changes():
    x = 5 + uniform(64, 50, dtype=torch.float32)[None]
    others = (x + 0.05 * uniform(64, 50, seed=1, dtype=torch.float32)).requires_grad_()
    exact = product_changes(x, others)
    with torch.autocast("cpu", torch.bfloat16):
        short = product_changes(x, others)
    # Products are near 1500, where neighbouring bfloat16 numbers are 8 apart; the changes are near 13.
    torch.testing.assert_close(short, exact, rtol=0.02, atol=0.02)


class _Largest(TorchDispatchMode):
    """Numbers in the largest tensor that any operation makes."""

    size = 0

    def __torch_dispatch__(self, function, types, arguments=(), names=None):
        made = function(*arguments, **(names or {}))
        for value in made if isinstance(made, tuple | list) else (made,):
            if isinstance(value, torch.Tensor):
                self.size = max(self.size, value.numel())
        return made


@pytest.mark.parametrize(
    "penalty",
    [
        Relational(partners=64),
        Generalized(k=4),
        Generalized(relation="linear", k=4),
        Generalized(relation="labels"),
    ],
    ids=repr,
)
def test_memory_does_not_grow_with_the_square_of_the_batch(penalty):
    largest = []
    for n in (1024, 2048):
        objective = Objective(network(penalties=(penalty,)))
        batch = Batch(rows(n), None, torch.arange(n) % 3)
        with _Largest() as mode:
            total(objective(batch, Context(torch.Generator()))).mean().backward()
        largest.append(mode.size)
    assert largest[1] <= 2.01 * largest[0]
    assert largest[1] < 2048 * 2048 / 4


def test_a_threshold_is_for_similarities():
    with pytest.raises(ParameterError, match="whose kernel fades"):
        Relational(threshold=0.5)


# ---------------------------------------------------------------- balance


def test_the_factor_is_the_ratio_of_running_lengths():
    balance = GradientBalance()
    assert balance.factor() == 1
    assert balance.step()
    balance.observe(torch.full((2, 3), 4.0), torch.full((2, 3), 0.5))
    torch.testing.assert_close(balance.squares, torch.tensor([48.0, 0.75]))  # per row
    torch.testing.assert_close(balance.factor(), torch.tensor(8.0))
    assert [balance.step() for _ in range(INTERVAL)] == [False] * (INTERVAL - 1) + [True]
    balance.observe(torch.zeros(2, 3), torch.full((2, 3), 0.5))
    torch.testing.assert_close(balance.squares, torch.tensor([24.0, 0.75]))  # the mean of two


def test_a_balance_goes_on_where_it_was_saved():
    first, second = GradientBalance(), GradientBalance()
    for _ in range(5):
        first.step()
    assert second.step()
    second.load_state_dict(first.state_dict())
    assert [second.step() for _ in range(INTERVAL)] == [first.step() for _ in range(INTERVAL)]


@pytest.mark.parametrize("penalty", [Relational(0.5, on="reconstruction"), Generalized(0.5, k=2)], ids=repr)
@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_the_penalty_pulls_as_hard_as_its_weight_says_whatever_the_unit(penalty, scale):
    objective = Objective(network(Dense((8,)), penalties=(penalty,))).train()
    seen = {}
    objective.network.decoder.register_forward_hook(lambda module, inputs, output: seen.update(output=output))
    terms = objective(Batch(scale * rows()), Context(torch.Generator()))
    lengths = [
        float(torch.autograd.grad(term.sum(), seen["output"], retain_graph=True)[0].norm())
        for term in terms.values()
    ]
    assert lengths[1] == pytest.approx(0.5 * lengths[0], rel=1e-4)
    report = penalty.report(objective.network.penalty_state(0))
    assert report["weight"] == pytest.approx(0.5 * report["factor"])
    assert report["factor"] != 1


def test_relations_of_codes_pull_as_hard_as_their_weight_says():
    penalty = Relational(0.5)
    net = network(Dense((8,)), penalties=(penalty,)).train()
    seen = {}
    net.encoder.register_forward_hook(lambda module, inputs, output: seen.update(h=output))
    terms = Objective(net)(Batch(rows()), Context(torch.Generator()))
    data, pull = (
        float(torch.autograd.grad(term.sum(), seen["h"], retain_graph=True)[0].norm())
        for term in terms.values()
    )
    assert pull == pytest.approx(0.5 * data, rel=1e-4)


def test_relations_of_codes_are_a_divergence_from_a_student_kernel():
    net = network(Dense((8,)), penalties=(Relational(perplexity=3.0, balance="fixed"),))
    state = net.penalty_state(0)
    x = rows()
    with torch.no_grad():
        state["scale"].log_unit.fill_(0.7)
        found = Objective(net).eval()(Batch(x), Context())["relational"]
        z = net.encode(x).z
        log_p, _ = heat(distances(x[None])[0], perplexity=3.0)
        near = 1 / (1 + math.exp(0.7) * torch.cdist(z, z).square())
        q = near.fill_diagonal_(0.0) / near.sum(1, keepdim=True)
        p = log_p.exp()
        expected = (torch.xlogy(p, p) - torch.xlogy(p, q + torch.eye(len(x)))).sum(1)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_unit_of_codes_is_found_whatever_their_scale(scale):
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    z = scale * x[None, :, :3]
    log_p = heat(distances(x[None]), perplexity=5.0)[0]
    apart = distances(z)
    unit = CodeScale()
    unit.learning = True
    for _ in range(60):
        unit(apart, log_p)
    unit.learning = False
    best = student_divergence(log_p, z, apart, unit(apart, log_p)).mean()
    for step in (-0.2, 0.2):
        unit.log_unit += step
        assert student_divergence(log_p, z, apart, unit(apart, log_p)).mean() > best
        unit.log_unit -= step


def test_divergence_from_a_student_kernel_is_its_formula_with_its_gradient():
    z = uniform(2, 5, 3).requires_grad_()
    log_p = heat(distances(uniform(2, 5, 6, seed=1)), perplexity=2.0)[0]
    weights, unit = uniform(2, 5, seed=2), torch.tensor(1.7, dtype=z.dtype)
    itself = torch.eye(5, dtype=torch.bool)
    kernel = (1 / (1 + unit * torch.cdist(z, z).square())).masked_fill(itself, 0.0)
    q = (kernel / kernel.sum(-1, keepdim=True)).masked_fill(itself, 1.0)
    p = log_p.exp()
    expected = (torch.xlogy(p, p) - p * q.log()).sum(-1)
    found = student_divergence(log_p, z, distances(z.detach()), unit)
    torch.testing.assert_close(found, expected)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), z)
    (gradient,) = torch.autograd.grad((found * weights).sum(), z)
    torch.testing.assert_close(gradient, wanted)


def test_a_row_alone_has_no_divergence_from_a_student_kernel():
    z = uniform(1, 1, 3).requires_grad_()
    log_p = heat(distances(uniform(1, 1, 6)), perplexity=2.0)[0]
    found = student_divergence(log_p, z, distances(z.detach()), torch.ones((), dtype=z.dtype))
    assert found.item() == 0
    assert not torch.autograd.grad(found.sum(), z)[0].any()


def test_near_codes_keep_their_distances_under_autocast():
    x = uniform(64, 20, dtype=torch.float32)
    # Rows of eight groups, near each other and far from the other groups.
    z = 20 * uniform(8, 3, seed=2, dtype=torch.float32).repeat(8, 1)
    z += 0.5 * uniform(64, 3, seed=1, dtype=torch.float32)
    found = {}
    for enabled in (False, True):
        penalty, scale = Relational(balance="fixed"), CodeScale()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            leaf = z.clone().requires_grad_()
            value = penalty._loss(x[None], leaf[None], None, scale)
        found[enabled] = value.detach(), torch.autograd.grad(value.sum(), leaf)[0]
    for exact, rounded in zip(found[False], found[True], strict=True):
        assert (rounded - exact).norm() < 0.05 * exact.norm()  # what remains is of the data's own distances


def test_products_compare_reconstructions_and_refuse_codes():
    assert Relational().on_code and not Relational(relation="product").on_code
    with pytest.raises(ParameterError, match="leave relation='neighbors'"):
        Relational(relation="product", on="code")


def test_only_training_moves_the_balance():
    net = network(penalties=(Relational(),))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    Objective(net).eval()(Batch(rows()), Context(torch.Generator()))
    Objective(net).train()(Batch(rows()), Context())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    train(net, feed(), training(), seed=0, validation=feed(rows(seed=1)))
    assert net.penalty_state(0)["balance"].steps == 21


def test_a_fixed_balance_takes_the_weight_as_it_is():
    fixed = Relational(0.5, balance="fixed", on="reconstruction")
    net = network(penalties=(fixed,))
    assert fixed.report(net.penalty_state(0)) == {"factor": 1.0, "weight": 0.5}
    assert not list(net.penalty_states.buffers())


# ---------------------------------------------------------------- neighbours


def test_squared_distances():
    x, others = uniform(3, 4), uniform(5, 4, seed=1)
    torch.testing.assert_close(squared_distances(x, others), torch.cdist(x, others).square())
    known, other_known = uniform(3, 4, seed=2) < 0.6, uniform(5, 4, seed=3) < 0.6
    known[0], other_known[0] = (
        torch.tensor([True, True, False, False]),
        torch.tensor([False, False, True, True]),
    )
    found = squared_distances(x * known, others * other_known, known=known, others_known=other_known)
    assert found[0, 0] == math.inf
    both = known[1] & other_known[1]
    expected = (x[1] - others[1])[both].square().sum() * 4 / both.sum()
    torch.testing.assert_close(found[1, 1], expected)


def test_heat_weights_have_the_perplexity_asked_for():
    apart = 100 * uniform(20, 10) + 7
    apart[0, 4:] = math.inf
    weights = heat_weights(apart, perplexity=3.0)
    torch.testing.assert_close(weights.sum(1), torch.ones(20, dtype=torch.float64))
    perplexity = torch.special.entr(weights).sum(1).exp()
    torch.testing.assert_close(perplexity, torch.full_like(perplexity, 3.0), rtol=1e-4, atol=0.0)
    assert (weights[0, 4:] == 0).all()
    few = heat_weights(torch.tensor([[1.0, 2.0, math.inf], [math.inf] * 3]), perplexity=3.0)
    torch.testing.assert_close(few, torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]))


def test_linear_weights_rebuild_what_lies_between_neighbours():
    corners = torch.tensor([[[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [9.0, 9.0]]])
    counted = torch.tensor([[True, True, True, False]])
    weights = linear_weights(torch.tensor([[1.0, 2.0]]), corners, counted=counted)
    torch.testing.assert_close(weights, torch.tensor([[0.25, 0.25, 0.5, 0.0]]), rtol=0.02, atol=0.01)


# ---------------------------------------------------------------- generalized

FOUR = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [8.0, 8.0]]
OUT = [[1.0, 1.0], [2.0, 0.0], [0.0, 0.0], [4.0, 4.0]]


def test_the_nearest_row_by_hand():
    # One neighbour each: rows 2, 1, 1 and 3 (its distance to row 3 is 100, to row 2 it is 113).
    found = passed(Generalized(k=1), FOUR, OUT)
    torch.testing.assert_close(found, torch.tensor([0.5, 2.0, 0.0, 10.0], dtype=torch.float64))


def test_rows_of_a_label_by_hand():
    labels = torch.tensor([0, 0, 0, 1])
    found = passed(Generalized(relation="labels"), FOUR, OUT, labels=labels)
    # Means of the others of the class: (.5, 1), (0, 1), (.5, 0); the fourth row is alone.
    torch.testing.assert_close(found, torch.tensor([0.125, 2.5, 0.125, 0.0], dtype=torch.float64))
    unlabelled = passed(Generalized(relation="labels"), FOUR, OUT, labels=torch.full((4,), -1))
    assert (unlabelled == 0).all()


def test_the_loss_at_the_mean_is_the_papers_sum():
    x, output, labels = uniform(6, 3), uniform(6, 3, seed=1), torch.tensor([0, 0, 0, 1, 1, 1])
    same = (labels[:, None] == labels) & ~torch.eye(6, dtype=torch.bool)
    weights = same.double() / same.sum(1, keepdim=True)
    means = weights @ x

    def papers(loss):
        pairs = torch.stack([loss(output, x[j].expand(6, 3)) for j in range(6)], 1)
        return (weights * pairs).sum(1)

    penalty = Generalized(relation="labels")
    spread = papers(lambda o, t: 0.5 * (means - t).square().sum(1))
    expected = papers(lambda o, t: 0.5 * (o - t).square().sum(1)) - spread
    torch.testing.assert_close(passed(penalty, x, output, labels=labels), expected)

    def cross_entropy(o, t):
        return F.binary_cross_entropy_with_logits(o, t, reduction="none").sum(1)

    found = passed(penalty, x, output, labels=labels, loss=BinaryCrossEntropy())
    torch.testing.assert_close(found, papers(cross_entropy))


def test_a_row_between_its_neighbours_rebuilds_itself():
    grid = torch.cartesian_prod(torch.arange(5.0), torch.arange(5.0))
    found = passed(Generalized(relation="linear", k=4), grid, grid)
    inner = ((grid > 0) & (grid < 4)).all(1)
    assert (found[inner] < 1e-6).all()
    assert (passed(Generalized(k=4), grid, grid)[inner] < 1e-6).all()
    edge = passed(Generalized(k=4), grid, grid)[~inner]
    assert (edge > 0.05).all()


def test_the_memory_finds_rows_of_earlier_batches():
    penalty = Generalized(k=1, memory=3, balance="fixed")
    net = network(penalties=(penalty,), features=2).train()
    state = net.penalty_state(0)

    def values(x, output, generator):
        x = torch.tensor(x)
        forward = Forward(x, x, None, None, Encoded(x), torch.tensor(output), net, Context(generator))
        return penalty(forward, state)

    alone = values([[0.0, 0.0]], [[3.0, 0.0]], torch.Generator())
    assert alone == 0  # nothing to be related to, but kept
    assert state["memory"].filled.tolist() == [True, False, False]
    torch.testing.assert_close(values([[1.0, 0.0]], [[3.0, 0.0]], None), torch.tensor([4.5]))
    assert state["memory"].filled.sum() == 1  # evaluation keeps nothing
    values([[5.0, 0.0], [6.0, 0.0], [7.0, 0.0]], [[0.0, 0.0]] * 3, torch.Generator())
    assert state["memory"].x[:, 0].tolist() == [5.0, 6.0, 7.0]


def test_unknown_entries_of_a_neighbour_count_as_the_rows_own():
    known = torch.tensor([[True, True], [True, False]])
    x = torch.tensor([[1.0, 5.0], [2.0, 0.0]])
    found = passed(Generalized(k=1), x, [[0.0, 0.0], [0.0, 9.0]], mask=known)
    torch.testing.assert_close(found, torch.tensor([0.5 * (4 + 25), 0.5], dtype=torch.float64))


def test_labels_are_asked_for():
    objective = Objective(network(penalties=(Generalized(relation="labels"),)))
    with pytest.raises(ParameterError, match="needs one label a row: pass y"):
        objective(Batch(rows()), Context())
