"""Boltzmann machines: energies by enumeration, gradients by the published formula, and a stack that unrolls."""

import itertools

import pytest
import torch
from sklearn.datasets import load_digits

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.composition import Composition, Parts
from isthmus.errors import DataError, ParameterError
from isthmus.losses.binary_cross_entropy import BinaryCrossEntropy
from isthmus.losses.squared_error import SquaredError
from isthmus.losses.table import Table
from isthmus.training.initial.rbm import RBM, ContrastiveDivergence, Machine, _machines
from isthmus.training.layers import ends, levels, one_layer
from isthmus.training.loop import train
from isthmus.types import Batch, Column, Context, Event
from training.networks import FEATURES, feed, network, rows, state, training

SIGMOID = Dense((5, 4), activation="sigmoid")


def machine(visible=4, hidden=3, *, normal_visible=False, normal_hidden=False, seed=0):
    """A machine with weights that matter, and the network that holds them."""
    net = network(Dense(()), code=Deterministic(hidden), features=visible)
    found = Machine(levels(net, who="RBM")[0], normal_visible, normal_hidden)
    stage = one_layer(found.level, found.parts, tied=True, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in stage.parameters():
            value.normal_(generator=generator)
    return found, stage


def parameters(stage):
    down, up = ends(stage)
    return down.weight.detach(), down.bias.detach(), up.bias.detach()


def states(count):
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=count)))


def test_the_free_energy_sums_over_the_hidden_units():
    for normal_visible in (False, True):
        one, stage = machine(normal_visible=normal_visible)
        weight, b, c = parameters(stage)
        v = torch.rand(5, 4) if normal_visible else states(4)
        h = states(3)
        energy = -(h @ b) - v @ weight.T @ h.T
        energy = energy + (0.5 * (v - c).square().sum(1) if normal_visible else -(v @ c))[:, None]
        expected = -torch.logsumexp(-energy, dim=1)
        torch.testing.assert_close(one.free_energy(v, weight, b, c), expected)


def test_the_free_energy_of_normal_hidden_units():
    one, stage = machine(hidden=1, normal_hidden=True)
    weight, b, c = parameters(stage)
    v = states(4)
    # E = -c v - h W v + (h - b)^2 / 2, integrated over h on a fine grid.
    h = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    drive = (v @ weight.T).double()
    energy = -(v @ c).double()[:, None] - drive * h + 0.5 * (h - b.double()) ** 2
    expected = -torch.logsumexp(-energy, dim=1)
    found = one.free_energy(v, weight, b, c).double()
    torch.testing.assert_close(found - found[0], expected - expected[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "known", [None, torch.tensor([[1, 1, 0, 1], [1, 0, 1, 1]]).bool()], ids=["all", "masked"]
)
@pytest.mark.parametrize(("visible", "hidden"), [(False, False), (True, False), (False, True)])
def test_the_gradient_is_that_of_contrastive_divergence(visible, hidden, known):
    one, stage = machine(normal_visible=visible, normal_hidden=hidden)
    weight, b, c = parameters(stage)
    x = torch.tensor([[0.1, 0.9, 0.4, 0.0], [1.0, 0.3, 0.2, 0.7]])
    x = x if known is None else x * known
    objective = ContrastiveDivergence(stage, machine=one)
    terms = objective(Batch(x, known), Context(torch.Generator().manual_seed(7)))
    terms["reconstruction"].sum().backward()

    def means(v):
        drive = v @ weight.T + b
        return drive if hidden else torch.sigmoid(drive)

    generator = torch.Generator().manual_seed(7)
    p = means(x)
    noise = torch.empty_like(p)
    h = (
        p + noise.normal_(generator=generator)
        if hidden
        else (noise.uniform_(generator=generator) < p).float()
    )
    v = h @ weight + c
    v = v if visible else torch.sigmoid(v)
    v = v if known is None else v * known
    q = means(v)
    down, up = ends(stage)
    # What is subtracted from the weights: minus the published changes, summed over the two rows.
    torch.testing.assert_close(down.weight.grad, -(p.T @ x - q.T @ v))
    torch.testing.assert_close(down.bias.grad, -(p - q).sum(0))
    torch.testing.assert_close(up.bias.grad, -(x - v).sum(0))
    torch.testing.assert_close(terms["reconstruction"].detach(), 0.5 * (v - x).square().sum(1))


def test_momentum_rises_and_only_matrices_decay():
    optimizer = (
        RBM(weight_decay=0.5)
        ._plan(training(), _machines(network(SIGMOID, loss=BinaryCrossEntropy()))[0], feed())
        .optimizer
    )
    optimizer.early_steps = 2
    matrix, bias = torch.nn.Parameter(torch.ones(1, 1)), torch.nn.Parameter(torch.ones(1))
    built = optimizer.build([("w", matrix), ("b", bias)], learning_rate=0.1)
    w, change_w, b, change_b = 1.0, 0.0, 1.0, 0.0
    for momentum in (0.5, 0.5, 0.9, 0.9):
        matrix.grad, bias.grad = torch.full((1, 1), 2.0), torch.full((1,), 2.0)
        built.step()
        change_w = momentum * change_w - 0.1 * (2.0 + 0.5 * w)
        change_b = momentum * change_b - 0.1 * 2.0
        w, b = w + change_w, b + change_b
        assert matrix.item() == pytest.approx(w, rel=1e-6)
        assert bias.item() == pytest.approx(b, rel=1e-6)


def test_which_units_are_normal_and_at_which_rate():
    rates = {}
    for name, net in {
        "linear code": network(SIGMOID, loss=BinaryCrossEntropy()),
        "sigmoid code": network(
            SIGMOID, code=Deterministic(3, activation="sigmoid"), loss=BinaryCrossEntropy()
        ),
        "linear output": network(SIGMOID),
    }.items():
        x = torch.rand(50, FEATURES, generator=torch.Generator().manual_seed(0))
        plan = training(max_epochs=0, initial_weights=RBM(epochs=1))
        rates[name] = [record["learning_rate"] for record in train(net, feed(x), plan, seed=0).stages]
    assert rates == {
        "linear code": [0.1, 0.1, 0.001],
        "sigmoid code": [0.1, 0.1, 0.1],
        "linear output": [0.001, 0.1, 0.001],
    }


@pytest.mark.parametrize("tied", [False, True])
def test_the_stack_is_unrolled(tied):
    net = network(Dense((5, 4), activation="sigmoid", tied=tied), loss=BinaryCrossEntropy())
    before = state(net)
    x = torch.rand(50, FEATURES, generator=torch.Generator().manual_seed(0))
    train(net, feed(x), training(max_epochs=0, initial_weights=RBM(epochs=2)), seed=0)
    downs, ups = (
        [block for block in half.blocks if hasattr(block, "bias")] for half in (net.encoder, net.decoder)
    )
    for down, up in zip(downs, reversed(ups), strict=True):
        if not tied:
            assert torch.equal(up.weight, down.weight.T)
        assert down.bias.any()
        assert up.bias.any()
    assert not any(torch.equal(value, before[name]) for name, value in state(net).items())


def test_a_small_machine_becomes_more_likely():
    one, _ = machine(visible=6, hidden=4)
    # Two patterns, each with one pixel in ten turned: likelihood is exact over 64 visible states.
    generator = torch.Generator().manual_seed(1)
    patterns = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 1]]).float()
    x = patterns[torch.arange(200) % 2]
    x = torch.where(torch.rand(x.shape, generator=generator) < 0.1, 1 - x, x)

    def likelihood(epochs):
        net = network(
            Dense(()), code=Deterministic(4, activation="sigmoid"), loss=BinaryCrossEntropy(), features=6
        )
        plan = training(max_epochs=0, initial_weights=RBM(epochs=epochs, batch_size=20))
        train(net, feed(x), plan, seed=0)
        down, up = net.encoder.blocks[0], net.decoder.blocks[0]
        weights = [value.detach() for value in (down.weight, down.bias, up.bias)]
        return (
            (-one.free_energy(x, *weights) - torch.logsumexp(-one.free_energy(states(6), *weights), 0))
            .mean()
            .item()
        )

    found = [likelihood(epochs) for epochs in (0, 5, 40)]
    frequencies = torch.unique(x, dim=0, return_counts=True)[1] / 200
    best = (frequencies * frequencies.log()).sum().item()
    assert found[0] < found[1] < found[2] < best
    assert found[2] > best - 0.5 > found[0]


