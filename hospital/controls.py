"""Healthy controls: every recipe with sound settings, on data that suit it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hospital.protocol import CALIBRATION, CONTROL, SEEN, UNSEEN, Admission, Case
from hospital.sound import BATCH, HIDDEN, RATE, trained
from isthmus import recipes

if TYPE_CHECKING:
    from hospital.data import Data

IMAGES = ("digits", "mnist")
#: Recipes that are left out, with the reason.
LEFT_OUT = {"disk": "it is made for images of disks of 63 x 63 pixels, and its training takes minutes."}

#: Units of an overcomplete sparse code, and those active in a row, where there are columns enough.
SPARSE_UNITS, ACTIVE = 96, 10


def _sparse(data: Data) -> dict[str, Any]:
    # As many active units as columns may copy any row.
    active = min(ACTIVE, data.features // 2)
    return {
        "code_size": min(SPARSE_UNITS, 4 * data.features),
        "hidden": (),
        "l0": float(active),
        "k": active,
    }


def _pretrained(data: Data) -> dict[str, Any]:
    return {"pretraining_epochs": 10, "epochs": data.epochs}


def _classes(data: Data) -> dict[str, Any]:
    classes = len(set(data.y_train.tolist()))
    return {"code_size": data.code + classes, "classifier_size": classes}


#: Epochs, in those of a sound dense model, and rates of recipes that need others: logistic layers and what is brought
#: to a sparsity go slowly. With as many as a dense one, held-out errors of sparse codes are up to twice as large, those
#: of convolutions a sixth to two fifths larger.
LONGER = {
    "rbm_pretrained": 3,
    "stacked": 3,
    "stacked_denoising": 3,
    "sparse_l1": 3,
    "sparse_kl": 3,
    "jump_relu": 3,
    "k_sparse": 3,
    "batch_top_k": 3,
    "gated_sparse": 3,
    "conv": 3,
}
RATES = {"stacked": 10 * RATE, "stacked_denoising": 10 * RATE}

#: Where recipes are tried, and fields of their own. A recipe that is not named here gets DEFAULT.
DEFAULT: tuple[tuple[str, ...], Callable[[Data], dict[str, Any]]] = (("digits", "manifold"), lambda data: {})
CHOICES: dict[str, tuple[tuple[str, ...], Callable[[Data], dict[str, Any]]]] = {
    "dense": (SEEN, lambda data: {}),
    "denoising": (("digits", "satellite"), lambda data: {"strength": 0.1}),
    "diffusion_denoising": (("mnist", "fault"), lambda data: {"noise": 0.3}),
    # Not MNIST: tanh units explain less than half of the variance of 2,000 images, whatever the weight.
    "contractive": (("digits", "manifold"), lambda data: {"weight": 0.01, "activation": "tanh"}),
    "contractive_hessian": (
        ("digits", "satellite"),
        lambda data: {"weight": 0.01, "hessian": 0.1, "activation": "tanh"},
    ),
    "conv": (IMAGES, lambda data: {"channels": (8, 16)}),
    "hinton2006": (IMAGES, _pretrained),
    "rbm_pretrained": (IMAGES, _pretrained),
    # Not MNIST: 2,000 images are learned by heart at the rate that logistic layers without damage need.
    "stacked": (("digits",), _pretrained),
    "stacked_denoising": (IMAGES, lambda data: _pretrained(data) | {"noise": 0.05}),
    "sparse_l1": (("digits", "fault"), _sparse),
    "sparse_kl": (IMAGES, lambda data: {"code_size": SPARSE_UNITS, "hidden": (), "activity": 0.1}),
    "k_sparse": (("mnist", "manifold"), _sparse),
    "batch_top_k": (("digits", "satellite"), _sparse),
    "jump_relu": (("digits", "fault"), _sparse),
    "gated_sparse": (("mnist", "satellite"), _sparse),
    "winner_take_all": (("mnist", "manifold"), lambda data: {"code_size": SPARSE_UNITS, "hidden": (), "rate": 0.1}),
    "generalized": (("digits", "fault"), lambda data: {}),
    "relational": (("digits", "manifold"), lambda data: {}),
    "relational_denoising": (("mnist", "satellite"), lambda data: {"noise": 0.1}),
    "relational_sparse": (IMAGES, lambda data: {"code_size": 48, "activity": 0.2}),
    "relational_variational": (("digits", "manifold"), lambda data: {"hidden": (128,)}),
    "vae": (("digits", "manifold"), lambda data: {"hidden": (128,)}),
    "classifying": (("digits", "mnist"), lambda data: {"weight": 0.1}),
    "siamese": (("digits", "manifold"), lambda data: {"weight": 0.1}),
    "separate_classifier": (("digits", "mnist"), _classes),
}  # fmt: skip


def names() -> list[str]:
    """Recipes that are tried, by listing them."""
    return [name for name in recipes.names() if name not in LEFT_OUT]


def admissions(sets: list[str], seeds: tuple[int, ...]) -> list[Admission]:
    """Every recipe on the data that suit it."""
    return [
        Admission(CONTROL, name, data, seed)
        for name in names()
        for data in _sets(name)
        for seed in seeds
        if data in sets and (data in SEEN or seed != CALIBRATION)
    ]


def _sets(name: str) -> tuple[str, ...]:
    """Those where a recipe is tried; what is not for images only is tried on one of the unseen tables as well."""
    seen = CHOICES.get(name, DEFAULT)[0]
    if set(seen) <= set(IMAGES):
        return seen
    return (*seen, UNSEEN[names().index(name) % len(UNSEEN)])


def made(name: str, data: Data, seed: int) -> Case:
    """A recipe trained with sound settings."""
    recipe = recipes.get(name)
    wanted: dict[str, Any] = {
        "code_size": data.code,
        "hidden": HIDDEN,
        "loss": "bce" if data.images else "mse",
        "random_state": seed,
    }
    wanted |= CHOICES.get(name, DEFAULT)[1](data)
    model = recipe(**{key: value for key, value in wanted.items() if key in recipe.fields()})
    model.set_params(
        scaling=data.scaling,
        training__max_epochs=LONGER.get(name, 1) * data.epochs,
        training__batch_size=BATCH,
        training__threads=1,
        training__device="cpu",
    )
    if model.training.learning_rate is None and model.training.optimizer == "adam":
        model.set_params(training__learning_rate=RATES.get(name, RATE))
    return trained(model, data)
