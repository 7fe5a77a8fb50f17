"""A training killed at any moment resumes to the bits of an uninterrupted one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.errors import CheckpointError, ParameterError
from isthmus.persistence.checkpoint import load_checkpoint
from isthmus.training.loop import train
from training.networks import feed, network, training
from training.resumable import CHOICES, Slow, run

TESTS = Path(__file__).parents[1]


class Stop(Exception):  # noqa: N818
    pass


class Breaking(Slow):
    """Ends a training after some steps, as a kill does that leaves the last checkpoint."""

    def __init__(self, after):
        super().__init__(0.0)
        self.left = after

    def stepped(self, epoch, step):
        self.left -= 1
        if self.left == 0:
            raise Stop


@pytest.mark.parametrize("kind", CHOICES)
def test_broken_after_any_step_and_resumed(kind, tmp_path):
    weights, history = run(tmp_path / "whole", kind, resume=False)
    for after in (1, 4, 7, 8, 20, 34):  # 7 steps an epoch, 5 epochs
        place = tmp_path / f"{after}"
        with pytest.raises(Stop):
            run(place, kind, watcher=Breaking(after))
        assert run(place, kind) == (weights, history), f"broken after {after} steps"


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_broken_between_the_last_step_of_an_epoch_and_its_end(epoch, tmp_path):
    class BeforeTheEnd(Slow):
        def epoch_ended(self, record, network):
            if record["epoch"] == epoch:
                raise Stop

    expected = run(tmp_path / "whole", "noise", resume=False)
    with pytest.raises(Stop):
        run(tmp_path / "broken", "noise", watcher=BeforeTheEnd(0.0))
    document, _ = load_checkpoint(tmp_path / "broken")
    assert (document["position"]["epoch"], document["position"]["step"]) == (epoch - 1, 7)
    assert run(tmp_path / "broken", "noise") == expected


def test_broken_again_and_again(tmp_path):
    expected = run(tmp_path / "whole", "everything", resume=False)
    for _ in range(6):
        with pytest.raises(Stop):
            run(tmp_path / "broken", "everything", watcher=Breaking(5))
    assert run(tmp_path / "broken", "everything") == expected


def test_a_finished_training_resumes_to_itself(tmp_path):
    expected = run(tmp_path / "whole", "everything")
    assert run(tmp_path / "whole", "everything") == expected


def killed(tmp_path, kind, moments):
    """Run the script, killed after each of the moments (seconds after its first checkpoint), then to its end."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS), *(path for path in sys.path if path)]),
    }
    command = [
        sys.executable,
        str(TESTS / "training" / "resumable.py"),
        str(tmp_path / "c"),
        str(tmp_path / "r"),
        kind,
    ]
    for moment in moments:
        before = (tmp_path / "c").stat().st_mtime_ns if (tmp_path / "c").exists() else 0
        process = subprocess.Popen([*command, "0.02"], env=environment)
        while process.poll() is None:
            if (tmp_path / "c").exists() and (tmp_path / "c").stat().st_mtime_ns != before:
                time.sleep(moment)
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        load_checkpoint(tmp_path / "c")  # never an unreadable one
    subprocess.run([*command, "0"], env=environment, check=True)
    weights, history = json.loads((tmp_path / "r").read_text())
    return weights, history


@pytest.mark.slow
def test_killed_twice(tmp_path):
    draws = random.Random(0)
    expected = run(tmp_path / "whole", "everything", resume=False)
    assert killed(tmp_path, "everything", [draws.uniform(0, 0.15) for _ in range(2)]) == expected


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHOICES)
def test_killed_twenty_times(kind, tmp_path):
    draws = random.Random(kind)
    expected = run(tmp_path / "whole", kind, resume=False)
    for repeat in range(5):
        place = tmp_path / str(repeat)
        place.mkdir()
        assert killed(place, kind, [draws.uniform(0, 0.25) for _ in range(4)]) == expected


def test_a_damaged_checkpoint_is_refused(tmp_path):
    place = tmp_path / "checkpoint"
    with pytest.raises(Stop):
        run(place, "plain", watcher=Breaking(9))
    content = place.read_bytes()
    for damaged in (content[:-5], content[: len(content) // 2], b"", b"\x80\x04K\x01.", _flipped(content)):
        place.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            run(place, "plain")
        assert place.read_bytes() == damaged
    place.write_bytes(content)
    run(place, "plain")


def _flipped(content):
    middle = len(content) - 100
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "other",
    [
        lambda place: run(place, "noise"),
        lambda place: run(place, "plain", epochs=6),
        lambda place: train(network(), feed(batch_size=9), _choices(place, batch_size=9), seed=3),
        lambda place: train(network(), feed(), _choices(place), seed=4),
        lambda place: train(network(corruption=GaussianNoise(0.3)), feed(), _choices(place), seed=3),
        lambda place: train(network(), feed(torch.zeros(51, 6)), _choices(place), seed=3),
    ],
    ids=["other parts", "more epochs", "other batches", "other seed", "noise", "other rows"],
)
def test_a_checkpoint_of_another_training_is_refused(other, tmp_path):
    place = tmp_path / "checkpoint"
    with pytest.raises(Stop):
        run(place, "plain", watcher=Breaking(9))
    content = place.read_bytes()
    with pytest.raises(CheckpointError, match="belongs to a training with other parts, data, seed or plan"):
        other(place)
    assert place.read_bytes() == content


def _choices(place, **fields):
    return training(max_epochs=5, checkpoint=str(place), checkpoint_seconds=0.0, resume=True, **fields)


def test_resume_needs_a_checkpoint():
    with pytest.raises(ParameterError, match="resume of Training needs a checkpoint"):
        training(resume=True)


def test_an_interrupt_keeps_the_checkpoint(tmp_path):
    class Interrupting(Slow):
        def stepped(self, epoch, step):
            if (epoch, step) == (2, 3):
                signal.raise_signal(signal.SIGINT)

    place = tmp_path / "checkpoint"
    expected = run(tmp_path / "whole", "noise", resume=False)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(place, "noise", watcher=Interrupting(0.0))
    assert signal.getsignal(signal.SIGINT) is before
    assert run(place, "noise") == expected
