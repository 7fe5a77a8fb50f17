"""Penalties on the Jacobian against brute force, weight decay by hand, and what contraction does."""

import copy
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.func import functional_call, jacrev, vmap

from isthmus.architectures.conv import Conv
from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.codes.top_k import TopK
from isthmus.composition import Composition, Parts
from isthmus.errors import ParameterError
from isthmus.estimator import Autoencoder
from isthmus.losses.squared_error import SquaredError
from isthmus.nn.activations import ACTIVATIONS
from isthmus.nn.tangents import linearized
from isthmus.objective import Objective
from isthmus.penalties.contractive import TOGETHER, Contractive
from isthmus.penalties.contractive_hessian import ContractiveHessian
from isthmus.penalties.weight_decay import WeightDecay
from isthmus.training.training import Training
from isthmus.types import Batch, Context, Event
from training.networks import network, rows


def noisy(seed=0):
    return Context(torch.Generator().manual_seed(seed), 0.5)


def brute(net, x):
    """(batch, code, features) the Jacobian of the deterministic code, one backward pass a number of it."""
    still = copy.deepcopy(net).eval()
    parameters = dict(net.named_parameters()) | dict(net.named_buffers())

    def code(row):
        return functional_call(still, parameters, (row[None],))[0]

    still.forward = lambda row: still.encode(row).z
    return vmap(jacrev(code))(x).flatten(2)


def doubled(penalty, architecture=None, **fields):
    return network(architecture, penalties=(penalty,), **fields).double()


def term(net, x, mask=None, context=None):
    """The only penalty's term."""
    (name,) = Objective(net).penalty_names
    return Objective(net)(Batch(x, mask), context or noisy())[name]


EXACT = Contractive(1.0, estimate="exact")
ENCODERS = {
    "one layer": (Dense(()), Deterministic(4, activation="sigmoid")),
    "one linear layer": (Dense(()), Deterministic(4)),
    "deep": (Dense((9, 8)), Deterministic(4)),
    "deep, wide code": (Dense((9, 8), activation="tanh"), Deterministic(11, activation="tanh")),
    "gaussian": (Dense((9,), activation="elu"), Gaussian(3)),
    "gaussian, one layer": (Dense(()), Gaussian(3)),
    "top k": (Dense((9,), activation="silu"), TopK(5, k=2)),
    "top k, one layer": (Dense(()), TopK(5, k=2)),
    "batch norm": (Dense((9,), normalization="batch", activation="tanh"), Deterministic(4)),
    "layer norm": (Dense((9,), normalization="layer"), Deterministic(4)),
    "dropout": (Dense((9,), dropout=0.3), Deterministic(4)),
    "tied": (Dense((9,), tied=True, activation="sigmoid"), Deterministic(4)),
}


@pytest.mark.parametrize("masked", [False, True], ids=["known", "masked"])
@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_exact_is_brute_force(encoder, masked):
    architecture, code = ENCODERS[encoder]
    net = doubled(EXACT, architecture, code=code)
    x = rows(7).double()
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) < 0.7 if masked else None
    known = torch.ones_like(x) if mask is None else mask.double()
    found = term(net, x * known, mask)  # first: a training pass moves running statistics
    expected = (brute(net, x * known) * known[:, None]).square().sum((1, 2))
    assert expected.min() > 0
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_exact_is_brute_force_for_every_activation(activation):
    net = doubled(EXACT, Dense((9, 8), activation=activation), code=Deterministic(3, activation=activation))
    x = rows(7).double()
    torch.testing.assert_close(term(net, x), brute(net, x).square().sum((1, 2)), rtol=1e-10, atol=1e-12)


def test_exact_is_brute_force_for_images():
    parts = Parts(
        Conv((3, 4), activation="elu", normalization="batch"),
        Deterministic(3),
        SquaredError(),
        penalties=(EXACT,),
    )
    net = Composition(parts, Event((2, 7, 5))).double()
    x = torch.rand(4, 2, 7, 5, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(term(net, x), brute(net, x).square().sum((1, 2)), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("encoder", ["one layer", "deep", "deep, wide code", "gaussian", "batch norm"])
def test_its_gradient_is_that_of_brute_force(encoder):
    architecture, code = ENCODERS[encoder]
    net = doubled(EXACT, architecture, code=code)
    x = rows(7).double()
    parameters = [value for value in net.encoder.parameters() if value.requires_grad]
    found = torch.autograd.grad(term(net, x).sum(), parameters, allow_unused=True)
    expected = torch.autograd.grad(brute(net, x).square().sum(), parameters, allow_unused=True)
    for one, other in zip(found, expected, strict=True):
        other = torch.zeros(()) if other is None else other
        one = torch.zeros_like(other) if one is None else one
        torch.testing.assert_close(one, other.expand_as(one).to(one), rtol=1e-9, atol=1e-11)


def test_a_sigmoid_unit_by_hand():
    """sum_j (z_j (1 - z_j))^2 sum_i W_ji^2."""
    net = network(
        Dense(()), code=Deterministic(2, activation="sigmoid"), penalties=(Contractive(2.0),), features=2
    )
    layer = net.encoder.blocks[0]
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0], [1.0, -1.0]]))
        layer.bias.copy_(torch.tensor([0.0, math.log(3)]))
    found = term(net, torch.zeros(1, 2))
    assert found.item() == pytest.approx(2 * (0.25**2 * 25 + (0.75 * 0.25) ** 2 * 2))


