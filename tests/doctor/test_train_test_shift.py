import numpy as np
import pytest

from doctor.patients import digits, functions, patient
from isthmus import Autoencoder
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.train_test_shift import TrainTestShift
from isthmus.training import Training

check = TrainTestShift()


def normal(seed, n=300, features=8):
    return np.random.default_rng(seed).normal(size=(n, features)).astype(np.float32)


def judged(first, second, **labels):
    """A foreign autoencoder that keeps three numbers."""
    features = first.shape[1]
    return check(
        functions(
            lambda x: x[:, :3], lambda z: np.pad(z, ((0, 0), (0, features - 3))), first, second, **labels
        )
    )


def test_a_random_split_of_digits_is_ok():
    found = check(patient())
    assert found.severity == "ok" and not found.remedies
    assert found.evidence["auc"].value == pytest.approx(0.5, abs=0.06)
    assert found.evidence["moved_features"] == []


@pytest.mark.parametrize("seed", range(4))
def test_random_splits_give_no_alarm(seed):
    rows = normal(seed, 260) * np.linspace(0.1, 10, 8, dtype=np.float32)
    assert not judged(rows[:180], rows[180:]).bad


def test_another_unit_of_one_feature_is_a_failure_and_the_feature_is_named():
    moved = normal(1)
    moved[:, 4] = 3 * moved[:, 4] + 2
    found = judged(normal(0), moved)
    assert found.severity == "failure"
    assert found.evidence["moved_features"][0].startswith("feature 4")
    assert len(found.evidence["moved_features"]) == 1
    assert not found.remedy.patch


def test_a_split_in_the_order_of_classes_is_a_failure_of_rows_and_labels():
    X_train, X_test, y_train, y_test = digits()
    X, y = np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test])
    first = np.isin(y, (0, 1, 2, 3))
    X, y = X.reshape(len(X), -1), y
    extra = np.flatnonzero(~first)[:60]  # some of the others, so that training knows their names
    train = np.concatenate([np.flatnonzero(first), extra])
    test = np.setdiff1d(np.arange(len(X)), train)
    found = judged(X[train], X[test], y_train=y[train], y_test=y[test])
    assert found.severity == "failure"
    assert any(text.startswith("0:") for text in found.evidence["moved_labels"])


def test_class_shares_alone_are_worth_knowing():
    labels = np.repeat([0, 1], [200, 100])
    found = judged(normal(0), normal(1), y_train=labels, y_test=1 - labels)
    assert found.severity == "info"
    assert found.evidence["moved_labels"][0] == "0: 67 % in training, 33 % held out"


def test_numbers_as_labels_are_compared_too():
    labels = normal(2)[:, 0]
    found = judged(normal(0), normal(1), y_train=labels, y_test=labels + 2)
    assert "mean" in found.evidence["moved_labels"][0]


def test_entries_missing_at_random_are_no_shift_and_another_share_of_them_is():
    X = normal(0, 600)
    holes = np.random.default_rng(1).random(X.shape)
    train, same, more = X[:300].copy(), X[300:].copy(), X[300:].copy()
    train[holes[:300] < 0.2] = np.nan
    same[holes[300:] < 0.2] = np.nan
    more[:, 1][holes[300:, 1] < 0.9] = np.nan
    model = Autoencoder(code=3, training=Training(max_epochs=2, threads=1), random_state=0).fit(train)
    assert not check(of_model(model, train, same)).bad
    assert check(of_model(model, train, more)).bad


def test_without_held_out_rows_it_says_why_it_is_skipped():
    rows = normal(0)
    found = check(functions(lambda x: x[:, :2], lambda z: np.pad(z, ((0, 0), (0, 6))), rows, None))
    assert found.severity == "skipped" and "X_test" in found.why
