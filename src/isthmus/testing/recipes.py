"""Properties of every recipe, and of any autoencoder that is given whole."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import clone

from isthmus.errors import DataError, ParameterError
from isthmus.estimator import Autoencoder
from isthmus.testing.failure import ConformanceError, require, require_same_bits, require_shape
from isthmus.testing.fresh import results
from isthmus.training.stages import joint

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = 24
CODE = 3
LABELS = np.arange(N) % 2


def composed(name: str, **fields: Any) -> Autoencoder:
    """A small autoencoder of a recipe: code of 3, narrow layers where it has them, two short epochs."""
    recipe = importlib.import_module("isthmus.recipes").get(name)
    small = {"code_size": CODE, "hidden": (6, 5), "channels": (3, 4), "random_state": 0}
    small |= {"k": 2, "l0": 2.0, "pretraining_epochs": 2}
    taken = inspect.signature(recipe).parameters
    autoencoder: Autoencoder = recipe(**{key: value for key, value in small.items() if key in taken} | fields)
    return autoencoder.set_params(
        training__max_epochs=2, training__batch_size=8, training__threads=1, training__device="cpu"
    )


def suited(model: Autoencoder) -> NDArray[np.float32]:
    """Data in (0, 1) that the model takes: rows of 11 numbers, or images of 13 x 10 pixels."""
    generator = np.random.default_rng(0)
    refusals = []
    for shape in ((N, 11), (N, 13, 10)):
        X = (0.05 + 0.9 * generator.random(shape)).astype(np.float32)
        try:
            clone(model).fit(X, LABELS)
        except (ParameterError, DataError) as error:
            refusals.append(str(error))
        else:
            return X
    raise ParameterError(f"no data tried suit this autoencoder: {' '.join(refusals)}")


def says_where_it_comes_from(name: str) -> None:
    """A recipe carries a reference, a docstring, and fields with defaults, so that it runs as it stands."""
    recipe = importlib.import_module("isthmus.recipes").get(name)
    require(recipe.reference.strip(), f"recipe {name} has no reference.")
    require((recipe.__doc__ or "").strip(), f"recipe {name} has no docstring.")
    require(isinstance(recipe(), Autoencoder), f"recipe {name} without arguments must give an Autoencoder.")


def refuses_unknown_fields(name: str) -> None:
    """An unknown field is refused by name."""
    try:
        importlib.import_module("isthmus.recipes").get(name)(no_such_field=1)
    except ParameterError as error:
        require("no_such_field" in str(error), f"recipe {name} did not name the unknown field.")
    else:
        raise ConformanceError(f"recipe {name} took an unknown field.")


def keeps_to_the_contract(name: str) -> None:
    """Shapes, one row, repeatable bits, finite history, samples, and the caller's parts untouched."""
    model = composed(name)
    X = suited(model)
    before = repr(model)
    model.fit(X, LABELS)
    require(repr(model) == before, f"fit changed the parameters of recipe {name}.")
    codes = model.transform(X)
    require_shape(torch.as_tensor(codes), (N, model.code_size_), "transform")
    require(codes.dtype == np.float32 and np.isfinite(codes).all(), "codes must be finite float32.")
    require_shape(torch.as_tensor(model.reconstruct(X)), X.shape, "reconstruct")
    require_shape(torch.as_tensor(model.inverse_transform(codes)), X.shape, "inverse_transform")
    require_shape(torch.as_tensor(model.transform(X[:1])), (1, model.code_size_), "transform of one row")
    require_shape(torch.as_tensor(model.sample(4, random_state=0)), (4, *X.shape[1:]), "sample")
    for one, two in zip(results(model, X).values(), results(model, X).values(), strict=True):
        require_same_bits(torch.as_tensor(one), torch.as_tensor(two), f"two calls of recipe {name}")
    numbers = [value for record in joint(model.history_) for value in record.values()]
    require(numbers and np.isfinite(numbers).all(), f"the history of recipe {name} is not finite.")


def seeds_decide_a_fit(name: str) -> None:
    """One seed gives the same bits twice, whatever the global generators; another seed does not."""
    model = composed(name)
    X = suited(model)
    first = clone(model).fit(X, LABELS).transform(X)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002  (the global generator is what must not matter)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    second = clone(model).fit(X, LABELS).transform(X)
    require(torch.equal(states[0], torch.get_rng_state()), "fit changed torch's global generator.")
    require((states[1] == np.random.get_state()[1]).all(), "fit changed numpy's global generator.")  # type: ignore[index]  # noqa: NPY002
    require_same_bits(torch.as_tensor(first), torch.as_tensor(second), f"codes of two fits of recipe {name}")
    other = clone(model).set_params(random_state=1).fit(X, LABELS).transform(X)
    require(not np.array_equal(first, other), f"two seeds of recipe {name} gave the same codes.")


def rows_do_not_see_each_other_in_use(name: str) -> None:
    """A row's code and score are the same alone and among others, within rounding."""
    model = composed(name)
    X = suited(model)
    model.fit(X, LABELS)
    for method in ("transform", "score_samples"):
        whole, alone = getattr(model, method)(X), getattr(model, method)(X[3:4])
        require(
            np.allclose(whole[3:4], alone, rtol=1e-5, atol=1e-5), f"{method} of a row depends on its batch."
        )


Property = Callable[[str], None]
RECIPES: tuple[Property, ...] = (
    says_where_it_comes_from,
    refuses_unknown_fields,
    keeps_to_the_contract,
    seeds_decide_a_fit,
    rows_do_not_see_each_other_in_use,
)
