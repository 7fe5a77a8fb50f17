import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import Deterministic
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.code_too_small import CodeTooSmall
from isthmus.doctor.statistics.residuals import residual_dimension, residual_structure
from isthmus.training import Training

check = CodeTooSmall()


def pca(rows, size):
    """A pair of functions that projects on the leading directions of some rows."""
    center = rows.mean(axis=0)
    directions = np.linalg.svd(rows - center, full_matrices=False)[2][:size]
    return lambda x: (x - center) @ directions.T, lambda z: z @ directions + center


def ball(n=1200, dimensions=6, features=20, noise=0.0, seed=0):
    """Rows on a ``dimensions``-dimensional plane with equal variances."""
    generator = np.random.default_rng(seed)
    basis = np.linalg.qr(generator.normal(size=(features, features)))[0][:dimensions]
    rows = generator.normal(size=(n, dimensions)) @ basis + noise * generator.normal(size=(n, features))
    return rows.astype(np.float32)


def trained(size, code=None):
    training = Training(max_epochs=15, batch_size=64, learning_rate=3e-3, threads=1)
    model = Autoencoder(Dense(hidden=(64,)), code=code or size, loss="bce", training=training, random_state=0)
    return model.fit(digits()[0])


def test_a_sound_model_is_ok():
    assert check(patient(healthy())).severity == "ok"


def test_one_unit_for_digits_is_a_failure_and_the_patches_give_it_room_to_spare_or_as_many_as_dimensions():
    model = trained(1)
    found = check(patient(model))
    assert found.severity == "failure"
    assert found.evidence["saved"].low > 0.3
    ample, plain = (remedy.patch["code"] for remedy in found.remedies)
    assert 7 <= plain <= 10
    assert 1.4 * plain <= ample + 1 <= 1.5 * plain + 1
    assert model.set_params(**found.remedy.patch).part("code").size == found.remedy.patch["code"]


@pytest.mark.slow
def test_the_kind_of_code_is_kept():
    model = trained(1, Deterministic(1, activation="tanh"))
    found = check(patient(model))
    model.set_params(**found.remedy.patch)
    assert model.code.activation == "tanh"
    assert model.code.size > 6


def test_what_a_direction_saves_is_what_principal_directions_of_known_variances_hold():
    rows = ball()
    found = check(functions(*pca(rows[:800], 2), rows[:800], rows[800:]))
    # 4 of 6 equal directions are missing, and one holds a sixth.
    assert found.severity == "failure"
    assert found.evidence["dimension"].value == pytest.approx(6, abs=1)
    assert found.evidence["unexplained"].value == pytest.approx(4 / 6, abs=0.05)
    assert found.evidence["saved"].value == pytest.approx(4 / 6, abs=0.1)
    assert found.evidence["saved_by_one"].value == pytest.approx(1 / 6, abs=0.05)
    assert not found.remedy.patch  # there are no parts to change


def test_a_code_as_large_as_the_plane_is_ok_with_noise_around_it():
    rows = ball(noise=0.3)
    assert check(functions(*pca(rows[:800], 6), rows[:800], rows[800:])).severity in ("ok", "info")


def test_noise_has_a_high_dimension_that_no_larger_code_could_use():
    rows = np.random.default_rng(0).normal(size=(1000, 30)).astype(np.float32)
    found = check(functions(*pca(rows[:600], 2), rows[:600], rows[600:]))
    assert found.evidence["dimension"].low > 10
    assert found.severity == "info"


@pytest.mark.parametrize("frame", ["columns", "rotated"])
@pytest.mark.parametrize("tails", [3, 30])
def test_the_residuals_of_noise_have_all_the_dimensions_that_they_can_have(frame, tails):
    generator = np.random.default_rng(3)
    rows = generator.standard_t(tails, size=(1500, 30))
    if frame == "rotated":
        rows = rows @ np.linalg.qr(generator.normal(size=(30, 30)))[0]
    rows = rows.astype(np.float32)
    noise = functions(*pca(rows[:1000], 1), rows[:1000], rows[1000:])
    assert not residual_dimension(noise, generator).surely
    assert check(noise).severity == "info"


