import copy

import numpy as np
import pytest

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Custom, Dense
from isthmus.codes import TopK
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.identity_copy import IdentityCopy
from isthmus.doctor.statistics.structure_free import permuted
from isthmus.training import Training

check = IdentityCopy()


def trained(code, *, epochs=30, **choices):
    training = Training(max_epochs=epochs, batch_size=64, learning_rate=3e-3, threads=1)
    model = Autoencoder(Dense(hidden=(256,)), code=code, training=training, random_state=0, **choices)
    return model.fit(digits()[0])


def test_a_sound_model_is_ok():
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert found.evidence["explained_without_structure"].value < 0.3


def test_the_identity_is_a_copy_by_every_measure():
    found = check(functions(lambda x: x, lambda z: z))
    assert found.severity == "failure"
    assert found.evidence["explained_of_data"].value == pytest.approx(1)
    assert found.evidence["explained_without_structure"].value == pytest.approx(1)
    assert found.evidence["followed"].value == pytest.approx(1)
    assert found.evidence["denoising_gain"].value == pytest.approx(0, abs=1e-6)
    assert found.evidence["denoising_gain"].against > 0.1
    assert found.remedies
    assert not any(remedy.patch for remedy in found.remedies)


def test_a_constant_answer_follows_nothing():
    center = digits()[0].reshape(1300, -1).mean(axis=0)
    found = check(functions(lambda x: x[:, :4], lambda z: np.tile(center, (len(z), 1))))
    assert found.severity == "ok"
    assert found.evidence["followed"].value == 0


@pytest.mark.slow
def test_a_code_of_more_numbers_than_columns_is_trained_to_copy_and_its_remedies_can_be_applied():
    model = trained(128, epochs=40)
    found = check(patient(model))
    assert found.severity == "failure"
    assert len(found.remedies) == 4
    for remedy in found.remedies:
        changed = copy.deepcopy(model).set_params(**remedy.patch)
        changed._choices()
    cured = copy.deepcopy(model).set_params(**found.remedy.patch, training__max_epochs=5).fit(digits()[0])
    assert check(patient(cured)).severity == "ok"


def test_a_linear_copy_becomes_a_narrow_code_between_hidden_layers():
    training = Training(max_epochs=60, batch_size=64, learning_rate=3e-3, threads=1)
    model = Autoencoder(Dense(hidden=()), code=96, training=training, random_state=0).fit(digits()[0])
    found = check(patient(model))
    assert found.severity == "failure"
    between, smaller = found.remedies[:2]
    nodes, size = between.patch["architecture__hidden"][0], between.patch["code__size"]
    assert smaller.patch == {"code__size": size}
    weights = sum(value.numel() for value in model.network_.parameters())
    assert 2 * nodes * (64 + size) == pytest.approx(weights, rel=0.05)
    cured = copy.deepcopy(model).set_params(**between.patch).fit(digits()[0])
    assert check(patient(cured)).severity == "ok"
    plain = model.set_params(**smaller.patch).fit(digits()[0])
    errors = [one.reconstruction_error(digits()[1]).mean() for one in (cured, plain)]
    assert errors[0] < errors[1]


def test_modules_that_hand_entries_on_beside_the_code_give_way_to_layers_that_cannot():
    options = {"leaked": 64, "hidden": (16,)}
    leaking = Custom("hospital.leak:Encoder", "hospital.leak:Decoder", options, options)
    training = Training(max_epochs=20, batch_size=64, learning_rate=3e-3, threads=1)
    model = Autoencoder(leaking, code=72, training=training, random_state=0).fit(digits()[0])
    found = check(patient(model))
    assert found.severity == "failure"
    (remedy,) = (one for one in found.remedies if "architecture" in one.patch)
    assert "no way around the code" in remedy.text
    cured = model.set_params(**remedy.patch).fit(digits()[0])
    assert check(patient(cured)).severity == "ok"


def test_a_sparse_code_of_more_numbers_than_columns_is_no_copy():
    assert check(patient(trained(TopK(150, 8), epochs=10))).severity == "ok"


def test_columns_that_do_not_depend_on_each_other_leave_nothing_to_tell_apart():
    noise = np.random.default_rng(0).normal(size=(800, 10)).astype(np.float32)
    found = check(functions(lambda x: x, lambda z: z, noise[:400], noise[400:]))
    assert found.severity == "info"
    assert found.evidence["structure"].low < 0.5 < found.evidence["structure"].high


def test_rows_that_do_not_vary_are_skipped():
    same = np.ones((60, 5), dtype=np.float32)
    assert check(functions(lambda x: x[:, :2], lambda z: np.ones((len(z), 5)), same)).severity == "skipped"


def test_training_rows_are_judged_where_there_are_no_others():
    found = check(functions(lambda x: x, lambda z: z, digits()[0].reshape(1300, -1)))
    assert found.severity == "failure"


def test_missing_entries_are_left_out_of_everything():
    generator = np.random.default_rng(0)
    X = (generator.normal(size=(600, 3)) @ generator.normal(size=(3, 12))).astype(np.float32)
    X[generator.random(X.shape) < 0.2] = np.nan
    training = Training(max_epochs=30, batch_size=32, learning_rate=3e-3, threads=1)
    small = Autoencoder(Dense(hidden=(32,)), code=3, training=training, random_state=0).fit(X[:400])
    patient = of_model(small, X[:400], X[400:])
    assert patient.test.known is not None
    assert check(patient).severity == "ok"
    free = permuted(patient.test, [slice(place, place + 1) for place in range(12)], generator)
    assert (free.known.sum(axis=0) == patient.test.known.sum(axis=0)).all()
    assert not free.x[~free.known].any()
    copying = of_model(small, X[:400], X[400:])
    copying.encode = copying.decode = lambda x: x
    found = check(copying)
    assert found.severity == "failure"
    assert found.evidence["followed"].value == pytest.approx(1)


def test_categorical_columns_are_permuted_whole():
    pandas = pytest.importorskip("pandas")
    generator = np.random.default_rng(0)
    base = generator.normal(size=400)
    frame = pandas.DataFrame(
        {"level": np.where(base > 0, "high", "low"), "a": base, "b": base + 0.1 * generator.normal(size=400)}
    )
    training = Training(max_epochs=5, threads=1)
    model = Autoencoder(Dense(hidden=(8,)), code=1, training=training, random_state=0).fit(frame)
    judged = of_model(model, frame)
    free = permuted(judged.test, [column.entries for column in model.event_.columns], generator)
    levels = next(column.entries for column in model.event_.columns if column.kind == "categorical")
    assert (free.x[:, levels].sum(axis=1) == 1).all()
    assert check(judged).severity in ("ok", "info")
