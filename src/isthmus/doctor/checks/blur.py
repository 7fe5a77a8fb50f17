"""Are reconstructions smoother than the data?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.fft

from isthmus.architectures.conv import Conv
from isthmus.architectures.dense import Dense
from isthmus.codes.gaussian import Gaussian
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.statistics.intervals import Interval, of_sums, quotient
from isthmus.doctor.statistics.rival import Rival
from isthmus.losses.squared_error import SquaredError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient
    from isthmus.estimator import Autoencoder

    Array = NDArray[np.float64]

#: Fine structure: the finest share of the power in which images differ from their mean.
FINE = 0.25
#: Shares of its power, below which it is nearly all gone, below which much of it is, and above which it is kept well
#: whatever PCA does. Codes much smaller than the data lose fine structure first, so half of it is usual.
FAILURE, WARNING, PLENTY = 0.10, 0.35, 0.60
#: Share of PCA's power and of what PCA explains, below which the model does worse than its size has to. Sound
#: variational models come to 0.85 of what PCA explains.
BESIDE_PCA = 0.75
#: What PCA has to keep before little of it is a failure of the model and no matter of the size.
POSSIBLE = 0.2
#: Numbers of the images that are looked at, for speed; never less than ``least_rows`` images.
ENTRIES = 3_000_000
#: Frequencies below which an image has no fine structure to speak of.
LEAST_FREQUENCIES = 4


class Blur(Check):
    """Power of the fine structure of held-out images that their reconstructions keep, beside PCA of the same size.

    Means over the images are taken off, so that what all images share is no merit of the code. Each image is split
    into frequencies by a cosine transform, which mirrors it at its borders and so needs no window; fine structure is
    the finest quarter of the data's own power, which adapts to the size of the images and to how smooth they are.
    Every code that is smaller than the data loses some of it, and noise should be lost; so a model is blurred only
    where it keeps less power than PCA of the same size and explains less of that structure as well.

    References: Larsen et al. (2016), arXiv:1512.09300, section 1, on squared errors and blur; the cosine transform:
    Ahmed, Natarajan and Rao (1974), IEEE Transactions on Computers 23.
    """

    code: ClassVar[str] = "blur"
    question: ClassVar[str] = "Are reconstructions smoother than the data?"
    needs: ClassVar[frozenset[str]] = frozenset({"images"})
    order: ClassVar[int] = 70

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        if patient.has("images"):
            if len(set(_distances(patient.shape).tolist())) <= LEAST_FREQUENCIES:
                yield f"images of {patient.shape[1]} x {patient.shape[2]} pixels have no fine structure."
            elif len(_whole(patient)) < self.least_rows:
                yield f"fewer than {self.least_rows} images are known in full; a spectrum needs every pixel."
            elif not patient.mean_squares[_whole(patient)].sum() > 0:
                yield "all images are alike, so there is no structure to keep."

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        rival = Rival.of(patient)
        spectra = _Spectra.of(patient, rival)
        kept, pca, relative = (
            of_sums(spectra.fine, statistic, generator)
            for statistic in (
                lambda sums: quotient(sums[..., 1], sums[..., 0]),
                lambda sums: quotient(sums[..., 2], sums[..., 0]),
                lambda sums: quotient(sums[..., 1], sums[..., 2]),
            )
        )
        explained, behind = (
            of_sums(spectra.fine, statistic, generator)
            for statistic in (
                lambda sums: 1.0 - quotient(sums[..., 3], sums[..., 0]),
                lambda sums: sums[..., 0] - sums[..., 3] - BESIDE_PCA * (sums[..., 0] - sums[..., 4]),
            )
        )
        blurred = relative.below(BESIDE_PCA) and behind.below(0.0)
        severity = _severity(kept, pca, explained, blurred=blurred)
        evidence = self._evidence(spectra, kept, pca, explained, rival, generator)
        return self.finding(
            severity,  # type: ignore[arg-type]
            _title(severity, kept, pca, explained, rival),
            evidence,
            _WHY[severity],
            *([] if severity == "ok" else _remedies(patient, of_size=severity == "info")),
            pictures=_pictures(patient, spectra, rival),
        )

    def _evidence(
        self,
        spectra: _Spectra,
        kept: Interval,
        pca: Interval,
        explained: Interval,
        rival: Rival,
        generator: np.random.Generator,
    ) -> dict[str, Any]:
        sums = spectra.fine.sum(axis=0)
        edges = of_sums(spectra.edges, lambda sums: quotient(sums[..., 1], sums[..., 0]), generator)
        steps = spectra.edges.sum(axis=0)
        n = len(spectra.fine)
        beside = f"PCA of {rival.words}"
        return {
            "fine_power_kept": _measure(
                kept,
                "share of the power of the fine structure that reconstructions have",
                n,
                pca.value,
                beside,
            ),
            "fine_structure_explained": _measure(
                explained,
                "share of the fine structure that reconstructions get right",
                n,
                1.0 - sums[4] / sums[0],
                beside,
            ),
            "edge_energy_kept": _measure(
                edges,
                "squared steps between neighboring pixels, in those of the data",
                n,
                steps[2] / steps[0],
                beside,
            ),
            "finest_wavelength": Measure(
                1.0 / spectra.frequencies[spectra.cut],
                "longest wave that counts as fine structure, in pixels",
            ),
        }


@dataclass(frozen=True, eq=False)
class _Spectra:
    """frequencies (bins,) in waves a pixel. power (3, bins): of data, reconstructions, PCA's. cut: the first fine bin.

    fine (n, 5): fine power of an image, of its reconstruction, of PCA's, of the two's errors. edges (n, 3) alike.
    """

    frequencies: Array
    power: Array
    cut: int
    fine: Array
    edges: Array

    @classmethod
    def of(cls, patient: Patient, rival: Rival) -> _Spectra:
        whole = _whole(patient)[: max(Blur.least_rows, ENTRIES // patient.features)]
        x = patient.test.x[whole].astype(np.float64)
        found = patient.reconstruction[whole].astype(np.float64)
        projected = rival.baselines.pca_reconstruction(patient.test.x[whole]).astype(np.float64)
        varying = (stack - stack.mean(axis=0) for stack in (x, found, projected))
        stacks = (*varying, found - x, projected - x)
        distances = _distances(patient.shape)
        # (n, bins) each; the first bin is the brightness of the whole image, which is no structure.
        powers = [_power(stack, patient.shape, distances)[:, 1:] for stack in stacks]
        total = powers[0].sum(axis=0)
        beyond = np.cumsum(total[::-1])[::-1]
        cut = int(np.flatnonzero(beyond >= FINE * beyond[0])[-1])
        longest = 2.0 * max(patient.shape[1:])
        return cls(
            np.unique(distances)[1:] / longest,
            np.stack([power.mean(axis=0) for power in powers[:3]]),
            cut,
            np.stack([power[:, cut:].sum(axis=1) for power in powers], axis=1),
            np.stack([_steps(stack, patient.shape) for stack in (x, found, projected)], axis=1),
        )


def _whole(patient: Patient) -> NDArray[np.intp]:
    """Rows all of whose entries are known."""
    known = patient.test.known
    return np.arange(len(patient.test)) if known is None else np.flatnonzero(known.all(axis=1))


def _distances(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(height * width,) distance of each cosine from the constant one, in steps of the longer side's frequencies."""
    height, width = shape[1:]
    longer = max(height, width)
    down, across = np.arange(height) * longer / height, np.arange(width) * longer / width
    return np.rint(np.hypot(down[:, None], across)).astype(np.int64).ravel()


