"""A live bar on a terminal, lines elsewhere."""

import io
import sys

from isthmus.cli.progress import Bar, Lines, watcher
from isthmus.training.watching import Plan

PLAN = Plan(rows=1000, steps=4, epochs=3, parameters=12345, device="cpu", precision="float32", threads=1)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def play(watching, plan=PLAN):
    watching.started(plan)
    for epoch in range(plan.start_epoch + 1, plan.epochs + 1):
        for step in range(1, plan.steps + 1):
            watching.stepped(epoch, step)
        watching.epoch_ended(
            {"epoch": epoch, "seconds": 0.5, "loss": 3.0 / epoch, "validation_loss": 4.0}, None
        )
    watching.finished()


def test_lines_say_the_first_and_the_last_epoch(capsys):
    play(Lines())
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "training 12,345 weights on 1,000 rows: 3 epochs of 4 steps, cpu, float32, 1 thread"
    assert lines[1] == "epoch 1/3  loss 3  validation 4  0.50 s  2,000 rows/s"
    assert lines[-1].startswith("epoch 3/3  loss 1  validation 4")
    assert len(lines) == 3


def test_the_bar_shows_epoch_losses_rate_and_time(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    watching = watcher()
    assert isinstance(watching, Bar)
    play(watching)
    shown = stream.getvalue()
    for words in ("epoch 3/3", "100%", "loss 1", "validation 4", "steps/s", "eta"):
        assert words in shown


def test_a_pipe_gets_lines_and_quiet_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(watcher(), Lines)
    assert watcher(quiet=True) is None


def test_only_the_first_of_several_processes_speaks(capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    play(Lines())
    assert capsys.readouterr() == ("", "")
