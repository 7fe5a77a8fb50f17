"""Labels become codes or numbers; rows without one are marked, and what cannot be read is refused in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isthmus import Autoencoder
from isthmus.codes import Deterministic
from isthmus.data.opening import open_source
from isthmus.data.targets import UNLABELLED, read_targets
from isthmus.errors import DataError, ParameterError
from isthmus.penalties import Classifier
from isthmus.training.training import Training

SOURCE = open_source(np.random.default_rng(0).random((4, 3)))


def test_classes_become_codes_in_their_order():
    found = read_targets(SOURCE, ["b", "a", "c", "a"])
    assert found.classes.tolist() == ["a", "b", "c"]
    assert found.values.tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize(
    "y",
    [
        np.array(["b", None, "a", np.nan], dtype=object),
        pd.Series(["b", None, "a", None]),
        pd.Series([1, None, 0, None], dtype="Int64"),
    ],
)
def test_rows_without_a_label_are_marked(y):
    found = read_targets(SOURCE, y)
    assert len(found.classes) == 2
    assert found.values.tolist() == [1, UNLABELLED, 0, UNLABELLED]


def test_minus_one_is_a_class_like_any_other():
    assert read_targets(SOURCE, [-1, 1, 1, -1]).classes.tolist() == [-1, 1]


def test_floats_are_numbers():
    found = read_targets(SOURCE, [0.5, np.nan, 2.0, 1.0])
    assert found.classes is None
    np.testing.assert_equal(found.values.numpy(), np.array([0.5, np.nan, 2.0, 1.0], np.float32))
    assert found.of(SOURCE, [1, 2, 3, 4]).dtype == found.values.dtype


def test_held_out_labels_take_the_codes_of_training():
    known = read_targets(SOURCE, ["b", "a", "c", "a"])
    assert known.of(SOURCE, np.array(["c", None, "a", "a"], dtype=object)).tolist() == [2, UNLABELLED, 0, 0]
    assert known.of(SOURCE) is None


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b"], "y has 2 labels for 4 rows of X"),
        (np.array(["a", 1, None, "b"], dtype=object), r"labels of different kinds \(int, str\)"),
    ],
)
def test_labels_that_cannot_be_read(y, message):
    with pytest.raises(DataError, match=message):
        read_targets(SOURCE, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b"], "y_val has 2 labels for 4 rows of X_val"),
        (["a", "z", "b", "y"], "y_val holds 'y', which y does not"),
    ],
)
def test_held_out_labels_that_do_not_fit(y, message):
    with pytest.raises(DataError, match=message):
        read_targets(SOURCE, ["b", "a", "c", "a"]).of(SOURCE, y)


def test_text_where_training_had_numbers():
    with pytest.raises(DataError, match="y_val holds 'a' where y holds numbers"):
        read_targets(SOURCE, [0.5, 1.0, 2.0, 1.0]).of(SOURCE, ["a", "b", "c", "d"])


def test_labels_that_a_part_asks_for_are_missed_before_training():
    X = np.random.default_rng(0).random((20, 3))
    model = Autoencoder(
        code=Deterministic(2), penalties=(Classifier(),), training=Training(max_epochs=1), random_state=0
    )
    with pytest.raises(ParameterError, match=r"Classifier needs labels: pass y to fit\."):
        model.fit(X)
    y = np.arange(20) % 2
    with pytest.raises(ParameterError, match="needs labels of the held-out rows too: pass y_val"):
        model.fit(X, y, X_val=X)
    partly = np.where(np.arange(20) < 5, None, np.array(["a", "b"], dtype=object)[y])
    assert model.fit(X, partly).classes_.tolist() == ["a", "b"]
