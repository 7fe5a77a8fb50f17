"""What a mistake is, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hospital.data import Data
    from isthmus.estimator import Autoencoder

#: Names of the three degrees of every mistake, the smallest first.
SEVERITIES = ("mild", "moderate", "severe")
#: Data sets that thresholds, cures and the settings of controls were chosen by.
SEEN = ("digits", "mnist", "fault", "satellite", "manifold")
#: Data sets that no threshold and no control's setting was chosen by. They have no patients of the calibration seed.
UNSEEN = ("cover", "celeba")
ALL = (*SEEN, *UNSEEN)
#: Four of the seen ones each, so that hundreds of patients fit into an hour.
NO_MNIST, NO_FAULT, NO_SATELLITE = (
    tuple(one for one in SEEN if one != name) for name in ("mnist", "fault", "satellite")
)
#: Name of an admission that is not ill.
CONTROL = "control"
#: Seed whose patients thresholds may be chosen on; those of other seeds are reported.
CALIBRATION = 0


@dataclass(frozen=True)
class Case:
    """A trained autoencoder with the rows that its maker has.

    model : fitted, unless the training refused to go on before its first epoch ended.
    X_train, y_train : what it was trained on. X_test, y_test : what it is to be used on.
    refusal : what the training said when it stopped by itself; empty where it did not.
    """

    model: Autoencoder
    X_train: Any
    X_test: Any
    y_train: Any = None
    y_test: Any = None
    refusal: str = ""


@dataclass(frozen=True)
class Illness:
    """One mistake that people make, in three degrees.

    mistake : what was done, in a sentence. degrees : what mild, moderate and severe are.
    primary : codes of the checks that are asked to find it, each. on_images : further ones, where data are images.
    alternative : codes whose findings name it as well, where no primary one does; not asked of every such patient.
    accompanying : codes that such a model may rightly bring about as well, neither hits nor false alarms.
    make : (data, degree 0 to 2, seed) -> the case; the model becomes ill by its training. sets : of the seen data.
    unseen : whether it has patients on the unseen data as well.
    """

    mistake: str
    degrees: tuple[str, str, str]
    primary: tuple[str, ...]
    make: Callable[[Data, int, int], Case]
    accompanying: tuple[str, ...] = ()
    alternative: tuple[str, ...] = ()
    on_images: tuple[str, ...] = ()
    sets: tuple[str, ...] = SEEN
    unseen: bool = True

    def expected(self, *, images: bool) -> tuple[str, ...]:
        """Codes of the checks that are asked to find it."""
        return (*self.primary, *(self.on_images if images else ()))

    def naming(self, *, images: bool) -> tuple[str, ...]:
        """Codes of findings that name it."""
        return (*self.expected(images=images), *self.alternative)


@dataclass(frozen=True, order=True)
class Admission:
    """Who is to be examined: an illness, or a recipe that is sound, on a data set.

    ward : the illness' name, or ``control``. kind : the degree by name, or the recipe. data, seed : of the rows
    and of the training.
    """

    ward: str
    kind: str
    data: str
    seed: int

    @property
    def name(self) -> str:
        """What a line of the results is known by."""
        return f"{self.ward}/{self.kind}/{self.data}/{self.seed}"

    @property
    def ill(self) -> bool:
        """Whether something was done wrong."""
        return self.ward != CONTROL
