"""The training loop: what is kept, what stops it, and what it leaves alone."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from isthmus.architectures.dense import Dense
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.errors import NonFiniteError, ParameterError
from isthmus.penalties.l1 import L1
from isthmus.training.loop import train
from isthmus.training.optimizers.sgd import SGD
from isthmus.training.schedules.linear import Linear
from isthmus.training.watching import Silent
from training.networks import feed, network, rows, same, state, training


class Recorder(Silent):
    def __init__(self):
        self.plans, self.steps, self.states, self.ended = [], [], [], 0

    def started(self, plan):
        self.plans.append(plan)

    def stepped(self, epoch, step):
        self.steps.append((epoch, step))

    def epoch_ended(self, record, network):
        self.states.append(state(network))

    def finished(self):
        self.ended += 1


def test_plain_training_is_the_textbook_loop():
    x = rows(20)
    net = network()
    outcome = train(
        net,
        feed(x, shuffle=False),
        training(optimizer=SGD(), learning_rate=0.01, schedule=Linear(), initial_weights="as_built"),
        seed=0,
    )
    plain = network()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    losses = []
    for step in range(9):
        batch = x[step % 3 * 8 : step % 3 * 8 + 8]
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - step / 9)
        nats = 0.5 * (plain.reconstruct(batch) - batch).square().sum(1)
        optimizer.zero_grad()
        nats.mean().backward()
        optimizer.step()
        losses.append(nats.detach())
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-5, atol=1e-6)
    means = [torch.cat(losses[start : start + 3]).mean().item() for start in (0, 3, 6)]
    assert [record["loss"] for record in outcome.history] == pytest.approx(means, rel=1e-5)
    assert [record["epoch"] for record in outcome.history] == [1, 2, 3]
    assert outcome.history[0]["learning_rate"] == pytest.approx(0.01 * (1 - 2 / 9))


def test_the_watcher_sees_every_step():
    watcher = Recorder()
    net = network()
    train(net, feed(), training(max_epochs=2), seed=0, watcher=watcher)
    assert watcher.steps == [(epoch, step) for epoch in (1, 2) for step in range(1, 8)]
    assert (watcher.plans[0].steps, watcher.plans[0].rows, watcher.ended) == (7, 50, 1)
    assert watcher.plans[0].parameters == sum(value.numel() for value in net.parameters())
    assert same(watcher.states[-1], state(net))


def test_no_epochs_leave_the_initial_weights():
    net = network()
    before = state(net)
    outcome = train(net, feed(), training(max_epochs=0, initial_weights="as_built"), seed=0)
    assert same(before, state(net))
    assert outcome.history == []


def test_early_stopping_restores_the_best_weights():
    watcher = Recorder()
    net = network()
    # Data of another kind: their loss is soon lowest, then rises.
    outcome = train(
        net,
        feed(),
        training(max_epochs=40, patience=3, learning_rate=0.02, schedule="constant"),
        seed=0,
        validation=feed(1.5 - rows(20, seed=5)),
        watcher=watcher,
    )
    losses = [record["validation_loss"] for record in outcome.history]
    assert outcome.stopped == "patience"
    assert outcome.epochs == len(losses) == outcome.best_epoch + 3 < 40
    assert outcome.best_epoch == 1 + losses.index(min(losses))
    assert same(state(net), watcher.states[outcome.best_epoch - 1])
    assert not same(state(net), watcher.states[-1])


def test_validation_without_patience_keeps_the_last_weights():
    watcher = Recorder()
    net = network()
    held_out = feed(rows(20, seed=5))
    outcome = train(net, feed(), training(), seed=0, validation=held_out, watcher=watcher)
    assert same(state(net), watcher.states[-1])
    nats = 0.5 * (net.reconstruct(held_out.data.x) - held_out.data.x).square().sum(1)
    assert outcome.history[-1]["validation_loss"] == pytest.approx(nats.mean().item(), rel=1e-5)


def test_patience_needs_validation():
    with pytest.raises(ParameterError, match="patience of Training needs a validation loss"):
        train(network(), feed(), training(patience=2), seed=0)


@pytest.mark.parametrize("penalties", [(), (L1(1e-3),)], ids=["by hand", "autograd"])
def test_averaging_is_the_mean_it_says(penalties):
    seen = []
    net = network(penalties=penalties)

    class Steps(Silent):
        def stepped(self, epoch, step):
            seen.append(state(net))

    start = network(penalties=penalties)
    train(
        net,
        feed(),
        training(averaging=0.8, max_epochs=2, initial_weights="as_built"),
        seed=0,
        watcher=Steps(),
    )
    average = state(start)
    for done, weights in enumerate(seen):
        memory = min(0.8, (1 + done) / (10 + done))
        average = {name: memory * value + (1 - memory) * weights[name] for name, value in average.items()}
    for name, value in state(net).items():
        torch.testing.assert_close(value, average[name], rtol=1e-4, atol=1e-6)
    assert not same(state(net), seen[-1])


@pytest.mark.parametrize("penalties", [(), (L1(1e-3),)], ids=["by hand", "autograd"])
def test_gradient_clipping_bounds_the_step(penalties):
    moves = {}
    for clip in (None, 0.01):
        net = network(penalties=penalties)
        before = torch.cat([value.flatten() for value in state(net).values()])
        choices = training(
            optimizer=SGD(momentum=0.0, nesterov=False),
            schedule="constant",
            learning_rate=0.1,
            gradient_clip=clip,
            max_epochs=1,
            initial_weights="as_built",
        )
        train(net, feed(rows(8)), choices, seed=0)
        moves[clip] = (torch.cat([value.flatten() for value in state(net).values()]) - before).norm().item()
    assert moves[0.01] == pytest.approx(0.1 * 0.01, rel=1e-3)
    assert moves[None] > 2 * moves[0.01]


class Poison(nn.Module):
    """Passes its input on until ``after`` forward passes are over, then gives NaN."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def forward(self, x):
        if self.training:
            self.left -= 1
        return x if self.left >= 0 else x * math.nan


