"""Feeds hand out every row once an epoch, and streams what memory would."""

import numpy as np
import pytest
import torch
from scipy import sparse

from isthmus.data.fitting import fit_transform
from isthmus.data.opening import open_source
from isthmus.training import feeding
from isthmus.training.feeding import MemoryFeed, SourceFeed, epoch_generator, open_feed
from isthmus.types import Batch

N = 53


def array():
    return np.random.default_rng(0).random((N, 4)).astype(np.float32)


def parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path = tmp_path / "table.parquet"
    values = array()
    table = pa.table({name: values[:, place] for place, name in enumerate("abcd")})
    pyarrow.parquet.write_table(table, path, row_group_size=10)
    return str(path)


def holey():
    values = array()
    values[np.random.default_rng(1).random(values.shape) < 0.3] = np.nan
    return values


def csr():
    return sparse.csr_array(np.where(array() > 0.5, array(), 0))


def opened(kind, tmp_path, *, stream, shuffle=True, batch_size=8, seed=0):
    data = {"array": array, "holey": holey, "sparse": csr, "parquet": lambda: parquet(tmp_path)}[kind]()
    source = open_source(data)
    transform = fit_transform(source)
    labels = torch.arange(N) * 10
    if stream:
        return SourceFeed(source, transform, labels=labels, batch_size=batch_size, shuffle=shuffle, seed=seed)
    return open_feed(source, transform, labels=labels, batch_size=batch_size, shuffle=shuffle, seed=seed)


KINDS = [
    ("array", False),
    ("array", True),
    ("holey", False),
    ("holey", True),
    ("sparse", True),
    ("parquet", True),
]


@pytest.mark.parametrize(("kind", "stream"), KINDS)
@pytest.mark.parametrize("batch_size", [1, 8, 53, 100])
def test_every_row_once_an_epoch(kind, stream, batch_size, tmp_path):
    feed = opened(kind, tmp_path, stream=stream, batch_size=batch_size)
    orders = []
    for epoch in (0, 1, 0):
        batches = list(feed.epoch(epoch))
        assert [len(batch) for batch in batches] == [min(batch_size, N)] * (N // min(batch_size, N)) + (
            [N % batch_size] if batch_size < N and N % batch_size else []
        )
        assert len(batches) == feed.steps
        rows = torch.cat([batch.rows for batch in batches])
        assert sorted(rows.tolist()) == list(range(N))
        assert torch.equal(torch.cat([batch.labels for batch in batches]), rows * 10)
        orders.append(rows.tolist())
    assert orders[0] == orders[2]
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


@pytest.mark.parametrize(("kind", "stream"), KINDS)
def test_rows_are_those_of_the_data(kind, stream, tmp_path):
    feed = opened(kind, tmp_path, stream=stream)
    whole = {}
    for batch in feed.in_order(7):
        for place, row in enumerate(batch.rows.tolist()):
            whole[row] = (batch.x[place], None if batch.mask is None else batch.mask[place])
    assert list(whole) == list(range(N))
    for batch in feed.epoch(3):
        for place, row in enumerate(batch.rows.tolist()):
            assert torch.equal(batch.x[place], whole[row][0])
            if batch.mask is not None and whole[row][1] is not None:
                assert torch.equal(batch.mask[place], whole[row][1])


@pytest.mark.parametrize(("kind", "stream"), KINDS)
def test_no_shuffling_keeps_the_order(kind, stream, tmp_path):
    feed = opened(kind, tmp_path, stream=stream, shuffle=False)
    for epoch in (0, 1):
        assert torch.cat([batch.rows for batch in feed.epoch(epoch)]).tolist() == list(range(N))


@pytest.mark.parametrize(("kind", "stream"), KINDS)
@pytest.mark.parametrize("skip", [1, 3, 6, 7])
def test_skipping_gives_the_rest_of_the_same_epoch(kind, stream, skip, tmp_path):
    feed = opened(kind, tmp_path, stream=stream)
    whole, rest = list(feed.epoch(2)), list(feed.epoch(2, skip=skip))
    assert len(rest) == len(whole) - skip
    for one, other in zip(whole[skip:], rest, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.rows, other.rows)


