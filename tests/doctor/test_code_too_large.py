import numpy as np
import pytest

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import TopK
from isthmus.corruptions import Masking
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.code_too_large import CodeTooLarge
from isthmus.training import Training

check = CodeTooLarge()


def plane(n=700, dimensions=3, features=24, seed=0):
    generator = np.random.default_rng(seed)
    basis = np.linalg.qr(generator.normal(size=(features, features)))[0][:dimensions]
    return (generator.normal(size=(n, dimensions)) @ basis).astype(np.float32), basis.astype(np.float32)


def trained(X, code, epochs=15):
    training = Training(max_epochs=epochs, batch_size=64, learning_rate=3e-3, threads=1)
    return Autoencoder(Dense(hidden=(64,)), code=code, training=training, random_state=0).fit(X)


def test_a_sound_model_needs_all_its_directions():
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert found.evidence["needed"].value == 8
    assert not found.evidence["idle_units"]


def test_data_of_three_directions_in_a_code_of_40_are_warned_of_and_the_patch_is_enough():
    X, _ = plane()
    model = trained(X[:500], 40, epochs=40)
    found = check(of_model(model, X[:500], X[500:]))
    assert found.severity == "warning"
    assert 3 <= found.evidence["needed"].value <= 9
    assert found.remedy.patch["code"] == found.evidence["needed"].high
    smaller = model.set_params(**found.remedy.patch)
    assert smaller.part("code").size == found.remedy.patch["code"]


def test_more_numbers_than_columns_are_warned_of_unless_something_else_is_asked():
    X = np.random.default_rng(0).normal(size=(400, 12)).astype(np.float32)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 16)))[0][:12].astype(np.float32)
    wide = trained(X, 16)
    found = check(of_model(wide, X))
    assert found.severity == "warning"
    assert "only 12 that vary" in found.title
    assert found.evidence["size"].against == 12
    for remedy in found.remedies:
        assert wide.set_params(**remedy.patch).part("code").size <= 12
    damaged = Autoencoder(
        Dense(hidden=(64,)), code=16, corruption=Masking(0.2), training=wide.training, random_state=0
    )
    assert check(of_model(damaged.fit(X), X)).severity == "ok"
    assert check(functions(lambda x: x @ turn, lambda z: z @ turn.T, X, X)).severity == "info"


def test_exactly_the_directions_that_vary_are_needed_however_codes_are_turned():
    X, _ = plane()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(24, 24)))[0].astype(np.float32)
    found = check(functions(lambda x: x @ turn, lambda z: z @ turn.T, X[:500], X[500:]))
    assert found.severity == "warning"
    measure = found.evidence["needed"]
    assert (measure.value, measure.low, measure.high) == (3, 3, 3)
    assert not found.remedy.patch  # there are no parts to change


def test_a_direction_of_small_variance_that_the_decoder_amplifies_is_needed():
    X, basis = plane(dimensions=6)
    scale = np.array([1, 1, 1, 1e-3, 1, 1], np.float32)
    found = check(functions(lambda x: x @ basis.T * scale, lambda z: z / scale @ basis, X[:500], X[500:]))
    assert found.severity == "ok"
    assert found.evidence["needed"].value == 6


def test_units_that_the_decoder_does_not_read_are_named():
    X, basis = plane(dimensions=4)

    def encode(x):
        return np.column_stack([x @ basis.T, np.random.default_rng(0).normal(size=(len(x), 2))])

    found = check(functions(encode, lambda z: z[:, :4] @ basis, X[:500], X[500:]))
    assert found.severity == "ok"
    assert found.evidence["idle_units"] == ["unit 4", "unit 5"]


def test_a_decoder_that_reads_no_code_is_no_matter_of_size():
    X = digits()[0].reshape(1300, -1)
    found = check(functions(lambda x: x[:, :20], lambda z: np.tile(X.mean(axis=0), (len(z), 1))))
    assert found.severity == "info"
    assert "hardly reads" in found.title


def test_sparse_codes_are_meant_to_be_large():
    found = check(patient(trained(digits()[0], TopK(40, k=5), epochs=3)))
    assert found.severity == "skipped"
    assert "sparse" in found.why


def test_a_code_of_one_and_training_rows_alone():
    X, basis = plane(200, dimensions=1)
    assert check(functions(lambda x: x @ basis.T, lambda z: z @ basis, X)).severity == "ok"


def test_unknown_entries_do_not_count():
    X, _ = plane()
    X[::3, 5] = np.nan
    model = trained(X[:500], 4, epochs=40)
    found = check(of_model(model, X[:500], X[500:]))
    assert found.severity == "ok"
    assert found.evidence["needed"].value == pytest.approx(4, abs=1)
