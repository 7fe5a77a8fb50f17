"""Part of a data set as a data set of its own."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.data import open_source
from isthmus.data.subset import Subset, split_rows
from isthmus.errors import DataError
from isthmus.training import Training


def test_a_split_has_every_row_once_and_numbers_them_anew():
    source = open_source("wine")
    kept, held_out = split_rows(source, 0.25, seed=3)
    assert sorted([*kept.index, *held_out.index]) == list(range(source.n_rows))
    assert held_out.n_rows == round(source.n_rows * 0.25)
    blocks = list(held_out.blocks(10))
    assert [number for rows in blocks for number in rows.index] == list(range(held_out.n_rows))
    assert np.array_equal(np.concatenate([rows.labels for rows in blocks]), held_out.labels)


def test_a_subset_can_be_trained_on_with_its_labels():
    digits = open_source("digits")
    part = Subset(digits, np.arange(1000, 1100))
    model = Autoencoder(code=2, training=Training(max_epochs=1), random_state=0).fit(part)
    assert np.array_equal(model.transform(part), model.transform(np.asarray(digits.take(part.index).values)))
    assert len(model.classes_) == 10


def test_a_stream_and_a_single_row_cannot_be_split(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(DataError, match="read in a stream"):
        split_rows(open_source(path), 0.5, seed=0)
    with pytest.raises(DataError, match="one row"):
        split_rows(open_source(np.ones((1, 3))), 0.5, seed=0)
