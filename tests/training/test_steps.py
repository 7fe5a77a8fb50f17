"""The hand-written gradient is the automatic one."""

import copy
from dataclasses import dataclass

import pytest
import torch

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.composition import Composition, Parts
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.corruptions.masking import Masking
from isthmus.losses.binary_cross_entropy import BinaryCrossEntropy
from isthmus.losses.huber import Huber
from isthmus.losses.squared_error import SquaredError
from isthmus.losses.table import Table
from isthmus.nn.activations import ACTIVATIONS
from isthmus.objective import Objective
from isthmus.penalties.contractive import Contractive
from isthmus.penalties.emphasis import Emphasis
from isthmus.penalties.l1 import L1
from isthmus.penalties.weight_decay import WeightDecay
from isthmus.registry import parts
from isthmus.testing.examples import example
from isthmus.training.devices import Devices
from isthmus.training.loop import train
from isthmus.training.steps import AutogradStep, ChainStep, fastest
from isthmus.types import Batch, Column, Context, Event
from training.networks import feed, network, rows, state, training


def both(net, batch, rows_of=None):
    """Terms and gradients by automatic differentiation and by hand."""
    devices = Devices("cpu", "float32")
    found = []
    for make in (
        lambda: AutogradStep(Objective(net), devices),
        lambda: fastest(net, Objective(net), devices),
    ):
        step = make()
        terms, loss = step.forward(batch, Context(torch.Generator().manual_seed(1)), len(batch))
        step.backward(loss)
        found.append((terms, loss.detach(), [value.grad.clone() for value in net.parameters()], step))
    assert isinstance(found[1][3], ChainStep)
    return found


def assert_equal(found, tolerance=1e-7):
    (terms, loss, gradients, _), (terms_by_hand, loss_by_hand, by_hand, _) = found
    assert list(terms) == list(terms_by_hand)
    torch.testing.assert_close(loss_by_hand, loss, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(
        terms_by_hand["reconstruction"], terms["reconstruction"].detach(), rtol=1e-6, atol=1e-7
    )
    for one, other in zip(by_hand, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize("masked", [False, True], ids=["known", "masked"])
@pytest.mark.parametrize("loss", [SquaredError(), BinaryCrossEntropy(), Huber(0.3)], ids=repr)
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_gradients(activation, loss, masked):
    x = rows(9) / 6
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) < 0.7 if masked else None
    net = network(Dense((8, 5), activation=activation), loss=loss)
    assert_equal(both(net, Batch(x if mask is None else x * mask, mask)))


@pytest.mark.parametrize("output", ["identity", "sigmoid", "tanh", "relu", "softplus"])
@pytest.mark.parametrize("architecture", [Dense(()), Dense((8,), decoder_hidden=(4, 7))], ids=repr)
def test_other_outputs_and_shapes(architecture, output):
    architecture.output_activation = output
    net = network(architecture, corruption=GaussianNoise(0.2))
    with torch.no_grad():
        net.decoder.blocks[-1 if output == "identity" else -2].bias += 1.0  # keep the rectifier open
    assert_equal(both(net, Batch(rows(9))))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "muon"])
def test_trainings_end_alike(optimizer, monkeypatch):
    x, mask = rows(30), torch.rand(30, 6, generator=torch.Generator().manual_seed(2)) < 0.8
    ends = []
    for chain in (True, False):
        if not chain:
            monkeypatch.setattr(
                "isthmus.training.loop.fastest", lambda net, whole, devices: AutogradStep(whole, devices)
            )
        net = network(corruption=GaussianNoise(0.1))
        outcome = train(net, feed(x * mask, mask=mask), training(optimizer=optimizer), seed=0)
        ends.append((state(net), [record["loss"] for record in outcome.history]))
    assert ends[0][1] == pytest.approx(ends[1][1], rel=1e-4)
    for name, value in ends[0][0].items():
        torch.testing.assert_close(value, ends[1][0][name], rtol=1e-3, atol=1e-4)


def apart(net, batch):
    """The same, each on a copy of its own, for parts that remember what they see."""
    found = []
    for make in (
        lambda one: AutogradStep(Objective(one), Devices("cpu", "float32")),
        lambda one: fastest(one, Objective(one), Devices("cpu", "float32")),
    ):
        one = copy.deepcopy(net)
        step = make(one)
        for _ in range(2):  # the second one meets what the first has left behind
            terms, loss = step.forward(batch, Context(torch.Generator().manual_seed(1), 0.5), len(batch))
            step.backward(loss)
        gradients = [
            torch.zeros_like(value) if value.grad is None else value.grad for value in one.parameters()
        ]
        found.append((terms, loss.detach(), gradients, step, dict(one.named_buffers())))
    assert isinstance(found[1][3], ChainStep)
    assert_equal([one[:4] for one in found], tolerance=1e-6)
    for term, value in found[0][0].items():
        torch.testing.assert_close(found[1][0][term].detach(), value.detach(), rtol=1e-5, atol=1e-6)
    for buffer, value in found[0][4].items():
        torch.testing.assert_close(found[1][4][buffer], value, rtol=1e-5, atol=1e-6)


def labelled(n, masked):
    batch = Batch(rows(n) / 6, None, torch.arange(n) % 2, torch.arange(n))
    if masked:
        batch.mask = torch.rand(batch.x.shape, generator=torch.Generator().manual_seed(2)) < 0.7
        batch.x *= batch.mask
    return batch


