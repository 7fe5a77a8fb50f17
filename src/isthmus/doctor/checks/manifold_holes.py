"""Are there gaps in the code space that the model cannot bridge?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.statistics.intervals import Interval, ratio_of_samples
from isthmus.doctor.statistics.spanning_tree import Gap, gaps, usual_excess
from isthmus.doctor.statistics.sparsity import SPARSE, active_share, varying
from isthmus.errors import DataError
from isthmus.metrics.intrinsic_dimension import maximum_likelihood, two_nearest_neighbors
from isthmus.penalties.interpolation import Interpolation
from isthmus.penalties.weight_decay import WeightDecay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.rows import Rows

    Array = NDArray[np.float64]

#: Codes of training rows among which gaps are sought, and training rows that distances are taken to.
SOUGHT, NEAR = 500, 2_000
#: How many times the widest gap of a smooth density a gap must be.
CLEARLY = 1.5
#: How many times worse than others rows in a gap must surely fare to be warned of, and how many of them it takes.
WORSE, LEAST = 2.0, 5
#: Pairs of rows at the edges of a gap whose middles are decoded.
PAIRS = 10
#: Share of the largest variance that is added to the others when codes are whitened, so that noise stays small.
RIDGE = 0.01
#: Weights to begin with. On disks with a missing range of radii an encoder's decay of 1 lowered the error of held-out
#: disks by a fifth, 0.01 did nothing, and the recipe ``disk`` has 10; the second is the penalty's default.
ENCODER_DECAY, INTERPOLATION = 1.0, 0.1


class ManifoldHoles(Check):
    """Gaps between training codes, what the model makes of them, and how held-out rows fare that fall in.

    Gaps are long edges of the minimum spanning tree of whitened codes, in units of the spacing of the points at
    their ends, with at least 2 % of the rows on either side. Normal codes of the same dimension are the null.
    A gap alone is no fault: kinds of rows are apart. In the middle of it the decoder is asked for an output: how far
    from training rows is it, beside reconstructions at the edges, how much of a blend of the two edges is it, and does
    it come back to where it was decoded from? A fault is a gap into which held-out rows fall, and where they are
    reconstructed far worse than others: then it is a hole in the data and not a border between kinds.

    References: the hole and its remedy: Newson, Almansa, Gousseau and Ladjal (2020), Journal of Mathematical Imaging
    and Vision 62, arXiv:1904.07099. Groups by minimum spanning trees: Zahn (1971), IEEE Transactions on Computers C-20.
    """

    code: ClassVar[str] = "manifold-holes"
    question: ClassVar[str] = "Are there gaps in the code space that the model cannot bridge?"
    order: ClassVar[int] = 75
    least_rows: ClassVar[int] = 60

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        if not varying(patient.train_codes).any():
            yield "the codes of all rows are the same, so that there is nothing between them."
        elif active_share(patient.train_codes) < SPARSE:
            yield "this code is sparse: what lies between two codes of different units is no code of any row."

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        space = Whitened.of(patient.train_codes)
        points = space.points(patient.train_codes[:SOUGHT])
        usual = usual_excess(len(points), _dimension(points), generator)
        found = gaps(points)
        wide = [gap for gap in found if gap.excess > CLEARLY * usual]
        widest = max((gap.excess for gap in found), default=0.0)
        evidence: dict[str, object] = {
            "widest_gap": Measure(
                widest,
                "width of the widest gap between training codes, in spacings of the codes at its edges",
                n=len(points),
                against=usual,
                null="the widest of ten samples of normal codes of the same dimension",
            )
        }
        pictures = _pictures(points, wide)
        if not wide:
            title = "No gap between training codes is wider than chance would make it"
            return self.finding("ok", title, evidence, _WHY["ok"], pictures=pictures)
        inside = _inside(patient, space, wide)
        fares = _fares(patient, inside, generator)
        evidence |= _middles(patient, points, wide)
        evidence["rows_in_gaps"] = Measure(
            float(inside.mean()), "share of the rows judged whose codes fall into gaps", n=len(inside)
        )
        if fares is not None:
            evidence["error_in_gaps"] = Measure(
                fares.value,
                "error of rows in gaps over that of all others",
                fares.low,
                fares.high,
                int(inside.sum()),
                1.0,
                "rows that fare alike",
            )
        severity: Severity = "warning" if fares is not None and fares.above(WORSE) else "info"
        return self.finding(
            severity,
            _title(severity, wide, inside, fares),
            evidence,
            _WHY[severity],
            *(_remedies(patient) if severity == "warning" else ()),
            pictures=pictures,
        )


@dataclass(frozen=True)
class Whitened:
    """Principal coordinates of codes, each with a variance near 1. mean : (size,). axes : (size, size)."""

    mean: Array
    axes: Array

    @classmethod
    def of(cls, codes: NDArray[np.float32]) -> Whitened:
        """Those of some codes (n, size), of which not all may be equal."""
        centered = codes.astype(np.float64) - codes.mean(axis=0, dtype=np.float64)
        variances, axes = np.linalg.eigh(centered.T @ centered / len(centered))
        return cls(
            codes.mean(axis=0, dtype=np.float64),
            axes / np.sqrt(np.maximum(variances, 0) + RIDGE * variances[-1]),
        )

    def points(self, codes: NDArray[np.float32]) -> Array:
        """(n, size) codes -> (n, size) coordinates."""
        return np.asarray((codes - self.mean) @ self.axes)


def _dimension(points: Array) -> int:
    """The smaller of two estimates, since the null has wider gaps in fewer dimensions."""
    try:
        found = min(two_nearest_neighbors(points).value, maximum_likelihood(points).value)
    except DataError:
        return 1
    return round(float(np.clip(np.nan_to_num(found, posinf=1.0), 1, min(points.shape[1], 16))))


def _inside(patient: Patient, space: Whitened, wide: list[Gap]) -> NDArray[np.bool_]:
    """(n,) rows judged whose codes fall between the two groups of a gap, well away from both."""
    inside = np.zeros(len(patient.codes), dtype=bool)
    if not patient.held_out:
        return inside
    sought = space.points(patient.train_codes[:SOUGHT])
    near = space.points(patient.train_codes[:NEAR])
    owner = NearestNeighbors(n_neighbors=1).fit(sought).kneighbors(near, return_distance=False)[:, 0]
    judged = space.points(patient.codes)
    for gap in wide:
        one, other = near[gap.side[owner]], near[~gap.side[owner]]
        first, second = (_nearest(judged, group) for group in (one, other))
        width = float(_nearest(one, other).min())
        nearer, farther = np.minimum(first, second), np.maximum(first, second)
        inside |= (nearer > width / 4) & (farther < 1.5 * width) & (first + second < 2 * width)
    return inside


def _nearest(points: Array, others: Array) -> Array:
    return np.asarray(NearestNeighbors(n_neighbors=1).fit(others).kneighbors(points)[0][:, 0])


def _fares(patient: Patient, inside: NDArray[np.bool_], generator: np.random.Generator) -> Interval | None:
    """Mean error of an entry of rows in gaps over that of the others; None where too few fall in."""
    if inside.sum() < LEAST or (~inside).sum() < LEAST:
        return None
    errors = patient.squares.sum(axis=1) / np.maximum(patient.test.counts(), 1)
    return ratio_of_samples(errors[inside], errors[~inside], generator)


def _middles(patient: Patient, points: Array, wide: list[Gap]) -> dict[str, object]:
    """What the model makes of the middles of gaps."""
    first, second = (
        np.concatenate(ends) for ends in zip(*(_edges(points, gap) for gap in wide), strict=True)
    )
    codes = patient.train_codes
    middle = (codes[first] + codes[second]) / 2
    decoded = patient.decode(middle)
    one, other = (patient.train_reconstruction[rows].astype(np.float64) for rows in (first, second))
    apart = np.maximum(((one - other) ** 2).sum(axis=1) / 4, 1e-30)
    blend = 1 - np.median(((decoded - (one + other) / 2) ** 2).sum(axis=1) / apart)
    away = np.linalg.norm(patient.encode(decoded) - middle, axis=1)
    half = np.maximum(np.linalg.norm(codes[first] - codes[second], axis=1) / 2, 1e-30)
    edges = np.concatenate([first, second])
    return {
        "off_the_data": Measure(
            float(np.median(distances_to_rows(decoded, patient.train))),
            "distance from outputs in the middle of gaps to the nearest training row",
            n=len(middle),
            against=float(
                np.median(
                    distances_to_rows(patient.train_reconstruction[edges], patient.train, leave_out=edges)
                )
            ),
            null="the same of reconstructions of the rows at the edges, each without its own row",
        ),
        "blend": Measure(
            float(blend),
            "how much outputs in the middle are a blend of the two edges, 1 for nothing else",
            n=len(middle),
            against=0.0,
            null="outputs as far from the blend as the edges are",
        ),
        "comes_back": Measure(
            float(np.median(away / half)),
            "how far from the middle its output is encoded, in half widths of the gap",
            n=len(middle),
            against=0.0,
            null="codes that come back to where they were decoded from",
        ),
    }


def _edges(points: Array, gap: Gap) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the pairs of points on either side that are nearest to each other, each of the smaller side once."""
    one, other = np.flatnonzero(gap.side), np.flatnonzero(~gap.side)
    apart = cdist(points[one], points[other])
    nearest = apart.argmin(axis=1)
    order = np.argsort(apart[np.arange(len(one)), nearest], kind="stable")[:PAIRS]
    return one[order], other[nearest[order]]


