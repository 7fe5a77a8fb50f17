import numpy as np
import pytest

from isthmus.doctor.statistics.posterior import divergences, drawn, information


def generator():
    return np.random.default_rng(0)


def test_the_prior_itself_diverges_by_nothing_and_a_shifted_posterior_by_half_its_square():
    assert divergences(np.zeros((3, 2)), np.zeros((3, 2))).tolist() == [[0.0, 0.0]] * 3
    assert divergences(np.array([[2.0]]), np.array([[0.0]])).item() == pytest.approx(2.0)
    # Half the variance: (1/2 - 1 + log 2) / 2.
    assert divergences(np.array([[0.0]]), np.log([[0.5]])).item() == pytest.approx(0.5 * (np.log(2) - 0.5))


def test_codes_that_tell_all_rows_apart_hold_log_n_nats_and_equal_posteriors_hold_none():
    apart = 100.0 * np.arange(50.0)[:, None]
    assert information(apart, np.zeros((50, 1)), generator()).mean() == pytest.approx(np.log(50))
    assert information(np.zeros((50, 1)), np.zeros((50, 1)), generator()).mean() == pytest.approx(
        0.0, abs=1e-9
    )


def test_information_of_a_channel_of_normal_noise_is_half_the_log_of_its_capacity():
    random = np.random.default_rng(1)
    means = random.normal(scale=2.0, size=(2000, 1))
    found = information(means, np.zeros((2000, 1)), random).mean()
    assert found == pytest.approx(0.5 * np.log(5), abs=0.06)


def test_drawn_codes_have_the_posteriors_moments():
    z = drawn(np.full((20000, 1), 3.0), np.full((20000, 1), np.log(4.0)), generator())
    assert z.mean() == pytest.approx(3.0, abs=0.05) and z.std() == pytest.approx(2.0, abs=0.05)