def _power(x: Array, shape: tuple[int, ...], distances: NDArray[np.int64]) -> Array:
    """x (n, features) -> (n, bins) power at each distance, summed over channels."""
    waves = scipy.fft.dctn(x.reshape(len(x), *shape), axes=(2, 3), norm="ortho")
    power = np.square(waves).sum(axis=1).reshape(len(x), -1)
    order = np.argsort(distances, kind="stable")
    starts = np.flatnonzero(np.diff(distances[order], prepend=-1))
    return np.asarray(np.add.reduceat(power[:, order], starts, axis=1))


def _steps(x: Array, shape: tuple[int, ...]) -> Array:
    """x (n, features) -> (n,) squared differences of neighboring pixels, summed."""
    images = x.reshape(len(x), *shape)
    down, across = np.diff(images, axis=2), np.diff(images, axis=3)
    return np.asarray(np.square(down).sum(axis=(1, 2, 3)) + np.square(across).sum(axis=(1, 2, 3)))


def _measure(interval: Interval, what: str, n: int, against: float, null: str) -> Measure:
    return Measure(interval.value, what, interval.low, interval.high, n, float(against), null)


def _severity(kept: Interval, pca: Interval, explained: Interval, *, blurred: bool) -> str:
    if blurred and kept.below(FAILURE) and pca.above(POSSIBLE):
        return "failure"
    if blurred and kept.below(WARNING):
        return "warning"
    return "ok" if explained.above(0.0) and (kept.value >= PLENTY or kept.above(pca.value)) else "info"


