"""Layers trained one by one: each stage is what it says, and all else of a training stays as it was."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from isthmus.architectures.conv import Conv
from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.codes.top_k import TopK
from isthmus.composition import Composition, Parts
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.errors import ParameterError
from isthmus.estimator import Autoencoder
from isthmus.losses.binary_cross_entropy import BinaryCrossEntropy
from isthmus.losses.squared_error import SquaredError
from isthmus.penalties.contractive import Contractive
from isthmus.penalties.l1 import L1
from isthmus.training import layers
from isthmus.training.initial.greedy import Greedy
from isthmus.training.initial.rbm import RBM
from isthmus.training.layers import above, levels
from isthmus.training.loop import train
from isthmus.training.stages import joint, stages
from isthmus.training.watching import Silent
from isthmus.types import Batch, Event
from training.initial.stacks import KINDS, stacked_run
from training.networks import FEATURES, feed, network, rows, same, state, training

TESTS = Path(__file__).parents[2]
DEEP = Dense((5, 4), activation="sigmoid")


def pretrained(net, initial, *, data=None, epochs=2, seed=0, **choices):
    """The network with its initial weights only, and the lines of the stages."""
    plan = training(max_epochs=0, initial_weights=initial, **choices)
    initial.epochs = epochs if initial.epochs is None else initial.epochs
    return train(net, feed() if data is None else data, plan, seed=seed).stages


def alone(inputs, outputs, *, code, loss, data, tied=False, output="identity", seed=0, **more):
    """A one-layer autoencoder trained by itself, as a stage should train its layer."""
    dense = Dense((), tied=tied, output_activation=output)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Composition(Parts(dense, code or Deterministic(outputs), loss, **more), Event((inputs,)))
    train(net, data, training(max_epochs=2), seed=seed)
    return net.encoder.blocks[0], net.decoder.blocks[0]


def test_of_one_layer_it_is_the_training_itself():
    plain, greedy = network(Dense(())), network(Dense(()))
    train(plain, feed(), training(max_epochs=2), seed=0)
    records = pretrained(greedy, Greedy())
    assert same(state(plain), state(greedy))
    assert [(record["stage"], record["epoch"]) for record in records] == [
        ("layer 1 of 1", 1),
        ("layer 1 of 1", 2),
    ]


@pytest.mark.parametrize("tied", [False, True])
def test_each_layer_is_an_autoencoder_of_the_clean_activations_below(tied):
    noises = (GaussianNoise(0.1), GaussianNoise(0.3), None)
    net = network(Dense((5, 4), activation="sigmoid", tied=tied))
    pretrained(net, Greedy(corruption=noises))
    downs, ups = (
        [block for block in half.blocks if hasattr(block, "bias")] for half in (net.encoder, net.decoder)
    )
    x, widths = rows(), (FEATURES, 5, 4, 3)
    for number, noise in enumerate(noises):
        code = Deterministic(widths[number + 1], activation="sigmoid" if number < 2 else "identity")
        down, up = alone(
            *widths[number : number + 2],
            code=code,
            loss=SquaredError() if number == 0 else BinaryCrossEntropy(),
            data=feed(x),
            tied=tied,
            corruption=noise,
        )
        torch.testing.assert_close(downs[number].weight, down.weight)
        torch.testing.assert_close(downs[number].bias, down.bias)
        torch.testing.assert_close(ups[2 - number].bias, up.bias)
        if not tied:
            torch.testing.assert_close(ups[2 - number].weight, up.weight)
        x = torch.sigmoid(x @ down.weight.T + down.bias).detach()


@pytest.mark.parametrize(
    ("activation", "loss", "expected", "output"),
    [
        ("sigmoid", "mse", SquaredError(), "sigmoid"),
        ("tanh", "auto", SquaredError(), "tanh"),
        ("relu", "auto", SquaredError(), "identity"),
    ],
)
def test_the_mirror_of_an_upper_layer_gives_what_the_activation_gives(activation, loss, expected, output):
    net = network(Dense((5,), activation=activation), code=Deterministic(3))
    pretrained(net, Greedy(loss=loss))
    first = net.encoder.blocks[0]
    x = net.encoder.blocks[1](rows() @ first.weight.T + first.bias).detach()
    down, up = alone(5, 3, code=None, loss=expected, data=feed(x), output=output)
    torch.testing.assert_close(net.encoder.blocks[-1].weight, down.weight)
    torch.testing.assert_close(net.decoder.blocks[0].weight, up.weight)


def test_an_output_that_dense_does_not_offer_is_used_all_the_same():
    net = network(Dense((5,), activation="elu"))
    stage = Greedy()._stage(net, levels(net, who="Greedy")[1], 0)
    assert stage.decoder.blocks[-1].name == "elu"


def test_a_gaussian_code_is_trained_with_its_divergence():
    net = network(Dense((5,), activation="tanh"), code=Gaussian(3))
    records = pretrained(net, Greedy())
    assert [("kl" in record) for record in records] == [False, False, True, True]
    assert net.encoder.blocks[-1].weight.shape == (6, 5)


def test_penalties_and_codes_of_each_layer():
    net = network(DEEP)
    everywhere = pretrained(net, Greedy(penalties=(L1(0.1),)), epochs=1)
    assert [("l1" in record) for record in everywhere] == [True, True, True]
    apart = pretrained(net, Greedy(penalties=((L1(0.1),), (), (L1(0.1), L1(0.2)))), epochs=1)
    terms = [sorted(name for name in record if name.startswith("l1")) for record in apart]
    assert terms == [["l1"], [], ["l1", "l1_2"]]
    other = network(DEEP)
    pretrained(other, Greedy(code=(Deterministic(5, activation="tanh"), None, None)), epochs=1)
    down, _ = alone(FEATURES, 5, code=Deterministic(5, activation="tanh"), loss=SquaredError(), data=feed())
    assert not torch.equal(other.encoder.blocks[0].weight, net.encoder.blocks[0].weight)
    pretrained(other, Greedy(code=(Deterministic(5, activation="tanh"), None, None)), epochs=2)
    torch.testing.assert_close(other.encoder.blocks[0].weight, down.weight)


def test_layers_may_be_contractive_or_k_sparse():
    net = network(DEEP)
    greedy = Greedy(
        penalties=((Contractive(0.1),), (), (Contractive(0.1),)), code=(None, TopK(4, k=2), None), epochs=2
    )
    records = pretrained(net, greedy)
    assert [("contractive" in record) for record in records] == [True, True, False, False, True, True]
    plain = network(DEEP)
    pretrained(plain, Greedy(epochs=2))
    changed = [not torch.equal(value, state(net)[name]) for name, value in state(plain).items()]
    assert all(changed)


def test_epochs_and_rates_of_each_layer():
    records = pretrained(
        network(DEEP), Greedy(epochs=(1, 0, 2), learning_rate=(0.1, 0.2, 0.3)), schedule="constant"
    )
    assert [(record["stage"][6], record["epoch"], record["learning_rate"]) for record in records] == [
        ("1", 1, 0.1),
        ("3", 1, 0.3),
        ("3", 2, 0.3),
    ]


def test_unknown_entries_are_left_out_of_the_first_layer():
    mask = torch.rand(50, FEATURES, generator=torch.Generator().manual_seed(1)) < 0.7
    nets = [network(DEEP) for _ in range(3)]
    for net, known, x in zip(
        nets, (mask, mask, None), (rows() * mask, rows() * mask, rows() * mask), strict=True
    ):
        pretrained(net, Greedy(), data=feed(x, mask=known))
    assert same(state(nets[0]), state(nets[1]))
    assert not same(state(nets[0]), state(nets[2]))


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (Dense((5,), decoder_hidden=(4,)), "decoder_hidden of Dense must be None, got"),
        (Dense((5,), normalization="batch"), "batch normalisation would change afterwards"),
    ],
)
def test_networks_that_cannot_be_taken_apart(architecture, message):
    for initial in (Greedy(), RBM()):
        with pytest.raises(ParameterError, match=f"{type(initial).__name__} trains .*{message}"):
            pretrained(network(architecture), initial)


def test_convolutions_are_refused():
    net = Composition(Parts(Conv((3,)), Deterministic(2), SquaredError()), Event((1, 6, 6)))
    with pytest.raises(ParameterError, match="but the architecture is a Conv: use Dense"):
        pretrained(net, Greedy(), data=feed(torch.rand(9, 1, 6, 6)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"corruption": (GaussianNoise(0.1),)}, "corruption of Greedy has 1 entries, the encoder 3 layers"),
        ({"epochs": (1, 2)}, "epochs of Greedy has 2 entries"),
        ({"penalties": ((L1(),),)}, "penalties of Greedy has 1 entries"),
        ({"code": (Deterministic(6), None, None)}, "layer 1 of 3 must be None or a code of 5 numbers"),
        ({"code": (None, None, Deterministic(3))}, "layer 3 of 3 must be None, the autoencoder has its own"),
    ],
)
def test_fields_that_do_not_fit_the_network_are_refused_before_anything_is_trained(fields, message):
    net = network(DEEP)
    before = state(net)
    with pytest.raises(ParameterError, match=message):
        pretrained(net, Greedy(**fields))
    assert same(before, state(net))


def test_fields_that_never_fit():
    with pytest.raises(ParameterError, match="loss='bce' of Greedy reads activations as probabilities"):
        pretrained(network(Dense((5,))), Greedy(loss="bce"))
    with pytest.raises(ParameterError, match="cannot be trained layer by layer"):
        Greedy(initial_weights=Greedy())
    bad = L1(0.1)
    bad.weight = -1
    with pytest.raises(ParameterError, match="weight of L1 must be"):
        Greedy(penalties=((bad,), ()))
    with pytest.raises(ParameterError, match="trains on all rows, one batch is not enough"):
        Greedy()(network(DEEP), batch=Batch(rows()), generator=torch.Generator())


# ---------------------------------------------------------------- where activations are kept


def feeds_above(monkeypatch, data, level):
    """The activations in memory, on disk, and made anew."""
    found = [above(data, level)]
    monkeypatch.setattr(layers, "budget_bytes", lambda: 0)
    for room in (True, False):
        monkeypatch.setattr(layers, "has_room", lambda size, room=room: room)
        found.append(above(data, level))
    return found


def test_activations_are_the_same_in_memory_on_disk_and_made_anew(monkeypatch):
    data = feed()
    data.data.labels = torch.arange(50) % 3
    net = network(DEEP)
    level = levels(net, who="Greedy")[0]
    kept = feeds_above(monkeypatch, data, level)
    assert len({type(one) for one in kept}) == 3
    expected = level.upwards(rows())
    for one in kept:
        assert (one.n_rows, one.steps, one.batch_size, one.seed) == (50, 7, 8, data.seed)
        in_order = list(one.in_order(20))
        torch.testing.assert_close(torch.cat([batch.x for batch in in_order]), expected)
        assert torch.equal(torch.cat([batch.rows for batch in in_order]), torch.arange(50))
        shuffled = list(one.epoch(1, skip=2))
        assert [len(batch) for batch in shuffled] == [8, 8, 8, 8, 2]
        for batch in shuffled:
            torch.testing.assert_close(batch.x, expected[batch.rows])
            assert torch.equal(batch.labels, batch.rows % 3)
            assert batch.mask is None
    # Two of them have the feed's own order.
    first, last = (next(kept[place].epoch(3)) for place in (0, 2))
    assert torch.equal(first.rows, last.rows)


def test_a_training_does_not_depend_on_where_they_are_kept(monkeypatch):
    def run():
        net = network(DEEP)
        return net, pretrained(net, Greedy())

    first, records = run()
    monkeypatch.setattr(layers, "budget_bytes", lambda: 0)
    monkeypatch.setattr(layers, "has_room", lambda size: False)
    second, anew = run()
    for name, value in state(first).items():
        torch.testing.assert_close(state(second)[name], value, rtol=1e-4, atol=1e-5)
    assert [record["loss"] for record in anew] == pytest.approx(
        [record["loss"] for record in records], rel=1e-5
    )


# ---------------------------------------------------------------- stages of a training


def test_history_and_progress_show_each_stage():
    class Plans(Silent):
        def __init__(self):
            self.names, self.ended = [], 0

        def started(self, plan):
            self.names.append(plan.stage)

        def finished(self):
            self.ended += 1

    watcher = Plans()
    plan = training(max_epochs=2, initial_weights=Greedy(epochs=3))
    model = Autoencoder(DEEP, code=3, training=plan, random_state=0)
    model.fit(rows().numpy(), watcher=watcher)
    assert watcher.names == ["layer 1 of 3", "layer 2 of 3", "layer 3 of 3", ""]
    assert watcher.ended == 4
    found = stages(model.history_)
    assert list(found) == watcher.names[:3]
    assert all([record["epoch"] for record in lines] == [1, 2, 3] for lines in found.values())
    assert [record["epoch"] for record in joint(model.history_)] == [1, 2]
    assert model.training_summary_["epochs"] == 2
    seconds = sum(record["seconds"] for record in model.history_)
    assert model.training_summary_["seconds"] == pytest.approx(seconds)


def test_the_joint_trainings_patience_and_clipping_do_not_disturb_the_stages():
    plan = {"patience": 1, "averaging": 0.5, "gradient_clip": 0.1}
    outcome = train(
        network(DEEP),
        feed(),
        training(max_epochs=2, initial_weights=Greedy(epochs=4), **plan),
        seed=0,
        validation=feed(rows(9, seed=5)),
    )
    assert len(outcome.stages) == 12
    assert not any("validation_loss" in record for record in outcome.stages)


class Stop(Exception):  # noqa: N818
    pass


class Breaking(Silent):
    """Ends a training after so many steps, stages included, and notes the stages it sees."""

    def __init__(self, after):
        self.left = after
        self.names = []

    def started(self, plan):
        self.names.append(plan.stage)

    def stepped(self, epoch, step):
        self.left -= 1
        if self.left == 0:
            raise Stop


@pytest.mark.parametrize("kind", KINDS)
def test_broken_in_any_stage_and_resumed(kind, tmp_path):
    expected = stacked_run(kind, tmp_path / "whole")
    steps = stages_steps(expected[1])
    for after in (1, steps // 2, steps, steps + 1, steps + 9):
        place = tmp_path / str(after)
        breaking = Breaking(after)
        with pytest.raises(Stop):
            stacked_run(kind, place, watcher=breaking)
        assert place.exists() == (after > steps)
        again = Breaking(10**6)
        assert stacked_run(kind, place, watcher=again) == expected, f"broken after {after} steps"
        # What a checkpoint holds is not trained again.
        assert again.names == ([""] if after > steps else breaking.names[:1] + again.names[1:])


def stages_steps(records):
    """Steps that the stages took: 7 an epoch, 3 in batches of 20."""
    return sum(record["steps"] for record in records if "stage" in record)


def test_an_interrupt_in_a_stage_stops_at_once_and_puts_the_handler_back(tmp_path):
    class Interrupting(Silent):
        def __init__(self):
            self.steps = 0

        def stepped(self, epoch, step):
            self.steps += 1
            if self.steps == 3:
                signal.raise_signal(signal.SIGINT)

    before, watcher = signal.getsignal(signal.SIGINT), Interrupting()
    with pytest.raises(KeyboardInterrupt):
        stacked_run("greedy", tmp_path / "c", watcher=watcher)
    assert watcher.steps == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_stages_leave_the_global_generators_alone():
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    for initial in (Greedy(epochs=1), RBM(epochs=1)):
        pretrained(network(DEEP), initial)
        assert torch.equal(before[0], torch.get_rng_state())
        assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What two processes give for every kind, in one launch."""
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("this PyTorch has no gloo")
    place = tmp_path_factory.mktemp("two") / "result.pt"
    paths = os.pathsep.join([str(TESTS), *(path for path in sys.path if path)])
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, str(TESTS / "training" / "initial" / "stacks.py"), str(place)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(place, weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_train_the_stages_of_one(kind, together):
    weights, records = stacked_run(kind, None)
    for name, value in weights.items():
        torch.testing.assert_close(together[kind][0][name], torch.tensor(value), rtol=0, atol=1e-4)
    losses = [[record["loss"] for record in found] for found in (together[kind][1], records)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