def distances_to_rows(
    x: NDArray[np.float32], rows: Rows, *, leave_out: NDArray[np.int64] | None = None
) -> Array:
    """(n,) Euclidean distance of x (n, features) to the nearest row, by what is known of it.

    leave_out : (n,) places of rows that do not count, one for each of x.
    """
    import torch

    from isthmus.nn.neighbors import squared_distances

    values = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64))
    others = torch.from_numpy(rows.x[:NEAR].astype(np.float64))
    known = None if rows.known is None else torch.from_numpy(rows.known[:NEAR])
    own = None if known is None else torch.ones(values.shape, dtype=torch.bool)
    squares = squared_distances(values, others, known=own, others_known=known).numpy()
    if leave_out is not None:
        squares[np.arange(len(x)), leave_out] = np.inf
    return np.asarray(np.sqrt(squares.min(axis=1)))


def _title(severity: Severity, wide: list[Gap], inside: NDArray[np.bool_], fares: Interval | None) -> str:
    many = f"{len(wide)} gap{'s' * (len(wide) != 1)}"
    if severity == "warning" and fares is not None:
        return (
            f"{inside.sum()} held-out rows fall into {many} between training codes and have {fares.value:.1f} times "
            f"the error of the others"
        )
    said = f"Training codes form groups with {many} between them"
    if fares is None:
        return f"{said}, into which hardly any rows fall"
    return f"{said}; rows that fall in have {fares.value:.1f} times the error of the others"