@pytest.mark.parametrize("kind", ["array", "holey"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_gathering_equals_memory(kind, shuffle, tmp_path):
    memory, stream = (opened(kind, tmp_path, stream=stream, shuffle=shuffle) for stream in (False, True))
    assert isinstance(memory, MemoryFeed)
    for one, other in zip(memory.epoch(1), stream.epoch(1), strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.rows, other.rows)
        if one.mask is not None and other.mask is not None:
            assert torch.equal(one.mask, other.mask)


def test_seeds_and_epochs_give_orders_of_their_own(tmp_path):
    feeds = {seed: opened("array", tmp_path, stream=False, seed=seed) for seed in (0, 1)}
    orders = {
        (seed, epoch): tuple(torch.cat([batch.rows for batch in feeds[seed].epoch(epoch)]).tolist())
        for seed in feeds
        for epoch in (0, 1)
    }
    assert len(set(orders.values())) == 4
    # Neither is the seed plus the epoch.
    assert orders[0, 1] != orders[1, 0]


def test_the_shuffle_is_uniform():
    # Where row 0 lands over many epochs: chi-squared over 8 places with 7 degrees of freedom.
    counts = np.zeros(8)
    feed = MemoryFeed(
        Batch(torch.zeros(8, 1), None, None, torch.arange(8)), batch_size=8, shuffle=True, seed=0
    )
    for epoch in range(800):
        (batch,) = feed.epoch(epoch)
        counts[batch.rows.tolist().index(0)] += 1
    assert ((counts - 100) ** 2 / 100).sum() < 29.9  # 1 in 10,000


def test_a_feed_is_left_alone_by_the_global_generator(tmp_path):
    feed = opened("array", tmp_path, stream=False)
    before = torch.get_rng_state()
    first = torch.cat([batch.rows for batch in feed.epoch(0)])
    torch.manual_seed(5)
    assert torch.equal(first, torch.cat([batch.rows for batch in feed.epoch(0)]))
    torch.set_rng_state(before)
    assert epoch_generator(3, 4).initial_seed() == epoch_generator(3, 4).initial_seed()


def test_chunks_do_not_change_the_order(monkeypatch, tmp_path):
    whole = [batch.rows.tolist() for batch in opened("array", tmp_path, stream=False).epoch(0)]
    monkeypatch.setattr(feeding, "CHUNK_BYTES", 300)  # two batches a chunk
    feed = opened("array", tmp_path, stream=False)
    assert [batch.rows.tolist() for batch in feed.epoch(0)] == whole
    assert [batch.rows.tolist() for batch in feed.epoch(0, skip=3)] == whole[3:]


def test_sparse_is_never_densified_whole(monkeypatch):
    n, features = 2_000, 40_000  # 320 MB dense
    x = sparse.random_array(
        (n, features), density=1e-3, format="csr", dtype=np.float32, rng=np.random.default_rng(0)
    )
    source = open_source(x)
    transform = fit_transform(source)
    feed = open_feed(source, transform, batch_size=64)
    assert isinstance(feed, SourceFeed)
    sizes = []
    original = type(transform).forward

    def forward(self, rows):
        dense, mask = original(self, rows)
        sizes.append(dense.nbytes)
        return dense, mask

    monkeypatch.setattr(type(transform), "forward", forward)
    assert sum(len(batch) for batch in feed.epoch(0)) == n
    assert sum(sizes) == n * features * 4
    assert max(sizes) <= feeding.BLOCK_BYTES


def test_the_sample_is_the_first_rows_of_the_first_epoch(tmp_path):
    feed = opened("holey", tmp_path, stream=True)
    sample = feed.sample(20)
    rows = torch.cat([batch.rows for batch in feed.epoch(0)])
    assert torch.equal(sample.rows, rows[:20])
    assert len(feed.sample(1000)) == N
