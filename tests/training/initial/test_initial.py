"""Initial weights have the properties that define them."""

import pytest
import torch
from torch import nn

from isthmus.architectures.conv import Conv
from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.composition import Composition, Parts
from isthmus.errors import ParameterError
from isthmus.losses.squared_error import SquaredError
from isthmus.training.initial.initial import fans, matrix_of, weighted_layers
from isthmus.training.initial.kaiming import Kaiming
from isthmus.training.initial.lsuv import LSUV
from isthmus.training.initial.orthogonal import Orthogonal, orthonormal
from isthmus.training.initial.pca import PCA
from isthmus.training.initial.sparse import Sparse
from isthmus.training.initial.xavier import Xavier
from isthmus.types import Batch, Event

WIDE = (Dense((300, 200)), (400,))
NETWORKS = {
    "dense": (Dense((20, 9)), (12,)),
    "tied": (Dense((20, 9), tied=True), (12,)),
    "conv": (Conv((6, 8), activation="tanh"), (3, 9, 7)),
    "nearest": (Conv((6, 8), upsampling="nearest"), (3, 9, 7)),
}


def network(architecture, shape, code=4):
    code = Deterministic(code) if isinstance(code, int) else code
    return Composition(Parts(architecture, code, SquaredError()), Event(shape))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(shape, n=256, seed=1):
    return torch.randn((n, *shape), generator=generator(seed)) * 3 + 2


def initialized(initial, kind):
    architecture, shape = NETWORKS[kind] if isinstance(kind, str) else kind
    net = network(architecture, shape)
    initial(net, batch=Batch(rows(shape)), generator=generator())
    return net


def flat(layer):
    return matrix_of(layer).flatten(1)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("initial", [Kaiming(), Xavier(), Orthogonal(), Sparse(), LSUV(), PCA()], ids=repr)