def waves(n=1500, seed=0):
    """Rows on a surface of 3 dimensions in 9 columns, so bent that no direction holds more than another."""
    angles = 2 * np.pi * np.random.default_rng(seed).uniform(size=(n, 3))
    bent = [np.sin(angles), np.cos(angles), np.sin(angles + np.roll(angles, 1, axis=1))]
    return np.concatenate(bent, axis=1).astype(np.float32)


def test_what_curves_has_structure_that_its_directions_do_not_show():
    rows = waves()
    left = functions(*pca(rows[:1000], 2), rows[:1000], rows[1000:])
    directions = residual_structure(left, 1, np.random.default_rng(0))
    assert not directions.structured.above(0.1)
    bent = residual_dimension(left, np.random.default_rng(0))
    assert bent.surely
    found = check(left)
    assert found.severity == "warning"
    assert found.evidence["dimension_of_residuals"].high < found.evidence["dimension_of_residuals"].against


def test_the_dimension_of_residuals_is_read_from_rows_without_unknown_entries():
    rows = waves()
    rows[::3, 1] = np.nan
    training = Training(max_epochs=3, batch_size=64, threads=1)
    model = Autoencoder(Dense(hidden=(32,)), code=1, training=training, random_state=0).fit(rows[:1000])
    bent = residual_dimension(of_model(model, rows[:1000], rows[1000:]), np.random.default_rng(0))
    assert bent.found.rows == 1000
    few = np.where(np.arange(1500)[:, None] % 50 > 0, np.nan, rows).astype(np.float32)
    few[:, 0] = 1
    assert residual_dimension(of_model(model, few[:1000], few[1000:]), np.random.default_rng(0)) is None


def test_a_roll_rolled_flat_loses_much_but_has_two_dimensions():
    rows = make_swiss_roll(1000, random_state=0)[0].astype(np.float32)
    found = check(functions(*pca(rows[:600], 2), rows[:600], rows[600:]))
    assert found.severity == "ok"
    assert found.evidence["dimension"].value == pytest.approx(2, abs=0.2)


def test_without_held_out_rows_directions_are_still_judged_on_others():
    rows = np.random.default_rng(0).normal(size=(200, 100)).astype(np.float32)
    one = functions(*pca(rows, 1), rows)
    left = residual_structure(one, 20, np.random.default_rng(0))
    assert left.n == 100
    assert left.structured.low < 0.1


def test_a_code_of_all_features_is_ok():
    rows = ball(400)
    assert check(functions(lambda x: x, lambda z: z, rows[:200], rows[200:])).severity == "ok"


def test_rows_of_one_kind_or_few_are_skipped():
    same = np.ones((300, 5), np.float32)
    found = check(functions(lambda x: x[:, :1], lambda z: np.ones((len(z), 5)), same, same))
    assert found.severity == "skipped"
    assert "1 different training rows" in found.why


def test_unknown_entries_are_no_residuals_and_rows_with_them_tell_no_dimension():
    rows = ball(700)
    rows[::10, 3] = np.nan
    training = Training(max_epochs=20, batch_size=64, threads=1)
    model = Autoencoder(Dense(hidden=(32,)), code=6, training=training, random_state=0).fit(rows[:500])
    one = of_model(model, rows[:500], rows[500:])
    found = check(one)
    assert found.severity == "ok"
    assert found.evidence["dimension"].n == 450
    few = np.where(np.arange(700)[:, None] % 10 > 0, np.nan, rows).astype(np.float32)
    few[:, 0] = 1
    model.fit(few[:500])
    assert check(of_model(model, few[:500], few[500:])).severity == "skipped"
