from functools import cache

import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll

from doctor.patients import functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import TopK
from isthmus.data.disks import disks
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.manifold_holes import ManifoldHoles, distances_to_rows
from isthmus.doctor.rows import Rows
from isthmus.doctor.statistics.spanning_tree import gaps, usual_excess
from isthmus.penalties import L1, WeightDecay
from isthmus.training import Training

check = ManifoldHoles()


def flat_disks(n, exclude=None, seed=0):
    images, radii = disks(n, size=15, exclude=exclude, seed=seed)
    return images.reshape(n, -1), radii


@cache
def trained(gap):
    training = Training(max_epochs=50, batch_size=64, learning_rate=3e-3, threads=1)
    model = Autoencoder(Dense(hidden=(64, 32)), code=1, training=training, random_state=0)
    return model.fit(flat_disks(400, (3, 5) if gap else None)[0])


def roll(gap):
    """Rows of a roll of one turn, and the places of those trained on."""
    X, angle = make_swiss_roll(1800, random_state=0)
    turn = angle < 10
    X, angle = (X[turn] / 10).astype(np.float32), angle[turn]
    half = len(X) // 2
    kept = (angle[:half] < 6.5) | (angle[:half] > 8) | (not gap)
    return X[:half][kept], X[half:], angle


def test_digits_are_kinds_of_rows_and_no_holes():
    assert check(patient(healthy())).severity in ("ok", "info")


def test_disks_of_all_radii_have_no_hole():
    assert check(of_model(trained(False), flat_disks(400)[0], flat_disks(300, seed=1)[0])).severity in (
        "ok",
        "info",
    )


def test_disks_of_a_missing_range_of_radii_fall_into_a_hole_and_the_remedy_can_be_applied():
    X, held_out = flat_disks(400, (3, 5))[0], flat_disks(300, seed=1)[0]
    found = check(of_model(trained(True), X, held_out))
    assert found.severity == "warning"
    assert found.evidence["widest_gap"].value > 3 * found.evidence["widest_gap"].against
    assert found.evidence["error_in_gaps"].low > 2
    assert found.evidence["off_the_data"].value > 2 * found.evidence["off_the_data"].against
    assert found.evidence["blend"].value > 0.5
    model = Autoencoder(Dense(hidden=(8,)), code=1, penalties=(L1(0.1),), training=Training(max_epochs=1))
    model.set_params(**of_remedy(found)).fit(X)
    assert model.penalties[-1].on == "encoder"


def of_remedy(found):
    (penalty,) = found.remedy.patch["penalties"]
    assert isinstance(penalty, WeightDecay)
    return found.remedy.patch


def test_a_hole_is_only_worth_knowing_where_no_held_out_row_falls_in():
    X, held_out = flat_disks(400, (3, 5))[0], flat_disks(300, (3, 5), seed=1)[0]
    found = check(of_model(trained(True), X, held_out))
    assert found.severity == "info"
    assert "hardly any" in found.title
    assert not found.remedy.patch


def test_without_held_out_rows_a_hole_is_still_named():
    found = check(of_model(trained(True), flat_disks(400, (3, 5))[0]))
    assert found.severity == "info"


def test_a_roll_unrolled_by_an_oracle_has_a_hole_where_a_strip_is_missing():
    """The decoder knows the roll outside the strip, and answers with its edges inside."""

    def encode(x):
        return np.column_stack([np.linalg.norm(x[:, [0, 2]], axis=1), x[:, 1]])

    def decode(z, strip=True):
        angle = 10 * z[:, 0]
        inside = (angle > 6.5) & (angle < 8) & strip
        angle = np.where(inside, np.where(angle < 7.25, 6.5, 8.0), angle)
        return np.column_stack([angle * np.cos(angle) / 10, z[:, 1], angle * np.sin(angle) / 10])

    X, held_out, _ = roll(gap=True)
    found = check(functions(encode, decode, X, held_out))
    assert found.severity == "warning"
    assert not found.remedy.patch
    # A decoder that goes on correctly bridges the gap: nothing to warn of.
    bridged = check(functions(encode, lambda z: decode(z, strip=False), X, held_out))
    assert bridged.severity == "info"
    whole, held_out, _ = roll(gap=False)
    assert check(functions(encode, decode, whole, held_out)).severity == "ok"


def test_copied_codes_come_back_from_where_they_were_decoded():
    X = np.random.default_rng(0).random((400, 2)).astype(np.float32)
    X[:, 0] += np.where(X[:, 0] > 0.5, 0.5, 0.0).astype(np.float32)
    found = check(functions(lambda x: x, lambda z: z, X[:200], X[200:]))
    assert found.severity == "info"
    assert found.evidence["comes_back"].value == pytest.approx(0, abs=1e-6)
    assert found.evidence["blend"].value == pytest.approx(1)


def test_sparse_and_constant_codes_and_few_rows_are_skipped():
    X = flat_disks(100)[0]
    model = Autoencoder(Dense(hidden=()), code=TopK(30, k=3), training=Training(max_epochs=1), random_state=0)
    assert "sparse" in check(of_model(model.fit(X), X)).why
    assert "same" in check(functions(lambda x: 0 * x[:, :1], lambda z: np.zeros((len(z), 225)), X)).why
    assert "too few" in check(functions(lambda x: x, lambda z: z, X[:40])).why


def test_unknown_entries_and_copies():
    X = flat_disks(300, (3, 5))[0].copy()
    X[::7, 3] = np.nan
    X[:20] = X[20]
    training = Training(max_epochs=5, batch_size=64, threads=1)
    model = Autoencoder(Dense(hidden=(16,)), code=1, training=training, random_state=0).fit(X)
    found = check(of_model(model, X, X[::2]))
    assert found.severity in ("ok", "info", "warning")
    assert np.isfinite(found.evidence["widest_gap"].value)


def test_distances_count_known_entries_only():
    rows = Rows(np.array([[0, 0], [3, 4]], np.float32), np.array([[True, False], [True, True]]), None, 2)
    x = np.array([[1, 9], [3, 5]], np.float32)
    # One of two entries is known: its square counts twice.
    assert distances_to_rows(x, rows) == pytest.approx([np.sqrt(2), 1])
    assert distances_to_rows(x[1:], rows, leave_out=np.array([1])) == pytest.approx([np.sqrt(18)])


def test_two_groups_on_a_line_have_the_gap_between_them():
    points = np.concatenate([np.arange(50), 100 + np.arange(30)])[:, None].astype(float)
    widest = gaps(points)[0]
    assert widest.width == pytest.approx(51)
    assert widest.excess == pytest.approx(51 / 5)  # at an end the fifth neighbour is at distance 5
    assert widest.side.sum() == 30


def test_an_outlier_leaves_no_gap():
    points = np.append(np.arange(200.0), 1e4)[:, None]
    assert gaps(points)[0].excess < 1.1


def test_smooth_densities_stay_below_the_null():
    generator = np.random.default_rng(0)
    for dimensions in (1, 2, 4):
        usual = usual_excess(300, dimensions, generator)
        cube = gaps(generator.random((300, dimensions)))
        assert max((gap.excess for gap in cube), default=0) < 1.5 * usual
