import copy

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.partial_collapse import PartialCollapse
from isthmus.doctor.statistics.averaged import discovered, surely
from isthmus.training import Training

check = PartialCollapse()


def flat():
    return tuple(X.reshape(len(X), -1) for X in digits()[:2])


def tabular(scaling):
    frame = load_breast_cancer(as_frame=True).data.sample(frac=1, random_state=0).reset_index(drop=True)
    training = Training(max_epochs=60, batch_size=32, learning_rate=3e-3, threads=1)
    model = Autoencoder(Dense(hidden=(32,)), code=4, scaling=scaling, training=training, random_state=0)
    model.fit(frame[:400])
    return model, of_model(model, frame[:400], frame[400:])


@pytest.mark.parametrize("labelled", [True, False])
def test_a_sound_model_is_ok(labelled):
    found = check(patient(healthy(), labelled=labelled))
    assert found.severity == "ok"
    assert found.evidence["averaged_columns"].value == 0
    assert found.evidence["averaged_groups"].value == 0


def test_columns_that_are_averaged_are_named():
    X_train, X_test = flat()
    center = X_train.mean(axis=0)
    lost = [27, 28, 36, 43]  # pixels in the middle

    def decode(z):
        answer = z.copy()
        answer[:, lost] = center[lost]
        return answer

    found = check(functions(lambda x: x, decode, X_train, X_test))
    assert found.severity == "failure"
    assert found.evidence["averaged_columns"].value == 4
    for place in lost:
        measure = found.evidence[f"column: feature {place}"]
        assert measure.value == pytest.approx(0, abs=0.02)
        assert measure.against > 0.9
        assert f"feature {place}" in found.title


def test_a_class_of_which_only_the_mean_is_known_is_named():
    X_train, X_test = flat()
    labels = digits()[2]
    mean = X_train[labels == 3].mean(axis=0)
    kind = {}
    for X, y in ((X_train, labels), (X_test, digits()[3])):
        kind |= {row.tobytes(): label for row, label in zip(X, y, strict=True)}

    def encode(x):
        return np.stack([mean if kind[row.tobytes()] == 3 else row for row in x])

    found = check(functions(encode, lambda z: z, X_train, X_test, y_train=labels, y_test=digits()[3]))
    assert found.severity == "failure"
    assert found.evidence["averaged_groups"].value == 1
    assert found.evidence["class: 3"].value == pytest.approx(0, abs=0.05)
    assert "class 3" in found.title


def test_columns_lost_for_their_unit_are_found_and_scaling_is_the_cure():
    model, judged = tabular("none")
    found = check(judged)
    assert found.severity == "failure"
    assert found.evidence["explained_variance"].value > 0.9  # the mean looks fine
    assert found.remedy.patch == {"scaling": "standard"}
    for remedy in found.remedies:
        copy.deepcopy(model).set_params(**remedy.patch)._choices()
    assert check(tabular("standard")[1]).severity == "ok"


def test_a_column_of_noise_that_is_averaged_is_no_failure():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(800, 2)) @ generator.normal(size=(2, 10))
    X[:, 9] = 0.5 * generator.normal(size=800)  # nothing predicts it, and PCA of this size leaves it out
    X[:, 8] = 3.0  # a constant
    X = X.astype(np.float32)
    axes = np.linalg.svd(X[:400] - X[:400].mean(axis=0), full_matrices=False)[2][:2]
    center = X[:400].mean(axis=0)
    found = check(functions(lambda x: (x - center) @ axes.T, lambda z: z @ axes + center, X[:400], X[400:]))
    assert found.severity == "ok"


def test_a_column_that_only_neighbors_predict_is_found():
    generator = np.random.default_rng(0)
    angle = generator.uniform(0, 2 * np.pi, size=1_000)
    X = np.stack([np.cos(angle), np.sin(angle), 0.05 * np.cos(4 * angle)], axis=1)
    X = np.hstack([X, 0.02 * generator.normal(size=(1_000, 1))]).astype(np.float32)
    found = check(
        functions(lambda x: x[:, :2], lambda z: np.hstack([z, np.zeros((len(z), 2))]), X[:500], X[500:])
    )
    assert found.severity in ("warning", "failure")
    assert "feature 2 " in found.title


def test_a_model_that_averages_everything_is_left_to_another_check():
    center = flat()[0].mean(axis=0)
    found = check(functions(lambda x: x[:, :4], lambda z: np.tile(center, (len(z), 1))))
    assert found.severity == "info"
    assert "mean-collapse" in found.title


def test_unknown_entries_do_not_count():
    generator = np.random.default_rng(0)
    X = (generator.normal(size=(600, 2)) @ generator.normal(size=(2, 8))).astype(np.float32)
    X[generator.random(X.shape) < 0.2] = np.nan
    training = Training(max_epochs=60, batch_size=32, learning_rate=3e-3, threads=1)
    model = Autoencoder(Dense(hidden=(32,)), code=3, training=training, random_state=0).fit(X[:400])
    judged = of_model(model, X[:400], X[400:])
    assert judged.test.known is not None
    assert check(judged).severity == "ok"


def test_means_of_noise_are_seldom_discovered():
    values = np.random.default_rng(0).normal(size=(200, 500))
    assert not discovered(surely(values)).any()
    assert discovered(surely(values + 0.5)).all()
    assert surely(np.zeros((10, 1)))[0] == 1
