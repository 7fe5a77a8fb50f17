"""Which properties hold for which family, and the two functions that try them all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from isthmus import spec
from isthmus.testing import engine, networks, parts, recipes, specs
from isthmus.testing.failure import ConformanceError, NotApplicable
from isthmus.testing.fresh import (
    estimator_around,
    labels_for,
    reload,
    require_equal_results,
    save_for_comparison,
)

Property = Callable[[spec.Spec], None]

FAMILIES: dict[str, tuple[Property, ...]] = {
    "architectures": networks.NETWORK,
    "codes": (*networks.NETWORK, *parts.CODES),
    "priors": (*networks.NETWORK, *parts.PRIORS),
    "losses": (*networks.NETWORK, *parts.LOSSES),
    "corruptions": (*networks.NETWORK, *parts.CORRUPTIONS),
    "penalties": (*networks.NETWORK, *parts.PENALTIES),
    "training": (),
    "training.optimizers": engine.OPTIMIZERS,
    "training.schedules": engine.SCHEDULES,
    "training.initial": engine.INITIAL,
}
#: Families whose parts are saved with a model, so that they are tried in a fresh process.
SAVED = ("architectures", "codes", "priors", "losses", "corruptions", "penalties", "training")


def properties(part: spec.Spec) -> tuple[Property, ...]:
    """What must hold for a part, by its family; each raises ConformanceError where it does not."""
    return (*specs.SPEC, *FAMILIES.get(part.family, ()))


def check_part(part: spec.Spec, *, fresh_process: bool = True) -> None:
    """Try every property of the part's family.

    Parameters
    ----------
    part : an instance of any part, of isthmus or of your own. fresh_process : also fit and save a small model with
        it and load that in a new process, which takes some seconds.

    Raises: ConformanceError that lists every property which does not hold.
    """
    failures = [failure for holds in properties(part) if (failure := _failure(holds, part))]
    if (
        fresh_process
        and part.family in SAVED
        and (failure := _failure(saved_model_gives_the_same_bits, part))
    ):
        failures.append(failure)
    _raise(repr(part), failures)


def check_recipe(name: str, *, fresh_process: bool = True) -> None:
    """Try every property of recipes on the one called ``name``; see :func:`check_part`."""
    failures = [failure for holds in recipes.RECIPES if (failure := _failure(holds, name))]
    if fresh_process and (failure := _failure(saved_recipe_gives_the_same_bits, name)):
        failures.append(failure)
    _raise(f"recipe {name}", failures)


def saved_model_gives_the_same_bits(part: spec.Spec) -> None:
    """A model with the part in it, saved and loaded in a fresh process, gives equal bits."""
    model, X = estimator_around(part)
    _compare(model, X, allow=tuple(specs.named_modules(part.to_json())))


def saved_recipe_gives_the_same_bits(name: str) -> None:
    """A recipe's model, saved and loaded in a fresh process, gives equal bits."""
    model = recipes.composed(name)
    _compare(model, recipes.suited(model))


def _compare(model: Any, X: Any, *, allow: Sequence[str] = ()) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        expected = save_for_comparison(model.fit(X, labels_for(X)), X, place)
        require_equal_results(expected, reload([place], allow=allow)[place])


def _failure(holds: Callable[[Any], None], of: Any) -> str:
    try:
        holds(of)
    except NotApplicable:
        return ""
    except ConformanceError as error:
        return f"{holds.__name__}: {error}"
    except Exception as error:  # noqa: BLE001  (whatever a part does wrong is a finding about it)
        return f"{holds.__name__}: raised {type(error).__name__}: {error}"
    return ""


def _raise(what: str, failures: list[str]) -> None:
    if failures:
        raise ConformanceError(
            f"{what} does not conform:\n" + "\n".join(f"- {failure}" for failure in failures)
        )