def test_the_generator_decides_alone(initial, kind):
    before = torch.get_rng_state()
    states = [initialized(initial, kind).state_dict() for _ in range(2)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert all(torch.isfinite(value).all() for value in states[0].values())
    # Composition itself draws from the global generator, initial weights must not.
    torch.set_rng_state(before)
    architecture, shape = NETWORKS[kind]
    net = network(architecture, shape)
    drawn = torch.get_rng_state()
    initial(net, batch=Batch(rows(shape)), generator=generator())
    assert torch.equal(drawn, torch.get_rng_state())
    assert net.training


@pytest.mark.parametrize("initial", [LSUV(), PCA()], ids=repr)
def test_those_that_look_at_data_say_when_there_are_none(initial):
    assert initial.needs_data
    with pytest.raises(ParameterError, match="needs a batch"):
        initial(network(Dense(), (4,)), batch=None, generator=generator())


def test_fans_count_what_really_reaches():
    assert fans(nn.Linear(7, 5)) == (7, 5)
    assert fans(nn.Conv2d(4, 6, 3, stride=2)) == (36, 54 / 4)
    # Each output of a stride 2 transposed convolution reads 9 / 4 of its kernel on average.
    assert fans(nn.ConvTranspose2d(4, 6, 3, stride=2)) == (4 * 9 / 4, 54)
    layer = nn.ConvTranspose2d(40, 3, 4, stride=2, bias=False)
    nn.init.normal_(layer.weight, std=fans(layer)[0] ** -0.5, generator=generator())
    with torch.no_grad():
        inside = layer(torch.randn(64, 40, 8, 8, generator=generator(1)))[:, :, 3:-3, 3:-3]
    assert inside.var().item() == pytest.approx(1.0, rel=0.15)


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_xavier_has_its_variance(kind):
    net = initialized(Xavier(distribution=kind), WIDE)
    for layer, activation in weighted_layers(net):
        wanted = (2.0 if activation == "relu" else 1.0) * 2 / sum(fans(layer))
        count = layer.weight.numel()
        # The variance of a variance: 2 / n for normal numbers, less for uniform ones.
        assert layer.weight.var().item() == pytest.approx(wanted, rel=5 * (2 / count) ** 0.5)
        assert layer.bias.abs().max() == 0
        if kind == "uniform":
            assert layer.weight.abs().max() <= (3 * wanted) ** 0.5


def test_kaiming_has_its_variance():
    for layer, activation in weighted_layers(initialized(Kaiming(), WIDE)):
        wanted = (2.0 if activation == "relu" else 1.0) / fans(layer)[0]
        assert layer.weight.var().item() == pytest.approx(wanted, rel=5 * (2 / layer.weight.numel()) ** 0.5)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("gain", [None, 1.5])
def test_orthogonal_singular_values_are_the_gain(kind, gain):
    named = {"relu": 2**0.5, "tanh": 5 / 3, "identity": 1.0}
    for layer, activation in weighted_layers(initialized(Orthogonal(gain=gain), kind)):
        values = torch.linalg.svdvals(flat(layer).double())
        torch.testing.assert_close(
            values, torch.full_like(values, gain or named[activation]), rtol=1e-5, atol=0
        )


def test_orthonormal_is_uniform_over_rotations():
    # Every entry of a uniform 3 x 3 rotation has mean 0 and variance 1/3; plain QR would give a positive diagonal.
    drawn = generator()
    entries = torch.stack([orthonormal(3, 3, drawn) for _ in range(2000)])
    assert entries.mean(0).abs().max() < 4 * (1 / 3 / 2000) ** 0.5
    assert (entries.square().mean(0) - 1 / 3).abs().max() < 4 * (4 / 45 / 2000) ** 0.5


@pytest.mark.parametrize("kind", [*NETWORKS, WIDE], ids=str)
def test_sparse_has_exactly_15_connections_a_unit(kind):
    for layer, activation in weighted_layers(initialized(Sparse(), kind)):
        counts = (flat(layer) != 0).sum(1)
        assert (counts == min(15, flat(layer).shape[1])).all()
        assert (layer.bias == (0.5 if activation == "tanh" else 0.0)).all()


def test_sparse_connections_are_standard_normal_and_everywhere():
    layer, _ = next(weighted_layers(initialized(Sparse(), WIDE)))
    kept = layer.weight[layer.weight != 0]
    assert kept.std().item() == pytest.approx(1.0, rel=5 * (0.5 / len(kept)) ** 0.5)
    # 300 units of 15 connections among 400 inputs: 11.25 a input, binomial.
    chosen = (layer.weight != 0).sum(0).double()
    assert chosen.var().item() == pytest.approx(11.25, rel=0.4)


def watched_variances(net, x):
    variances, handles = [], []
    for layer, _ in weighted_layers(net):
        handles.append(
            layer.register_forward_hook(lambda *given: variances.append(given[2].double().var(correction=0)))
        )
    with torch.no_grad():
        net.eval().reconstruct(x)
    for handle in handles:
        handle.remove()
    return variances


@pytest.mark.parametrize("kind", NETWORKS)
def test_lsuv_gives_every_layer_unit_variance(kind):
    net = initialized(LSUV(), kind)
    variances = watched_variances(net, rows(NETWORKS[kind][1]))
    assert len(variances) == len(list(weighted_layers(net)))
    assert [value.item() for value in variances] == pytest.approx([1.0] * len(variances), rel=1e-4)


def test_lsuv_leaves_a_constant_output_alone():
    net = network(Dense((5,)), (3,))
    LSUV()(net, batch=Batch(torch.zeros(6, 3)), generator=generator())
    for layer, _ in weighted_layers(net):
        values = torch.linalg.svdvals(layer.weight)
        torch.testing.assert_close(values, torch.ones_like(values))


def correlated(n=300, features=12):
    x = torch.randn(n, features, generator=generator(2))
    return x @ torch.randn(features, features, generator=generator(3)) + 3


def pca_reconstruction(x, size):
    mean = x.double().mean(0)
    directions = torch.linalg.svd(x.double() - mean, full_matrices=False).Vh[:size]
    return ((x - mean) @ directions.t() @ directions + mean).float()


@pytest.mark.parametrize(
    "architecture",
    [
        Dense(()),
        Dense((), tied=True),
        Dense((8,), activation="identity"),
        Dense((30, 9), activation="identity"),
        Dense((30, 9), activation="identity", tied=True),
        Dense((8,)),
        Dense((8,), tied=True),
        Dense((30, 9, 8)),
        Dense((30, 9), activation="gelu"),
        Dense((30, 9), activation="silu"),
        Dense((30, 9), activation="softplus"),
        Dense((30, 9), activation="leaky_relu"),
    ],
    ids=repr,
)
def test_pca_reconstructs_like_pca(architecture):
    x = correlated()
    for code in (Deterministic(4), Gaussian(4))[: 1 if architecture.tied else 2]:
        net = network(architecture, (12,), code)
        PCA()(net, batch=Batch(x), generator=generator())
        torch.testing.assert_close(net.reconstruct(x).detach(), pca_reconstruction(x, 4), rtol=0, atol=2e-4)


def test_pca_codes_are_the_scores():
    x = correlated()
    net = network(Dense((30, 9)), (12,))
    PCA()(net, batch=Batch(x), generator=generator())
    codes = net.encode(x).z.detach().double()
    expected = torch.linalg.svdvals(x.double() - x.double().mean(0))[:4]
    covariance = codes.t() @ codes
    torch.testing.assert_close(covariance.diagonal().sqrt(), expected, rtol=1e-4, atol=0)
    assert (covariance - covariance.diag().diag()).abs().max() < 1e-4 * expected[0] ** 2


def test_pca_of_tanh_beats_random_weights():
    x = correlated() / 20
    errors = []
    for initial in (PCA(), Orthogonal()):
        net = network(Dense((12, 8), activation="tanh"), (12,))
        initial(net, batch=Batch(x), generator=generator())
        errors.append((net.reconstruct(x).detach() - x).square().sum(1).mean().item())
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(
    "architecture", [Dense((30, 9)), Dense((30,), tied=True), Dense((5,), decoder_hidden=(6, 7))], ids=repr
)
def test_pca_of_fewer_rows_than_units(architecture, n):
    x = correlated(n)
    net = network(architecture, (12,))
    PCA()(net, batch=Batch(x), generator=generator())
    layer, _ = next(weighted_layers(net))
    assert torch.isfinite(layer.weight).all()
    values = torch.linalg.svdvals(layer.weight.double())
    assert values.min() > 0.5  # a full basis, whatever the rows span
    if architecture.decoder_hidden is None and not architecture.tied:
        torch.testing.assert_close(net.reconstruct(x).detach(), x, rtol=0, atol=2e-4)


def test_pca_fills_units_beyond_the_inputs_orthogonally():
    net = network(Dense((20,), activation="tanh"), (12,))
    PCA()(net, batch=Batch(correlated()), generator=generator())
    layer, _ = next(weighted_layers(net))
    filled = layer.weight[12:].double()
    torch.testing.assert_close(filled @ filled.t(), torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["conv", "nearest"])
def test_pca_filters_are_principal_directions_of_patches(kind):
    architecture, shape = NETWORKS[kind]
    x = torch.cumsum(rows(shape), dim=2) / 10
    net = network(architecture, shape)
    PCA()(net, batch=Batch(x), generator=generator())
    layer, _ = next(weighted_layers(net))
    patches = nn.functional.unfold(x, 3, padding=1, stride=2).transpose(1, 2).flatten(0, 1).double()
    explained = ((patches - patches.mean(0)) @ flat(layer).double().t()).var(0).sum()
    best = torch.linalg.eigvalsh(patches.t().cov())[-6:].sum()
    assert explained.item() == pytest.approx(best.item(), rel=1e-5)
    error = (net.reconstruct(x).detach() - x).square().mean()
    other = network(architecture, shape)
    Orthogonal()(other, batch=None, generator=generator())
    assert error < (other.reconstruct(x).detach() - x).square().mean()