def test_a_deep_network_that_would_not_learn_does():
    x = torch.tensor(load_digits().data[:1000] / 16, dtype=torch.float32)
    errors = {}
    for initial in ("kaiming", RBM(epochs=15)):
        parts = Parts(Dense((48, 24), activation="sigmoid"), Deterministic(6), BinaryCrossEntropy())
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = Composition(parts, Event((64,)))
        plan = training(max_epochs=8, learning_rate=3e-3, initial_weights=initial)
        train(net, feed(x, batch_size=50), plan, seed=0)
        errors[str(initial)] = (net.reconstruct(x) - x).square().sum(1).mean().item()
    mean = (x - x.mean(0)).square().sum(1).mean().item()
    assert errors["kaiming"] > 0.95 * mean
    assert errors["RBM(epochs=15)"] < 0.75 * mean


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (lambda: network(Dense((5,))), "activation of Dense under RBM must be 'sigmoid', got 'relu'"),
        (lambda: network(SIGMOID, code=Gaussian(3)), "the code under RBM must be Deterministic"),
        (lambda: network(SIGMOID, code=Deterministic(3, activation="relu")), "'identity' or 'sigmoid', got"),
        (
            lambda: network(Dense((5,), activation="sigmoid", output_activation="relu")),
            "output_activation of Dense under RBM must be",
        ),
        (
            lambda: Composition(
                Parts(SIGMOID, Deterministic(3), Table()), Event((6,), (Column("a", "categorical", 0, 6),))
            ),
            "the table has categorical columns: use Greedy",
        ),
    ],
)
def test_networks_that_are_no_stack_of_machines(net, message):
    with pytest.raises(ParameterError, match=message):
        train(net(), feed(), training(initial_weights=RBM(epochs=1)), seed=0)


def test_data_that_are_no_probabilities():
    plan = training(initial_weights=RBM(epochs=1))
    with pytest.raises(DataError, match=r"data under RBM with a sigmoid output must be in \[0, 1\]"):
        train(network(SIGMOID, loss=BinaryCrossEntropy()), feed(rows() * 9), plan, seed=0)
    train(network(SIGMOID, loss=SquaredError()), feed(rows() * 9), plan, seed=0)


def test_epochs_of_each_machine():
    net = network(SIGMOID)
    plan = training(max_epochs=0, initial_weights=RBM(epochs=(1, 0, 2)))
    assert [record["stage"] for record in train(net, feed(), plan, seed=0).stages] == [
        "layer 1 of 3",
        "layer 3 of 3",
        "layer 3 of 3",
    ]
    with pytest.raises(ParameterError, match="epochs of RBM has 2 entries, the encoder 3 layers"):
        train(net, feed(), training(initial_weights=RBM(epochs=(1, 2))), seed=0)