def test_nan_names_term_layer_and_batch_and_keeps_the_last_good_weights():
    net = network()
    watcher = Recorder()
    net.encoder.blocks.append(Poison(16))  # 7 batches an epoch: the third epoch's third batch
    with pytest.raises(
        NonFiniteError, match="'reconstruction' became NaN or infinite in epoch 3, batch 3"
    ) as caught:
        train(net, feed(), training(max_epochs=5), seed=0, watcher=watcher)
    assert "first seen in layer encoder.blocks.3" in str(caught.value)
    assert "the weights after epoch 2 were kept" in str(caught.value)
    assert same(state(net), watcher.states[1])
    assert caught.value.outcome.epochs == 2
    assert caught.value.outcome.stopped == "non-finite"
    assert watcher.ended == 1
    assert not net.training


@pytest.mark.parametrize("penalties", [(), (L1(1e-3),)], ids=["by hand", "autograd"])
def test_nan_names_the_row(penalties):
    x = rows(20)
    x[13] = math.inf
    net = network(penalties=penalties)
    before = state(net)
    with pytest.raises(NonFiniteError, match=r"first in row 13\).*no epoch was finished") as caught:
        train(net, feed(x), training(initial_weights="as_built"), seed=0)
    assert caught.value.outcome is None
    assert same(before, state(net))


def test_weights_that_explode_are_caught():
    with pytest.raises(NonFiniteError, match="NaN or infinit"):
        train(
            network(),
            feed(),
            training(max_epochs=50, optimizer=SGD(), learning_rate=1e4, schedule="constant"),
            seed=0,
        )


def test_batch_normalisation_refuses_a_last_batch_of_one():
    with pytest.raises(ParameterError, match="leave a last batch of one"):
        train(network(Dense((8,), normalization="batch")), feed(rows(17)), training(), seed=0)
    train(network(Dense((8,), normalization="batch")), feed(rows(18)), training(max_epochs=1), seed=0)


@pytest.mark.parametrize(
    "net",
    [
        lambda: network(Dense((8,), dropout=0.3)),
        lambda: network(corruption=GaussianNoise(0.2)),
        lambda: network(corruption=GaussianNoise(0.2), penalties=(L1(1e-3),)),
    ],
    ids=["dropout", "noise by hand", "noise autograd"],
)
def test_the_seed_decides_and_global_generators_are_left(net):
    results = []
    for disturbance, seed in ((0, 7), (1, 7), (1, 8)):
        one = net()
        torch.manual_seed(disturbance)
        np.random.seed(disturbance)  # noqa: NPY002
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        train(one, feed(seed=seed), training(), seed=seed)
        assert torch.equal(before[0], torch.get_rng_state())
        assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
        results.append(state(one))
    assert same(results[0], results[1])
    assert not same(results[1], results[2])


def test_threads_are_put_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(network(), feed(), training(max_epochs=1), seed=0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
