import numpy as np
import pytest

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.target_range import TargetRange
from isthmus.training import Training

check = TargetRange()
X = np.random.default_rng(0).normal(size=(600, 6)).astype(np.float32)


def fitted(output_activation, data, **fields):
    fields = {"scaling": "none", "code": 3} | fields
    architecture = Dense(hidden=(16,), output_activation=output_activation)
    training = Training(max_epochs=3, batch_size=64, threads=1)
    return Autoencoder(architecture, training=training, random_state=0, **fields).fit(data)


def test_a_sound_model_of_data_between_0_and_1_loses_nothing():
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert found.evidence["lost_to_range"].value == 0
    assert found.evidence["range"]["found by"] == "the parts"


def test_a_logistic_output_of_standardized_data_is_found_and_its_remedies_mend_it():
    found = check(of_model(fitted("sigmoid", X), X[:400], X[400:]))
    assert found.severity == "failure"
    # All of the negative half of a normal variable, and of the positive half what lies above 1.
    assert found.evidence["lost_to_range"].value == pytest.approx(0.5 + 0.0752, abs=0.03)
    assert dict(found.remedy.patch) == {
        "architecture__output_activation": "identity",
        "scaling": "standard",
    }
    for remedy in found.remedies:
        model = fitted("sigmoid", X).set_params(**remedy.patch).fit(X)
        assert check(of_model(model, X)).severity == "ok"


def test_rectified_outputs_of_data_that_are_not_negative_are_ok():
    assert check(of_model(fitted("relu", np.abs(X)), np.abs(X))).severity == "ok"
    found = check(of_model(fitted("relu", X), X))
    assert found.severity == "failure"
    assert "below 0" in found.title


def test_entries_that_are_not_known_do_not_count():
    half = np.where(X < 0, np.nan, np.minimum(X, 1))
    found = check(of_model(fitted("sigmoid", half), half))
    assert found.severity == "ok"
    assert found.evidence["entries_outside"].value == 0


def test_functions_are_judged_by_where_their_outputs_go():
    found = check(functions(lambda x: x, np.tanh, X[:400], X[400:]))
    beyond = np.maximum(np.abs(X[:400]) - 1, 0)
    center = X[:400].mean(axis=0)
    assert found.evidence["lost_to_range"].value == pytest.approx(
        (beyond**2).sum() / ((X[:400] - center) ** 2).sum(), rel=0.01
    )
    assert found.severity == "failure"
    assert not found.remedy.patch


def test_functions_without_ends_are_ok_however_few_numbers_their_code_has():
    def decode(z):
        return np.concatenate([np.where(z > 0, z, 0.1 * z), -np.abs(z), z, z * 0, z * 0, z * 0], axis=1)

    assert check(functions(lambda x: x[:, :1], decode, X[:400], X[400:])).severity == "ok"


def test_a_decoder_that_refuses_codes_far_out_is_judged_by_the_others():
    def decode(z):
        if np.abs(z).max() > 20:
            raise IndexError("no such entry of the code book")
        return z

    assert check(functions(lambda x: x, decode, X[:400], X[400:])).severity == "ok"


def test_constant_data_are_skipped_and_constant_columns_lose_nothing():
    still = X.copy()
    still[:, 0] = 7
    assert check(of_model(fitted("identity", still), still)).severity == "ok"
    assert check(functions(lambda x: x, lambda z: z, np.ones((100, 3)))).severity == "skipped"


def test_a_decoder_that_answers_all_codes_alike_is_no_matter_of_range():
    rows = digits()[0].reshape(1300, -1)
    constant = functions(lambda x: x[:, :2], lambda z: np.tile(rows.mean(axis=0), (len(z), 1)))
    assert check(constant).severity == "ok"