_WHY: dict[Severity, str] = {
    "ok": "Between codes that lie close together a decoder need only interpolate.",
    "info": "Kinds of rows that are really apart leave gaps between their codes, and nothing is wrong with that. What "
    "is decoded from within a gap need not look like data, so sample and interpolate with care there.",
    "warning": "The training data lack a part of what occurs, and the model does not bridge it: such rows come out as "
    "something else or as a blend of what lies on both sides.",
}


def _remedies(patient: Patient) -> list[Remedy]:
    data = "Best of all, train on rows like those that fall into the gap, if there are any."
    if patient.model is None:
        return [Remedy(data), Remedy("Penalise the encoder's weights, which lets the decoder bridge gaps.")]
    current = tuple(patient.model.penalties)
    heavier = 10 * max((one.weight for one in current if _on_encoder(one)), default=ENCODER_DECAY / 10)
    others = tuple(one for one in current if not _on_encoder(one))
    return [
        Remedy(
            f"{data} Otherwise penalise the encoder's weights and not the decoder's, so that the code changes evenly "
            "with the input.",
            {"penalties": (*others, WeightDecay(heavier, on="encoder"))},
        ),
        Remedy(
            "Ask the decoder for what lies between the outputs at two codes when it is given what lies between the "
            "codes; with the loss bce, whose outputs are logits.",
            {"penalties": (*current, Interpolation(INTERPOLATION))},
        ),
        Remedy(
            "Penalise the code's derivative by the input (the penalty Contractive), which evens the code out."
        ),
    ]


def _on_encoder(penalty: object) -> bool:
    return isinstance(penalty, WeightDecay) and penalty.on == "encoder"


def _pictures(points: Array, wide: list[Gap]) -> list[Picture]:
    """The two coordinates of the largest variance; those of one come beside zeros."""
    seen = points[:, ::-1][:, :2]
    seen = seen if seen.shape[1] == 2 else np.column_stack([seen, np.zeros(len(seen))])
    side = wide[0].side if wide else np.zeros(len(points), dtype=bool)
    series = (
        {"on one side of the widest gap": seen[side], "all others": seen[~side]} if wide else {"codes": seen}
    )
    caption = "Training codes along their two leading directions. Groups far apart leave a gap between them."
    return [Picture("scatter", series, caption, axes=("first direction", "second direction"))]