@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_hutchinson_is_unbiased(encoder):
    """One row many times, each with directions of its own: the mean is the norm within four standard errors."""
    architecture, code = ENCODERS[encoder]
    net = doubled(Contractive(1.0, estimate="hutchinson"), architecture, code=code).eval()
    for row in rows(3).double():
        found = term(net, row.expand(20_000, -1)).detach()
        expected = brute(net, row[None]).detach().square().sum()
        error = found.std() / math.sqrt(len(found)) + 1e-12
        assert abs(found.mean() - expected) <= 4 * error


def test_the_variance_of_one_product():
    """Twice the sum of squared products of different rows of J; with s samples a part of it."""
    net = doubled(
        Contractive(1.0, estimate="hutchinson"), Dense((9, 8), activation="tanh"), code=Deterministic(4)
    )
    row = rows(1).double()
    jacobian = brute(net, row)[0].detach()
    products = jacobian @ jacobian.t()
    expected = 2 * float(products.square().sum() - products.diagonal().square().sum())
    for samples in (1, 3):
        net.parts.penalties[0].samples = samples
        found = term(net, row.expand(20_000, -1)).detach()
        assert float(found.var()) == pytest.approx(expected / samples, rel=0.1)


def test_as_many_samples_as_numbers_are_all_directions():
    net = doubled(Contractive(1.0, samples=3), Dense((9,)), code=Deterministic(3))
    x = rows(5).double()
    torch.testing.assert_close(term(net, x), brute(net, x).square().sum((1, 2)))


@pytest.mark.parametrize("penalty", [Contractive(1.0), ContractiveHessian(1.0)], ids=repr)
def test_evaluation_is_exact_for_small_codes_and_fixed_for_large_ones(penalty):
    x = rows(300).double()
    small = doubled(penalty, Dense((9, 8)), code=Deterministic(4))
    large = doubled(penalty, Dense((50,), activation="tanh"), code=Deterministic(TOGETHER + 8), features=60)
    wide = rows(300, 60).double() / 60
    for net, data in ((small, x), (large, wide)):
        with torch.no_grad():
            first, again = (term(net, data, context=Context()) for _ in range(2))
        assert torch.equal(first, again)
        assert not first.requires_grad
    if isinstance(penalty, Contractive):
        with torch.no_grad():
            found = term(small, x, context=Context())
        torch.testing.assert_close(found, brute(small, x).square().sum((1, 2)))
        exact = brute(large, wide).detach().square().sum((1, 2))
        assert float(first.mean() / exact.mean()) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("encoder", ["one layer", "deep", "deep, wide code", "top k", "batch norm"])
def test_the_change_of_the_jacobian_is_brute_force(encoder):
    architecture, code = ENCODERS[encoder]
    penalty = ContractiveHessian(1.0, hessian=0.7, std=0.3, samples=2, estimate="exact")
    net = doubled(penalty, architecture, code=code).eval()
    x = rows(5).double()
    normal = torch.empty(5, 2, 6, dtype=torch.float64).normal_(generator=torch.Generator().manual_seed(0))
    here = brute(net, x)
    change = sum((here - brute(net, x + 0.3 * normal[:, s])).square().sum((1, 2)) for s in range(2)) / 2
    torch.testing.assert_close(term(net, x), here.square().sum((1, 2)) + 0.7 * change, rtol=1e-10, atol=1e-12)


def test_estimates_of_the_change_are_unbiased():
    """Noise and directions together, against many exact values with noise of their own."""
    values = []
    for estimate in ("hutchinson", "exact"):
        penalty = ContractiveHessian(1.0, hessian=2.0, std=0.5, estimate=estimate)
        net = doubled(penalty, Dense((9,), activation="tanh"), code=Deterministic(4)).eval()
        values.append(term(net, rows(1).double().expand(20_000, -1)).detach())
    error = math.hypot(*(float(value.std()) for value in values)) / math.sqrt(20_000)
    assert abs(float(values[0].mean() - values[1].mean())) <= 4 * error


def test_small_displacements_measure_the_hessian():
    std = 1e-3
    penalty = ContractiveHessian(1.0, hessian=1.0 / std**2, std=std, estimate="exact")
    net = doubled(penalty, Dense((9,), activation="tanh"), code=Deterministic(2)).eval()
    row = rows(1).double()
    found = term(net, row.expand(5000, -1)).detach() - brute(net, row).detach().square().sum()
    encode = lambda one: net.encode(one[None]).z[0]  # noqa: E731
    hessian = jacrev(jacrev(encode))(row[0]).detach().square().sum()
    assert abs(float(found.mean() - hessian)) <= 4 * float(found.std()) / math.sqrt(5000) + 1e-3 * float(
        hessian
    )


