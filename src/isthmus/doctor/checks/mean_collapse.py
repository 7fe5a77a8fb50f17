"""Does it always answer with the average?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from isthmus.codes.gaussian import Gaussian
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import relieved, usual
from isthmus.doctor.retraining import peak_rate
from isthmus.doctor.statistics.intervals import share_explained

if TYPE_CHECKING:
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient

#: Shares of what PCA of the same size explains, below which an answer is an average, or nearly one.
FAILURE, WARNING = 0.1, 0.3
#: What PCA has to explain for the data to be worth a code at all.
STRUCTURE = 0.05


class MeanCollapse(Check):
    """The model's errors beside the mean predictor's, and what becomes of them when rows swap their codes.

    A decoder that does not read its code answers every row alike: it explains no variance, its outputs do not vary,
    and swapping codes changes nothing. All three are compared with PCA of the same size, because data without structure
    leave a code of that size nothing to say.
    """

    code: ClassVar[str] = "mean-collapse"
    question: ClassVar[str] = "Does it always answer with the average?"
    needs: ClassVar[frozenset[str]] = frozenset({"spread"})
    order: ClassVar[int] = 40

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        errors, mean_errors = patient.squares.sum(axis=1), patient.mean_squares.sum(axis=1)
        n = len(errors)
        explained = share_explained(errors, mean_errors, generator)
        pca = share_explained(patient.pca_squares.sum(axis=1), mean_errors, generator)
        swapped = patient.decode(patient.codes[generator.permutation(n)])
        gain = share_explained(errors, patient.test.squares(swapped).sum(axis=1), generator)
        shown = (
            patient.reconstruction
            if patient.test.known is None
            else patient.reconstruction * patient.test.known
        )
        center = (
            patient.baselines.mean
            if patient.test.known is None
            else patient.baselines.mean * patient.test.known
        )
        varies = float(np.square(shown - center, dtype=np.float64).sum() / mean_errors.sum())
        evidence = {
            "explained_variance": Measure(
                explained.value,
                "share of the variance that reconstructions explain",
                explained.low,
                explained.high,
                n,
                pca.value,
                "PCA of the same code size",
            ),
            "output_variance": Measure(
                varies,
                "variance of the outputs in that of the data",
                n=n,
                against=0.0,
                null="one answer for all rows",
            ),
            "swap_gain": Measure(
                gain.value,
                "share of the error with swapped codes that each row's own code saves",
                gain.low,
                gain.high,
                n,
                0.0,
                "a decoder that does not read its code",
            ),
        }
        possible = pca.value
        pictures = [
            Picture(
                "bars",
                {"share of variance explained": np.array([explained.value, pca.value])},
                "What the autoencoder and PCA of the same size explain of the rows judged. The mean explains nothing.",
                names=("autoencoder", "PCA"),
            )
        ]
        if possible < STRUCTURE:
            return self.finding(
                "info" if explained.value < possible else "ok",
                "PCA of this size explains next to nothing either: the data hold little that a code could say",
                evidence,
                "Entries that do not depend on each other cannot be compressed; the average is the best answer then.",
                pictures=pictures,
            )
        severity = None
        if explained.high < FAILURE * possible or gain.high < FAILURE * possible:
            severity = "failure"
        elif explained.high < WARNING * possible:
            severity = "warning"
        if severity is None:
            return self.finding(
                "ok",
                f"It explains {100 * explained.value:.0f} % of the variance and does read its codes",
                evidence,
                "A model that answers with the average would explain nothing.",
                pictures=pictures,
            )
        return self.finding(
            "failure" if severity == "failure" else "warning",
            f"It answers nearly always with the average: {100 * max(explained.value, 0):.0f} % of the variance is "
            f"explained, PCA of the same size explains {100 * pca.value:.0f} %",
            evidence,
            "Codes and reconstructions of such a model say nothing about a row, however low the loss looks beside that "
            "of other data.",
            *self._remedies(patient),
            pictures=pictures,
        )

    def _remedies(self, patient: Patient) -> list[Remedy]:
        slower = Remedy("Train with a smaller learning rate, from weights scaled to the data, for longer.")
        if patient.model is None:
            return [slower]
        training = patient.model.part("training")
        patch = {
            "training__learning_rate": peak_rate(training) / 10,
            "training__max_epochs": 2 * training.max_epochs,
        }
        found = [*relieved(patient.model), *usual(patient), Remedy(slower.text, patch)]
        code = patient.model.part("code")
        if isinstance(code, Gaussian) and code.beta:
            lighter = "Weigh the divergence from the prior less: it may cost more than the code is worth."
            found.insert(0, Remedy(lighter, {"code__beta": code.beta / 10}))
        if patient.model.corruption is not None:
            found.append(
                Remedy("Do not damage the input: what cannot be restored is averaged.", {"corruption": None})
            )
        if patient.model.penalties:
            found.append(Remedy("Train without penalties, which may outweigh the data.", {"penalties": ()}))
        found.append(
            Remedy(
                "Let hidden units leak, since rectified ones that never fire pass nothing on.",
                {"architecture__activation": "leaky_relu"},
            )
        )
        return found
