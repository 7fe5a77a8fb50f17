"""The recipes that train layer by layer: what they compose, and that the stages earn their cost."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import recipes
from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.corruptions.masking import Masking
from isthmus.errors import DataError
from isthmus.training.initial.greedy import Greedy
from isthmus.training.initial.rbm import RBM
from isthmus.training.stages import joint, stages

DIGITS = (load_digits().data[:900] / 16).astype(np.float32)
NARROW = {"code_size": 6, "hidden": (40, 24, 12)}


def planned(name, *, epochs, pretraining_epochs=3, **fields):
    model = recipes.get(name)(**NARROW, pretraining_epochs=pretraining_epochs, random_state=0, **fields)
    return model.set_params(
        training__max_epochs=epochs,
        training__batch_size=50,
        training__learning_rate=5e-3,
        training__threads=1,
        training__device="cpu",
    )


def test_what_they_compose():
    stacked = recipes.stacked(5, (9, 7), pretraining_epochs=4)
    assert stacked.architecture == Dense((9, 7), activation="sigmoid")
    assert stacked.code == Deterministic(5, activation="sigmoid")
    assert stacked.training.initial_weights == Greedy(epochs=4)
    denoising = recipes.stacked_denoising(5, (9, 7), noise=0.4, pretraining_epochs=4)
    assert denoising.corruption == Masking(0.4)
    assert denoising.training.initial_weights == Greedy(corruption=Masking(0.4), epochs=4)
    assert denoising.corruption is not denoising.training.initial_weights.corruption
    machines = recipes.rbm_pretrained(5, (9, 7), pretraining_epochs=4)
    assert machines.code == Deterministic(5)
    assert machines.training.initial_weights == RBM(epochs=4)


def test_without_noise_the_denoising_stack_is_the_plain_one():
    plain, denoising = (
        planned(name, epochs=2, **fields).fit(DIGITS).transform(DIGITS)
        for name, fields in (("stacked", {}), ("stacked_denoising", {"noise": 0.0}))
    )
    np.testing.assert_array_equal(plain, denoising)


@pytest.mark.parametrize("name", ["stacked", "stacked_denoising", "rbm_pretrained"])
def test_its_history_has_a_stage_a_layer(name):
    model = planned(name, epochs=2, pretraining_epochs=3).fit(DIGITS[:200])
    assert {key: len(lines) for key, lines in stages(model.history_).items()} == {
        f"layer {number} of 4": 3 for number in (1, 2, 3, 4)
    }
    assert len(joint(model.history_)) == 2


@pytest.mark.parametrize("name", ["stacked", "rbm_pretrained"])
def test_a_deep_narrow_network_learns_after_stages_and_not_without(name):
    # As many passes over the whole network as over all of its layers once, so equal cost.
    def explained(**plan):
        model = planned(name, epochs=10, pretraining_epochs=10)
        model.set_params(training__batch_size=20, training__learning_rate=1e-2, **plan)
        return model.fit(DIGITS).evaluate(DIGITS)["explained_variance"]

    straight = explained(training__initial_weights="kaiming", training__max_epochs=20)
    assert straight < 0.3
    assert explained() > straight + 0.2


def test_data_outside_0_and_1_are_refused_with_a_way_out():
    with pytest.raises(DataError, match="use loss='mse'"):
        planned("stacked", epochs=1).fit(DIGITS * 3)
    assert planned("stacked", epochs=1, loss="mse").fit(DIGITS * 3).code_size_ == 6
