"""The recipe of disks composes what it says and learns a radius."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from isthmus import recipes
from isthmus.data.disks import disks
from isthmus.errors import ParameterError
from isthmus.penalties.interpolation import Interpolation
from isthmus.penalties.weight_decay import WeightDecay


def test_five_halvings_leave_one_number():
    model = recipes.disk(random_state=0).set_params(training__max_epochs=0)
    images, _ = disks(3)
    network = model.fit(images).network_
    assert network.hidden_sizes() == [8 * 31**2, 4 * 15**2, 3 * 7**2, 2 * 3**2, 1]
    assert network.encoder.to_code.weight.shape == (1, 1)
    assert model.reconstruct(images).shape == (3, 63, 63)


def test_regularization_is_decay_of_the_encoder():
    assert recipes.disk(regularization=0.5).penalties == (WeightDecay(0.5, on="encoder"),)
    assert recipes.disk(regularization=0).penalties == ()
    assert recipes.disk(regularization=0, interpolation=2.0).penalties == (Interpolation(2.0),)


def test_images_must_be_large_enough():
    with pytest.raises(ParameterError, match="too many for images of 8 x 8 pixels"):
        recipes.disk().fit(np.zeros((4, 8, 8), dtype=np.float32))


@pytest.mark.slow
def test_the_code_orders_disks_by_area():
    images, _ = disks(1000, exclude=(11.0, 18.0))
    model = recipes.disk(epochs=200, random_state=0).set_params(training__threads=1).fit(images)
    tried, radii = disks(100, spaced=True, seed=1)
    assert abs(spearmanr(model.transform(tried)[:, 0], radii).statistic) > 0.99
    known = tried[(radii < 11) | (radii > 18)]
    assert model.evaluate(known)["explained_variance"] > 0.9
