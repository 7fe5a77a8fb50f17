import numpy as np
import pytest

from isthmus.doctor.rows import Rows
from isthmus.doctor.statistics.probes import Probe, difference, labelled, lost_share, probe


def rows(x, labels):
    return Rows(np.asarray(x, dtype=np.float32), None, np.asarray(labels), len(x))


def generator():
    return np.random.default_rng(0)


def blobs(seed, n=300):
    """Three classes, told apart by the first two of four numbers."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n)
    centers = np.array([[0, 0, 0, 0], [6, 0, 0, 0], [0, 6, 0, 0]])
    return rows(centers[labels] + random.normal(size=(n, 4)), labels)


def test_a_score_is_the_mean_over_classes_of_what_was_recognised():
    wanted = np.eye(2)[[0, 0, 0, 1]]
    right = np.array([1, 1, 0, 1])
    found = Probe(wanted * right[:, None], wanted, "linear").score(generator())
    assert found.value == pytest.approx((2 / 3 + 1) / 2)


def test_a_rare_class_is_among_the_rows_that_choose_the_probe_whatever_the_seed():
    def rare(seed):
        labels = np.repeat([0, 1], [590, 10])
        x = (
            np.random.default_rng(seed).normal(size=(600, 16))
            + labels[:, None] * np.r_[np.ones(8), np.zeros(8)]
        )
        return rows(x, labels)

    train, test = rare(0), rare(1)
    chosen = labelled(train, test, held_out=True, classes=True)
    for seed in range(40):
        found = probe(train.x, test.x, chosen, np.random.default_rng(seed))
        assert found.kind == "linear"  # trees answer with the frequent class alone
        assert found.score(generator()).value > 0.7


@pytest.mark.parametrize("different", [0, 1, 5, 40])
@pytest.mark.parametrize("classes", [True, False])
def test_rows_that_are_nearly_all_alike_tell_nothing(different, classes):
    values = np.random.default_rng(0).integers(3, size=300)
    x = np.zeros((300, 4))
    x[:different] = np.random.default_rng(1).normal(size=(different, 4))
    judged = rows(x, values if classes else values.astype(float))
    chosen = labelled(judged, judged, held_out=False, classes=classes)
    score = probe(judged.x, judged.x, chosen, generator()).score(generator())
    assert score.value == pytest.approx(chosen.chance if classes else 0.0, abs=0.05)


def test_classes_that_rows_tell_apart_are_recognised_and_noise_says_nothing():
    train, test = blobs(0), blobs(1)
    chosen = labelled(train, test, held_out=True, classes=True)
    assert chosen.chance == pytest.approx(1 / 3) and chosen.usable
    whole = probe(train.x, test.x, chosen, generator())
    noise = probe(train.x[:, 2:], test.x[:, 2:], chosen, generator())
    assert whole.score(generator()).value > 0.97
    assert noise.score(generator()).value == pytest.approx(1 / 3, abs=0.08)
    assert lost_share(whole, noise, chosen.chance, generator()).above(0.75)
    assert lost_share(whole, whole, chosen.chance, generator()).value == 0.0
    assert difference(noise, whole, generator()).below(-0.4)


def test_without_held_out_rows_probes_are_cross_fitted():
    random = np.random.default_rng(0)
    data = rows(random.normal(size=(200, 30)), random.integers(0, 2, 200))
    chosen = labelled(data, data, held_out=False, classes=True)
    assert chosen.crossed
    # A probe judged on rows that it learned from would recognise nearly all of them.
    assert probe(data.x, data.x, chosen, generator()).score(generator()).value == pytest.approx(0.5, abs=0.12)


def test_a_ring_is_recognised_by_the_probe_that_is_not_linear():
    random = np.random.default_rng(0)
    x = random.normal(size=(800, 2))
    inside = (np.linalg.norm(x, axis=1) < 1.2).astype(int)
    train, test = rows(x[:500], inside[:500]), rows(x[500:], inside[500:])
    found = probe(train.x, test.x, labelled(train, test, held_out=True, classes=True), generator())
    assert found.kind == "trees" and found.score(generator()).value > 0.9


def test_numbers_are_scored_by_the_share_of_variance_that_is_predicted():
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 3))
    y = (x[:, 0] + random.normal(size=600)).astype(np.float32)
    y[5] = np.nan
    train, test = rows(x[:300], y[:300]), rows(x[300:], y[300:])
    chosen = labelled(train, test, held_out=True, classes=False)
    assert 5 not in chosen.learn and chosen.chance == 0.0
    assert probe(train.x, test.x, chosen, generator()).score(generator()).value == pytest.approx(
        0.5, abs=0.12
    )


def test_rare_classes_and_unlabelled_rows_are_left_out_and_said_so():
    train, test = blobs(0), blobs(1)
    train.labels[:9] = 3
    train.labels[9:12] = -1
    chosen = labelled(train, test, held_out=True, classes=True)
    assert chosen.left_out == (3,)
    assert set(range(12)).isdisjoint(chosen.learn.tolist())
    assert chosen.targets[0].classes == 3


def test_one_class_alone_is_nothing_to_predict():
    data = rows(np.zeros((50, 2)), np.zeros(50, dtype=int))
    assert not labelled(data, data, held_out=True, classes=True).usable
    constant = rows(np.zeros((50, 2)), np.ones(50, dtype=np.float32))
    assert not labelled(constant, constant, held_out=True, classes=False).usable