def _title(severity: str, kept: Interval, pca: Interval, explained: Interval, rival: Rival) -> str:
    own, theirs = (f"{100 * share.value:.0f} %" for share in (kept, pca))
    numbers = f"{own} of the power of the fine structure, PCA of {rival.words} {theirs}"
    if severity == "info" and not explained.above(0.0):
        return f"The fine structure of reconstructions is not that of the data; they have {numbers}"
    well = "sharp" if kept.value >= PLENTY else "sharper than they have to be"
    return {
        "failure": f"Reconstructions are blurred: they keep {numbers}",
        "warning": f"Reconstructions are smoother than they have to be: they keep {numbers}",
        "info": f"Reconstructions are smoother than the data, as codes of this size are: they keep {numbers}",
        "ok": f"Reconstructions are {well}: they keep {numbers}",
    }[severity]


_WHY = {
    "failure": "Edges and textures are what tells many images apart; here even straight lines through the data keep "
    "much more of them, so they were lost in the training and not for want of room.",
    "warning": "PCA of the same size shows that there is room for more detail than the model passes on.",
    "info": "A code that is smaller than the data has to leave something out, and a squared error leaves out details "
    "first, since each weighs little. A larger code keeps more, noise included.",
    "ok": "A model that blurs would keep little of it, and less than PCA.",
}


def _remedies(patient: Patient, *, of_size: bool) -> list[Remedy]:
    """What brings details back: room where the size is the limit, else what keeps the model from using its room."""
    larger = Remedy("Take a larger code: a small one has no room for details.")
    longer = Remedy("Train for longer: details are learned last.")
    model = patient.model
    if model is None:
        wider = Remedy("Take more hidden units, so that decoder and encoder can tell details apart.")
        return [larger, wider] if of_size else [longer, wider, larger]
    size = min(2 * patient.code_size, patient.features)
    larger = Remedy(larger.text, {"code__size": size})
    longer = Remedy(longer.text, {"training__max_epochs": 3 * max(1, model.part("training").max_epochs)})
    found = [*_lighter(model), longer, *_wider(model), *_other_loss(patient, model)]
    if size == patient.code_size:
        return found
    return [larger, *found] if of_size else [*found, larger]


def _lighter(model: Autoencoder) -> Iterator[Remedy]:
    """Less of what pulls reconstructions to an average on purpose."""
    code = model.part("code")
    if isinstance(code, Gaussian) and code.beta:
        text = (
            "Weigh the divergence from the prior less: noise on the code is averaged away by blurred outputs."
        )
        yield Remedy(text, {"code__beta": code.beta / 4})
    if model.corruption is not None:
        yield Remedy("Damage the input less: what cannot be restored is averaged.", {"corruption": None})
    if model.penalties:
        yield Remedy("Train without penalties, which may outweigh details.", {"penalties": ()})


def _wider(model: Autoencoder) -> Iterator[Remedy]:
    architecture = model.part("architecture")
    if isinstance(architecture, Dense):
        hidden = tuple(2 * nodes for nodes in architecture.hidden)
        if hidden and architecture.decoder_hidden is None:
            yield Remedy("Take twice as many hidden units.", {"architecture__hidden": hidden})
    if isinstance(architecture, Conv):
        channels = tuple(2 * count for count in architecture.channels)
        yield Remedy("Take twice as many channels.", {"architecture__channels": channels})


def _other_loss(patient: Patient, model: Autoencoder) -> Iterator[Remedy]:
    """Cross-entropy instead of squared errors, where data lie in [0, 1]."""
    if not isinstance(model.network_.parts.loss, SquaredError):
        return
    x = patient.train.x
    if x.min() < 0 or x.max() > 1:
        yield Remedy("Try a loss that does not count large errors by their squares.", {"loss": "huber"})
        return
    patch: dict[str, Any] = {"loss": "bce"}
    if model.network_.parts.architecture.squashes:
        patch["architecture__output_activation"] = "identity"
    yield Remedy("Take cross-entropy as the loss, which answers in full black and white sooner.", patch)


def _pictures(patient: Patient, spectra: _Spectra, rival: Rival) -> list[Picture]:
    names = ("data", "reconstruction", "PCA")
    decibels = 10 * np.log10(np.maximum(spectra.power, 1e-12 * spectra.power[0].max()))
    few = _whole(patient)[:10]
    x = patient.test.x[few]
    strip = (x, patient.reconstruction[few], rival.baselines.pca_reconstruction(x))
    return [
        Picture(
            "curves",
            dict(zip(names, decibels, strict=True)),
            "Power of what differs from the mean image, by frequency. A curve that falls below that of the data on the "
            "right is blur.",
            x=spectra.frequencies,
            axes=("waves a pixel", "decibels"),
            marks={"fine structure from here": float(spectra.frequencies[spectra.cut])},
        ),
        Picture(
            "images",
            {name: patient.images(rows) for name, rows in zip(names, strip, strict=True)},
            "Images, their reconstructions, and those of PCA. Look for edges that are lost.",
        ),
    ]