@pytest.mark.parametrize("masked", [False, True], ids=["known", "masked"])
@pytest.mark.parametrize("part", [*parts("codes"), *parts("penalties")])
def test_every_code_and_penalty_gets_the_automatic_gradient(part, masked):
    found = example((parts("codes") | parts("penalties"))[part])
    more = {"code": found} if part in parts("codes") else {"penalties": (found,)}
    for fields in (more, more | {"code": more.get("code", Deterministic(3, activation="tanh"))}):
        net = network(Dense((8, 5), activation="tanh"), corruption=GaussianNoise(0.1), classes=2, **fields)
        apart(net, labelled(16, masked))


def test_several_parts_at_once():
    penalties = (L1(0.1), L1(0.2, on="hidden"), Contractive(0.3), WeightDecay(0.4), Emphasis(0.5))
    net = network(
        Dense((8, 5), activation="gelu"), code=Gaussian(3), penalties=penalties, corruption=Masking()
    )
    apart(net, labelled(16, masked=True))


def test_the_middle_in_bfloat16():
    """Products in bfloat16 on both ways: the same within its eight bits."""
    net = network(Dense((8, 5)), code=Deterministic(3, "tanh"), penalties=(L1(0.1), Contractive(0.1)))
    batch, devices, gradients = labelled(16, masked=False), Devices("cpu", "bfloat16"), []
    for make in (AutogradStep, lambda whole, on: fastest(whole.network, whole, on)):
        one = copy.deepcopy(net)
        step = make(Objective(one), devices)
        terms, loss = step.forward(batch, Context(torch.Generator().manual_seed(1)), len(batch))
        step.backward(loss)
        assert all(value.dtype == torch.float32 for value in terms.values())
        gradients.append(torch.cat([value.grad.flatten() for value in one.parameters()]))
    assert isinstance(step, ChainStep)
    assert float((gradients[0] - gradients[1]).norm() / gradients[0].norm()) < 0.02


def test_tables_pass_the_chain():
    event = Event((6,), (Column("a", "numeric", 0, 1), Column("b", "categorical", 1, 5)))
    net = Composition(Parts(Dense((8,)), Deterministic(3), Table()), event)
    x = torch.cat([torch.randn(7, 1), torch.eye(5)[torch.arange(7) % 5]], 1)
    assert_equal(both(net, Batch(x)))


@pytest.mark.parametrize("part", ["Gaussian", "L1"])
def test_trainings_with_more_parts_end_alike(part, monkeypatch):
    ends = []
    for chain in (True, False):
        if not chain:
            monkeypatch.setattr(
                "isthmus.training.loop.fastest", lambda net, whole, devices: AutogradStep(whole, devices)
            )
        net = network(code=Gaussian(3)) if part == "Gaussian" else network(penalties=(L1(0.1),))
        outcome = train(net, feed(rows(30)), training(), seed=0)
        ends.append((state(net), [record["loss"] for record in outcome.history]))
    assert ends[0][1] == pytest.approx(ends[1][1], rel=1e-4)
    for name, value in ends[0][0].items():
        torch.testing.assert_close(value, ends[1][0][name], rtol=1e-3, atol=1e-4)


def test_parts_that_change_weights_find_their_state_in_the_optimizer():
    """Between steps a part may forget what the optimizer knows of a weight, so each weight must be known to it."""
    seen = []

    @dataclass
    class Watching(L1):
        def between_steps(self, between, state):
            seen.append(set(between.optimizer.state) == set(between.network.parameters()))

    net = network(penalties=(Watching(0.1),))
    assert isinstance(fastest(net, Objective(net), Devices("cpu", "float32")), ChainStep)
    train(net, feed(), training(max_epochs=1), seed=0)
    assert seen
    assert all(seen)


@pytest.mark.parametrize(
    "net",
    [
        lambda: network(Dense((8,), tied=True)),
        lambda: network(Dense((8,), normalization="layer")),
        lambda: network(Dense((8,), dropout=0.1)),
    ],
    ids=["tied", "norm", "dropout"],
)
def test_anything_else_is_differentiated_automatically(net):
    one = net()
    assert isinstance(fastest(one, Objective(one), Devices("cpu", "float32")), AutogradStep)


def test_frozen_parameters_stay():
    net = network()
    net.encoder.blocks[0].weight.requires_grad_(False)
    before = state(net)
    train(net, feed(), training(initial_weights="as_built"), seed=0)
    assert torch.equal(net.encoder.blocks[0].weight, before["encoder.blocks.0.weight"])
    assert not torch.equal(net.encoder.blocks[0].bias, before["encoder.blocks.0.bias"])


def test_images_pass_the_chain():
    net = Composition(Parts(Dense((8,)), Deterministic(3), SquaredError()), Event((2, 3, 5)))
    x = torch.rand(7, 2, 3, 5, generator=torch.Generator().manual_seed(0))
    mask = x > 0.2
    assert_equal(both(net, Batch(x * mask, mask)))


def test_the_modules_read_the_one_tensor_that_is_trained():
    net = network()
    step = fastest(net, Objective(net), Devices("cpu", "float32"))
    assert net.reconstruct(rows(5)).abs().max() > 0
    with torch.no_grad():
        step.chain.flat.zero_()
    assert net.reconstruct(rows(5)).abs().max() == 0
