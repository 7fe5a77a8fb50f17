"""A stream's copy on disk: every row once, mixed, the same rows, nothing left behind."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.data import fit_transform, open_source
from isthmus.errors import OutputError
from isthmus.training import Training, feeding, spilling
from isthmus.training.feeding import SourceFeed, SpilledFeed, open_feed


@pytest.fixture
def stream(tmp_path, monkeypatch):
    """A Parquet file of 5,000 rows that is not allowed into memory, and a scratch folder of its own."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    X = np.random.default_rng(0).normal(size=(5_000, 6)).astype(np.float32)
    parquet.write_table(
        pa.table({f"c{i}": X[:, i] for i in range(6)}), tmp_path / "rows.parquet", row_group_size=500
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("ISTHMUS_SCRATCH", str(scratch))
    monkeypatch.setattr(feeding, "budget_bytes", lambda: 0)
    monkeypatch.setattr(spilling, "has_room", lambda size: True)
    monkeypatch.setattr(feeding, "has_room", lambda size: True)
    monkeypatch.setattr(spilling, "BUFFER_BYTES", 24 * 1000)
    monkeypatch.setattr(spilling, "SPAN_BYTES", 24 * 70)
    return tmp_path / "rows.parquet"


def _feed(path, **options):
    source = open_source(path)
    transform = fit_transform(source)
    labels = torch.arange(source.n_rows)
    return open_feed(source, transform, labels=labels, batch_size=64, seed=3, **options), source, transform


def test_every_row_is_fed_once_and_is_the_row_it_says(stream):
    feed, source, transform = _feed(stream, spill=True)
    assert isinstance(feed, SpilledFeed)
    x, _ = transform.forward(next(source.blocks(5_000)))
    for number in (0, 1):
        batches = list(feed.epoch(number))
        assert [len(batch) for batch in batches] == [64] * 78 + [8]
        rows = torch.cat([batch.rows for batch in batches])
        assert torch.equal(rows.sort().values, torch.arange(5_000))
        assert torch.equal(torch.cat([batch.labels for batch in batches]), rows)
        assert torch.equal(torch.cat([batch.x for batch in batches]), x[rows])
    assert torch.equal(torch.cat([batch.x for batch in feed.in_order(100)]), x)


def test_the_order_depends_on_seed_and_epoch_and_can_be_entered_anywhere(stream):
    feed, _, _ = _feed(stream, spill=True)
    again, _, _ = _feed(stream, spill=True)
    first, second = ([batch.rows for batch in feed.epoch(number)] for number in (0, 1))
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert all(map(torch.equal, first, (batch.rows for batch in again.epoch(0))))
    assert all(map(torch.equal, first[50:], (batch.rows for batch in again.epoch(0, skip=50))))


def test_neighbours_are_spread(stream):
    feed, _, _ = _feed(stream, spill=True)
    rows = torch.cat([batch.rows for batch in feed.epoch(0)])
    distance = (rows[1:] - rows[:-1]).abs().float()
    assert distance.median() > 500


def test_without_room_or_wish_it_streams_and_reaches_the_same_error(stream):
    feed, _, _ = _feed(stream, spill=False)
    assert isinstance(feed, SourceFeed)
    losses = []
    for spill in (True, False):
        training = Training(max_epochs=4, batch_size=64, spill=spill)
        model = Autoencoder(Dense((8,)), code=3, training=training, random_state=0).fit(str(stream))
        losses.append(model.history_[-1]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_the_copy_has_no_name_and_a_full_disk_is_one_sentence(stream, monkeypatch):
    feed, _, _ = _feed(stream, spill=True)
    assert not os.listdir(os.environ["ISTHMUS_SCRATCH"])
    assert feed.spilled.n_rows == 5_000

    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(spilling.tempfile, "TemporaryFile", lambda **options: Full())
    with pytest.raises(OutputError, match=r"No space left on device.*spill=False"):
        _feed(stream, spill=True)
