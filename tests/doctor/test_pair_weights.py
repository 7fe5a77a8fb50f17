import numpy as np
import pytest

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import Gaussian
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.pair_weights import PairWeights
from isthmus.doctor.statistics.neighborhoods import alike, distances, kept, nearest
from isthmus.penalties import L1, Generalized, Relational
from isthmus.training import Training

check = PairWeights()


def related(penalty, code=8, epochs=8):
    training = Training(max_epochs=epochs, batch_size=64, learning_rate=3e-3, threads=1)
    model = Autoencoder(
        Dense(hidden=(128,)),
        code=code,
        loss="bce",
        penalties=(L1(1e-6), penalty),
        training=training,
        random_state=0,
    )
    return model.fit(digits()[0], digits()[2])


def test_balanced_relations_are_ok_where_there_is_something_to_gain():
    found = check(patient(related(Relational(), code=2, epochs=20)))
    assert found.severity == "ok"
    near = found.evidence["neighbors_kept"]
    assert near.low > near.against
    assert not found.remedies


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [Relational(), Relational(relation="product"), Generalized()])
def test_relations_of_the_default_weight_are_no_fault(penalty):
    assert check(patient(related(penalty))).severity in ("ok", "info")


@pytest.mark.slow
def test_relations_that_do_not_pull_are_ignored_and_the_cure_makes_them_pull():
    model = related(Relational(1e-4, balance="fixed"))
    found = check(patient(model))
    assert found.severity == "warning"
    assert found.evidence["pull"].value < 0.01
    first, second = (remedy.patch["penalties"] for remedy in found.remedies[:2])
    assert first == (L1(1e-6), Relational(1.0))
    assert second[1].weight > 1e-3
    assert model.penalties[1].weight == 1e-4  # the patient is left as it was
    cured = Autoencoder(**model.get_params(deep=False)).set_params(**found.remedy.patch)
    assert not check(patient(cured.fit(digits()[0], digits()[2]))).bad


@pytest.mark.slow
def test_relations_that_cost_the_data_are_found_and_a_smaller_weight_is_the_cure():
    heavy = related(Generalized(300.0, relation="labels", balance="fixed"))
    found = check(patient(heavy))
    assert found.bad
    assert found.evidence["returns_at_less"].low > 0.02
    explained = found.evidence["explained_variance"]
    assert explained.high < 0.8 * explained.against
    for remedy in found.remedies:
        Autoencoder(**heavy.get_params(deep=False)).set_params(**remedy.patch)
    assert found.remedies[1].patch["penalties"][1].weight <= 100


@pytest.mark.slow
def test_a_model_that_is_bad_for_another_reason_is_not_put_down_to_its_relations():
    training = Training(max_epochs=5, batch_size=64, learning_rate=1e-5, threads=1)
    model = Autoencoder(code=8, penalties=(Relational(),), training=training, random_state=0)
    found = check(patient(model.fit(digits()[0])))
    assert found.severity == "info"
    assert "not for the relations" in found.title


@pytest.mark.slow
def test_the_verdict_is_the_same_twice_and_leaves_the_model_alone():
    model = related(Relational())
    before = model.transform(digits()[1])
    first, second = (check(patient(model)).to_json() for _ in range(2))
    assert first == second
    assert np.array_equal(model.transform(digits()[1]), before)


def test_tables_with_holes_and_codes_that_are_drawn():
    table = np.random.default_rng(0).normal(size=(300, 3)) @ np.random.default_rng(1).normal(size=(3, 8))
    table[np.random.default_rng(2).random(table.shape) < 0.2] = np.nan
    model = Autoencoder(
        Dense(hidden=(32,)),
        code=Gaussian(2),
        penalties=(Relational(),),
        training=Training(max_epochs=20, batch_size=64, learning_rate=3e-3, threads=1),
        random_state=0,
    ).fit(table[:200])
    found = check(of_model(model, table[:200], table[200:]))
    assert found.severity != "skipped"
    assert np.isfinite(found.evidence["trustworthiness"].value)


def test_what_has_no_relations_is_skipped_with_the_reason():
    assert "Relational" in check(patient(healthy())).why
    assert "isthmus trained" in check(functions(lambda x: x[:, :2], lambda z: np.tile(z[:, :1], 64))).why
    off = Autoencoder(code=2, penalties=(Relational(0.0),), training=Training(max_epochs=1), random_state=0)
    assert "weight of 0" in check(patient(off.fit(digits()[0]))).why
    by_labels = related(Generalized(relation="labels"))
    assert "labels" in check(patient(by_labels, labelled=False)).why


def test_neighbors_by_hand():
    x = np.array([[0.0], [1.0], [3.0], [10.0]])
    near = nearest(distances(x), 2)
    assert near.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert kept(near, x).tolist() == [1, 1, 1, 1]
    assert kept(near, np.array([[0.0], [10.0], [1.0], [2.0]])).tolist() == [0.5, 0.5, 0.5, 0.5]
    assert alike([0, 0, 1, 1], x, 1).tolist() == [1, 1, 0, 1]


def test_distances_over_what_both_rows_know():
    x = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 7.0]])
    known = np.array([[True, True], [True, False], [False, True]])
    apart = distances(x, known)
    assert apart[0, 1] == pytest.approx(3 * 2**0.5)
    assert apart[1, 2] == apart.max()
