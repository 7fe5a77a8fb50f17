"""Does it copy whatever comes?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.architectures.custom import Custom
from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.top_k import TopK
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.corruptions.masking import Masking
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.rows import Rows
from isthmus.doctor.statistics import intervals, structure_free
from isthmus.doctor.statistics.dimension import ample_units
from isthmus.doctor.statistics.directions import Directions
from isthmus.doctor.statistics.rival import Rival
from isthmus.doctor.statistics.structure_free import EXCHANGED, NOISE

if TYPE_CHECKING:
    from isthmus.corruptions.corruption import Corruption
    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.intervals import Interval
    from isthmus.estimator import Autoencoder

#: How much of what it does for data a model does for rows without structure, and how much of a change of entries it
#: follows, from which it copies. Of 35 trained models, copies had 0.95 and 0.93, or 0.83 and 0.81 where outputs are
#: squashed, and 0.78 and 0.77 where a path leaks beside a code; healthy ones stayed below 0.6. Wide linear codes of the
#: hospital's calibration part came to 0.67 where columns tell each other, healthy codes with room for a copy to 0.57.
FAILURE, WARNING = 0.9, 0.62
#: Share of the best linear denoiser's gain, and share of the noise, from which a model does remove noise, whatever else
#: it does. A wide linear code that copied digits removed 5 %, where the best linear denoiser removed none.
DENOISES, LEAST_GAIN = 0.5, 0.2
#: What a model has to explain of the data before it can be said to copy them.
EXPLAINS = 0.5
#: How often a row lies nearer to the training rows than one without structure, up to which data have none either.
UNSTRUCTURED = 0.55
#: Numbers of the code in columns that vary, below which a code has no room for a copy, and from which for a whole one.
ROOM, WHOLE = 0.75, 1.0
#: Pictures shown.
SHOWN = 10


class IdentityCopy(Check):
    """What a model does for rows without structure, beside what it does for data, and whether it removes noise.

    Permuting each column by itself keeps every column's values and removes what joins them. A model of the data has
    nothing to say about such rows, a copy reproduces them as well as data. A change of some entries of a row is undone
    by a model that knows what the others imply and followed by a copy; noise is removed or let through likewise. The
    measures are compared with PCA of the same size and with the best linear denoiser (Wiener), since a code with few
    numbers cannot copy and data whose columns do not depend on each other leave nothing to be known.

    References: Vincent et al. (2010), JMLR 11, section 2 (why over-complete codes can copy) and 3 (denoising); Alain
    and Bengio (2014), JMLR 15 (what is followed and what undone tells of the data's density).
    """

    code: ClassVar[str] = "identity-copy"
    question: ClassVar[str] = "Does it copy whatever comes?"
    needs: ClassVar[frozenset[str]] = frozenset({"spread"})
    order: ClassVar[int] = 42

    def run(self, patient: Patient) -> Finding:
        seen = _Answers.of(patient, patient.generator(self.code))
        evidence, pictures = seen.evidence(patient), seen.pictures(patient)
        shares = (
            f"{_percent(seen.free)} of the variance of rows without structure is explained, "
            f"{_percent(seen.data)} of that of data"
        )
        if not seen.nearer.above(UNSTRUCTURED):
            return self.finding(
                "info",
                "The data cannot be told from rows without structure, so copying cannot be told from modeling",
                evidence,
                "Where columns do not depend on each other, a code can do nothing better than to pass them on.",
                pictures=pictures,
            )
        severity = seen.severity(patient)
        if severity == "ok":
            return self.finding(
                "ok",
                seen.harmless(patient, shares),
                evidence,
                "A model that knows how the entries of a row go together does worse where they do not.",
                pictures=pictures,
            )
        return self.finding(
            severity,
            f"It copies whatever comes: {shares}, and {_percent(seen.followed)} of a change of entries is "
            "passed on",
            evidence,
            "A copy has learned nothing about the data: its codes hold the entries as they came, noise included, and "
            "its errors do not tell usual rows from strange ones.",
            *_remedies(patient),
            pictures=pictures,
        )


@dataclass(frozen=True)
class _Answers:
    """What a model did with rows, rows without structure, changed rows and noisy rows."""

    rows: Rows
    free_rows: Rows
    free_output: Any
    data: Interval
    free: Interval
    pca_data: float
    pca_free: float
    followed: Interval
    gain: Interval
    best_gain: float
    nearer: Interval
    noise: Interval | None

    @classmethod
    def of(cls, patient: Patient, generator: np.random.Generator) -> _Answers:
        rows = structure_free.first(patient.test, structure_free.ROWS)
        units = structure_free.places(patient)
        free = structure_free.permuted(rows, units, generator)
        output = patient.reconstruct(free.x)
        mean = patient.baselines.mean

        def explained(of: Rows, squares: Any) -> Interval:
            return intervals.share_explained(
                squares.sum(axis=1), of.squares(mean[None]).sum(axis=1), generator
            )

        gain, best = structure_free.denoising_gain(patient, rows, generator)
        return cls(
            rows,
            free,
            output,
            data=explained(rows, patient.squares[: len(rows)]),
            free=explained(free, free.squares(output)),
            pca_data=explained(rows, patient.pca_squares[: len(rows)]).value,
            pca_free=explained(
                free, free.squares(patient.baselines.pca_reconstruction(free.x, free.known))
            ).value,
            followed=structure_free.followed(patient, rows, free, units, generator),
            gain=gain,
            best_gain=best,
            nearer=structure_free.nearer(patient, units, generator),
            noise=structure_free.explained_of_noise(patient, rows, generator)
            if patient.has("images")
            else None,
        )

    def severity(self, patient: Patient) -> Severity:
        """``ok``, ``warning`` or ``failure``."""
        room = _room(patient)
        if not self.data.above(EXPLAINS) or self.denoises:
            return "ok"
        # PCA with nearly as many directions as columns copies as well: a code that is too large, and no more.
        if self.alike > FAILURE and room >= WHOLE:
            return "failure"
        return "warning" if self.alike > WARNING and room >= ROOM else "ok"

    @property
    def alike(self) -> float:
        """What is surely the share of a copy in it."""
        return min(self.free.low / max(self.data.high, EXPLAINS), self.followed.low)

    @property
    def denoises(self) -> bool:
        """Whether it surely removes noise."""
        return self.gain.above(max(DENOISES * self.best_gain, LEAST_GAIN))

    def harmless(self, patient: Patient, shares: str) -> str:
        """Why it is no copy, in a sentence."""
        if self.alike > WARNING and self.denoises:
            return f"It does not copy: it removes {_percent(self.gain)} of added noise"
        if self.alike > WARNING and _room(patient) < ROOM:
            return "It cannot copy: a row's code holds fewer numbers than the data have columns"
        return f"It does not copy: {shares}"

    def evidence(self, patient: Patient) -> dict[str, Any]:
        n = len(self.rows)
        found = {
            "explained_of_data": _measure(
                self.data, "share of the variance of data explained", n, self.pca_data, _PCA
            ),
            "explained_without_structure": _measure(
                self.free,
                "share of the variance explained when each column is permuted by itself",
                n,
                self.pca_free,
                _PCA,
            ),
            "followed": _measure(
                self.followed,
                f"share of a change that outputs follow, {100 * EXCHANGED:.0f} % of the columns taken from other rows",
                n,
                1.0,
                "a copy",
            ),
            "denoising_gain": _measure(
                self.gain,
                f"share of added noise removed, its deviation {NOISE} of each column's; a copy removes 0",
                n,
                self.best_gain,
                "the best linear denoiser",
            ),
            "structure": _measure(
                self.nearer,
                "chance that a row is nearer to its nearest training row than a row without structure is",
                min(n, structure_free.ROWS // 2),
                0.5,
                "data without structure",
            ),
        }
        if self.noise is not None:
            found["explained_of_noise"] = _measure(
                self.noise,
                "share of the variance of noise explained that has each pixel's mean and variance",
                n,
                1.0,
                "a copy",
            )
        return found

    def pictures(self, patient: Patient) -> list[Picture]:
        bars = Picture(
            "bars",
            {
                "autoencoder": np.array([self.data.value, self.free.value]),
                "PCA": np.array([self.pca_data, self.pca_free]),
            },
            "Share of variance explained. Rows without structure should be explained much worse than data.",
            names=("data", "without structure"),
        )
        if not patient.has("images"):
            return [bars]
        few = slice(0, SHOWN)
        stacks = {
            "data": self.rows.x[few],
            "its reconstruction": patient.reconstruction[few],
            "without structure": self.free_rows.x[few],
            "reconstruction of that": self.free_output[few],
        }
        caption = (
            "Each pixel permuted among images: a copy reproduces the third row, a model makes images of it."
        )
        return [bars, Picture("images", {name: patient.images(x) for name, x in stacks.items()}, caption)]


_PCA = "PCA of the same code size"


def _room(patient: Patient) -> float:
    """Numbers that a row's code holds, in columns that vary; units that are 0 hold none."""
    columns = np.count_nonzero(structure_free.spread(patient.train, patient.baselines.mean))
    return Rival.of(patient).size / max(int(columns), 1)


def _percent(share: Interval) -> str:
    return f"{100 * max(share.value, 0.0):.0f} %"


def _measure(found: Interval, what: str, n: int, against: float, null: str) -> Measure:
    return Measure(found.value, what, found.low, found.high, n, against, null)


def _remedies(patient: Patient) -> list[Remedy]:
    mean = patient.baselines.mean
    train = structure_free.first(patient.train, structure_free.ROWS)
    varying = int(np.count_nonzero(structure_free.spread(train, mean)))
    most = Directions.of(structure_free.complete(train, mean) - mean).count(0.95)
    size = max(1, min(most, 3 * patient.code_size // 4, varying - 1))
    words = (
        f"Make the code smaller, such as {size} ({most} principal directions explain 95 % of the variance)."
    )
    denoise = "Damage the inputs in training and ask for the clean ones, which no copy can give."
    sparse = f"Or let few numbers of the code be active in a row, such as {max(1, most // 2)}."
    if patient.model is None:
        return [Remedy(words), Remedy(denoise), Remedy(sparse)]
    code = patient.model.part("code")
    kept = getattr(code, "k", None) or getattr(code, "l0", None)
    if kept is not None:
        fewer = max(1, min(most, int(kept)) // 2)
        field = "k" if getattr(code, "k", None) else "l0"
        patch: dict[str, Any] = {f"code__{field}": fewer if field == "k" else float(fewer)}
        if getattr(code, "k_inference", None):
            patch["code__k_inference"] = None
        found = [Remedy(f"Let fewer numbers of the code be active in a row, such as {fewer}.", patch)]
    else:
        found = [Remedy(words, {"code__size": size})]
        units = ample_units(patient) or size
        architecture = patient.model.part("architecture")
        if isinstance(architecture, Dense) and not architecture.hidden:
            found.insert(0, _between_hidden_layers(patient.model, patient.features, size, words))
        if isinstance(architecture, Custom):
            found.append(_without_a_way_around(patient.model, patient.features, min(size, units)))
        elif units < size:
            smaller = f"Make the code smaller still: {units} units leave the data room to spare, by their dimension."
            found.append(Remedy(smaller, {"code__size": units}))
    if patient.model.corruption is None:
        found.append(Remedy(denoise, {"corruption": _corruption(patient)}))
    if isinstance(code, Deterministic) and patient.code_size > most:
        found.append(Remedy(sparse, {"code": TopK(patient.code_size, max(1, most // 2))}))
    return found


def _nodes(model: Autoencoder, features: int, size: int) -> int:
    """Of one hidden layer on either side of a code of ``size`` units, for about as many weights as the model has."""
    weights = sum(value.numel() for value in model.network_.parameters())
    return max(2 * size, weights // (2 * (features + size)))


def _between_hidden_layers(model: Autoencoder, features: int, size: int, words: str) -> Remedy:
    """A code that is narrow and has no layers around it would be PCA, which a small network does better than."""
    nodes = _nodes(model, features, size)
    text = (
        f"{words} Put it between hidden layers of {nodes} nodes: without any, a code that cannot copy is PCA."
    )
    return Remedy(text, {"architecture__hidden": (nodes,), "code__size": size})


def _without_a_way_around(model: Autoencoder, features: int, size: int) -> Remedy:
    """A layer of isthmus, with about as many weights, in the place of modules that may hand entries on."""
    nodes = _nodes(model, features, size)
    text = (
        "Use a network with no way around the code, such as plain dense layers: modules of your own may hand entries "
        f"on beside it, and no code is small enough for those; {nodes} hidden nodes are about as many weights, with a "
        f"code of {size}."
    )
    return Remedy(text, {"architecture": Dense(hidden=(nodes,)), "code__size": size})


def _corruption(patient: Patient) -> Corruption:
    """Masking where 0 is an ordinary value; noise where it is not."""
    mean, deviations = patient.baselines.mean, structure_free.spread(patient.train, patient.baselines.mean)
    varying = deviations > 0
    if patient.has("images") or np.mean(np.abs(mean)[varying] < 2 * deviations[varying]) > 0.5:
        return Masking(0.25)
    return GaussianNoise(float(np.median(deviations[varying])) / 2)