def test_products_are_products():
    for architecture, code in ENCODERS.values():
        net = doubled(EXACT, architecture, code=code).eval()
        x = rows(5).double()
        jacobian = linearized(net, x)
        matrix = brute(net, x)
        generator = torch.Generator().manual_seed(4)
        v = torch.randn(2, 5, 6, generator=generator, dtype=torch.float64)
        u = torch.randn(2, 5, code.size, generator=generator, dtype=torch.float64)
        torch.testing.assert_close(jacobian.push(v), torch.einsum("bkd,sbd->sbk", matrix, v))
        torch.testing.assert_close(jacobian.pull(u), torch.einsum("bkd,sbk->sbd", matrix, u))


def test_dropout_and_running_statistics_are_left_alone():
    net = network(Dense((9,), dropout=0.4, normalization="batch"), penalties=(Contractive(1.0),))
    plain = copy.deepcopy(net)
    x = rows(8)
    for one, run in ((net, lambda: term(net, x)), (plain, lambda: plain(Batch(x), noisy()))):
        torch.manual_seed(0)
        run()
        assert one.training
    assert torch.equal(torch.get_rng_state(), torch.get_rng_state())
    for name, value in plain.named_buffers():
        torch.testing.assert_close(dict(net.named_buffers())[name], value)


def test_an_untied_decoder_undoes_the_contraction():
    """A code of half the size and a decoder of twice the weights: the same reconstructions at a quarter."""
    net = network(Dense((8,)), penalties=(Contractive(1.0, estimate="exact"),))
    x = rows(6)
    before, reconstruction = term(net, x), net.reconstruct(x)
    with torch.no_grad():
        for value in net.encoder.blocks[-1].parameters():
            value.mul_(0.5)
        net.decoder.blocks[0].weight.mul_(2)
    torch.testing.assert_close(net.reconstruct(x), reconstruction)
    torch.testing.assert_close(term(net, x), before / 4)


def test_weight_decay_by_hand():
    x = rows(3)
    for on, halves in (("all", ("encoder", "decoder")), ("encoder", ("encoder",)), ("decoder", ("decoder",))):
        net = network(Dense((8,)), penalties=(WeightDecay(0.5, on=on),))
        matrices = [
            block.weight for half in halves for block in getattr(net, half).blocks if hasattr(block, "weight")
        ]
        assert len(matrices) == 2 * len(halves)
        expected = 0.5 * 0.5 * sum(float(matrix.detach().square().sum()) for matrix in matrices)
        assert term(net, x).tolist() == pytest.approx([expected] * 3)
    with pytest.raises(ParameterError, match="WeightDecay finds no matrices on='decoder'"):
        network(Dense((8,), tied=True), penalties=(WeightDecay(on="decoder"),))


def test_weight_decay_counts_kernels_and_tied_matrices_once():
    conv = Composition(
        Parts(Conv((3,)), Deterministic(3), SquaredError(), penalties=(WeightDecay(1.0),)), Event((1, 6, 6))
    )
    found = term(conv, torch.rand(2, 1, 6, 6))[0].item()
    matrices = [value for value in conv.parameters() if value.ndim > 1]
    assert {value.ndim for value in matrices} == {2, 4}
    assert found == pytest.approx(0.5 * sum(float(value.detach().square().sum()) for value in matrices))
    tied = network(Dense((8,), tied=True), penalties=(WeightDecay(1.0),))
    once = [block.weight for block in tied.encoder.blocks if hasattr(block, "weight")]
    assert term(tied, rows(2))[0].item() == pytest.approx(
        0.5 * sum(float(value.detach().square().sum()) for value in once)
    )


@pytest.mark.parametrize(("hidden", "strength"), [((), 0.3), ((32,), 0.1)], ids=["closed form", "estimated"])
def test_training_contracts(hidden, strength):
    """On digits the norm of the Jacobian halves at least, at a reconstruction still better than the mean's."""
    X = (load_digits().data / 16).astype(np.float32)[:1000]
    training = Training(max_epochs=15, batch_size=64, learning_rate=3e-3, threads=1, device="cpu")
    norms, errors = [], []
    for weight in (0.0, strength):
        model = Autoencoder(
            Dense(hidden, activation="tanh", tied=True),
            code=Deterministic(20, activation="tanh"),
            penalties=(Contractive(weight),),
            training=training,
            random_state=0,
        ).fit(X)
        x = torch.from_numpy(X[:200])
        norms.append(float(brute(model.network_, x).detach().square().sum((1, 2)).mean()))
        errors.append(float(model.reconstruction_error(X).mean()))
    assert norms[1] < 0.5 * norms[0]
    assert errors[1] < 0.8 * float(X.var(0).mean())
