"""Threads follow the work of a step, and are put back."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from isthmus.training import threads


@pytest.mark.parametrize(
    ("widths", "batch", "wanted"),
    [((30, 64, 8), 32, 1), ((30, 64, 8), 1024, 2), ((784, 512, 25), 32, 2), ((784, 512, 25), 1, 1)],
)
def test_small_steps_take_one_thread(widths, batch, wanted):
    network = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths)))
    assert threads.suited(network, batch_size=batch, available=2) == wanted


def test_convolutions_take_what_there_is():
    assert threads.suited(nn.Conv2d(1, 2, 3), batch_size=1, available=2) == 2


def test_the_limit_of_the_user_is_kept_and_the_count_is_put_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.share() == 1
    before = torch.get_num_threads()
    with threads.threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
