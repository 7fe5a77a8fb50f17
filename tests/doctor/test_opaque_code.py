import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.codes import TopK
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.opaque_code import OpaqueCode
from isthmus.training import Training

check = OpaqueCode()


def rows(n=400, features=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, features)).astype(np.float32)


def linear(weights, x, **labels):
    """A decoder z @ weights of the first entries of a row."""
    weights = np.asarray(weights, dtype=np.float32)
    half = len(x) // 2
    labels = {f"y_{name}": y for name, y in labels.items()}
    return functions(lambda x: x[:, : len(weights)], lambda z: z @ weights, x[:half], x[half:], **labels)


def test_a_sound_model_is_described_and_not_judged():
    found = check(patient(healthy()))
    assert found.severity == "info"
    assert not found.remedies
    assert len([name for name in found.evidence if name.startswith("unit ")]) == 8
    assert sum(found.evidence[f"unit {unit}"]["share"].value for unit in range(8)) == pytest.approx(1)
    json.dumps(found.to_json())


def test_of_a_linear_decoder_effects_and_slopes_are_its_weights():
    x = rows()
    found = check(linear([[3, 0, 0, 0, 0, 0], [0, 0, 0, -1, 0, 0]], x))
    spread = found.evidence["unit 0"]["spread"].value
    assert list(found.evidence)[2:] == ["unit 0", "unit 1"]  # the strongest first
    assert found.evidence["unit 0"]["effect"].value == pytest.approx((3 * spread) ** 2, rel=1e-3)
    assert found.evidence["unit 0"]["moves"] == {"feature 0": pytest.approx(3 * spread, rel=1e-3)}
    assert found.evidence["unit 1"]["moves"]["feature 3"] < 0
    assert found.evidence["units_for_nine_tenths"] in (1, 2)


def test_extremes_are_rows_among_those_looked_at():
    p = linear(np.eye(1, 6), rows())
    unit = check(p).evidence["unit 0"]
    values = p.codes[:, 0]
    assert unit["top_rows"][0] == values.argmax()
    assert unit["bottom_rows"][0] == values.argmin()


def test_classes_are_found_in_the_unit_that_holds_them_and_in_no_other():
    x = rows(600)
    y = np.array(["small", "large"])[(x[:, 1] > 0).astype(int)]
    found = check(linear(np.eye(3, 6), x, train=y[:300], test=y[300:])).evidence
    assert found["unit 1"]["goes_with_label"] and not found["unit 0"]["goes_with_label"]
    assert found["unit 1"]["class_with_most"].keys() == {"large"}
    assert found["unit 1"]["label_explains"].value == pytest.approx(2 / np.pi, abs=0.06)
    assert found["unit 1"]["label_information"].value > 5 * found["unit 1"]["label_information"].against


def test_numbers_as_labels_are_correlated():
    x = rows(600)
    y = -x[:, 2].astype(np.float64)
    y[:5] = np.nan
    found = check(linear(np.eye(3, 6), x, train=y[:300], test=y[300:])).evidence
    assert found["unit 2"]["label_correlation"].value == pytest.approx(-1, abs=1e-3)
    assert found["unit 0"]["label_correlation"].low < 0 < found["unit 0"]["label_correlation"].high


def test_a_label_of_one_class_says_nothing():
    x, y = rows(), np.zeros(400, dtype=int)
    assert (
        "label_explains" not in check(linear(np.eye(2, 6), x, train=y[:200], test=y[200:])).evidence["unit 0"]
    )


def test_images_are_drawn_along_the_units():
    found = check(patient(healthy()))
    assert found.pictures[1].series["unit 0"].shape == (5, 8, 8)
    assert "moves" not in found.evidence["unit 0"]


def test_columns_of_a_table_are_named_and_holes_do_no_harm():
    frame = load_wine(as_frame=True).data
    frame["shade"] = pd.Categorical(np.where(frame["hue"] > 1, "light", "dark"))
    frame.iloc[::5, 2] = np.nan
    training = Training(max_epochs=20, learning_rate=3e-3, threads=1)
    model = Autoencoder(code=2, training=training, random_state=0).fit(frame)
    found = check(of_model(model, frame, frame))
    named = set(found.evidence["unit 0"]["moves"])
    assert named and named <= set(model.transform_.feature_names())
    assert found.pictures[1].kind == "matrix"


def test_of_many_units_sixteen_are_described():
    model = Autoencoder(code=TopK(80, k=5), training=Training(max_epochs=2, threads=1), random_state=0)
    found = check(patient(model.fit(digits()[0])))
    assert sum(name.startswith("unit ") for name in found.evidence) == 16


def test_a_decoder_that_reads_nothing_has_nothing_to_explain():
    found = check(functions(lambda x: x[:, :3], lambda z: np.zeros((len(z), 64))))
    assert found.severity == "info"
    assert "No code unit" in found.title


def test_one_unit_is_enough():
    assert check(linear(np.eye(1, 6), rows())).severity == "info"
