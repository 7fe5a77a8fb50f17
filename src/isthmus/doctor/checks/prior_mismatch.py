"""Does the aggregate posterior match the prior?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.statistics.intervals import Interval, ratio_of_samples
from isthmus.doctor.statistics.posterior import drawn, posteriors, without_posterior
from isthmus.doctor.statistics.two_sample import classifier_auc, kernel_test
from isthmus.inference import device_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.two_sample import KernelTest

    Array = NDArray[np.float32]

#: How well prior and posterior codes may be told apart before samples are looked at: .5 is chance.
NOTED = 0.6
#: Distance of decoded prior samples to the nearest training row, in that of reconstructions. Variational models of
#: digits trained to the end were seen at 1.0 to 1.3, half trained ones at 1.6 to 2.5, ones with a hundredth of the
#: divergence's weight above 3.
WARNING, FAILURE = 1.5, 2.5
#: How well codes are told apart where hardly any code of the prior is one that the data have; worth a warning however
#: near samples are, if those of the density are nearer.
ELSEWHERE = 0.9
#: Weight of the divergence to go to first: less than a tenth of the bound's own hardly holds codes anywhere.
FIRST = 0.1
#: Samples drawn of each kind, and training rows among which the nearest one is sought.
SAMPLES, NEAR = 1_000, 2_000


class PriorMismatch(Check):
    """Codes of held-out rows, drawn from their posteriors, beside codes drawn from the prior.

    A variational model is sampled by decoding codes of its prior. Where no data have such codes the decoder was never
    trained, so samples are poor however good reconstructions are. Both kinds of codes are compared by a classifier, a
    kernel and their moments; then what they decode to, by the distance to the nearest training row, beside samples of
    the density that is fitted to the codes after training.
    """

    code: ClassVar[str] = "prior-mismatch"
    question: ClassVar[str] = "Does the aggregate posterior match the prior?"
    order: ClassVar[int] = 65

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        yield from without_posterior(
            patient, "it has no prior; such models are sampled by a density fitted to their codes."
        )

    def run(self, patient: Patient) -> Finding:
        state = _examined(patient, patient.generator(self.code))
        severity = state.severity
        return self.finding(
            severity,
            _title(severity, state),
            _evidence(state),
            "Samples decode codes of the prior. Codes that no data have were never decoded in training, so what comes "
            "out of them need not resemble anything.",
            *(_remedies(patient, state) if severity != "ok" else ()),
            pictures=_pictures(patient, state),
        )


@dataclass(frozen=True, eq=False)
class _State:
    """posterior, prior : codes (n, code). auc, kernel : what tells them apart. far : distance to the nearest training
    row of decoded samples of prior and density, and of the held-out rows themselves, each in that of reconstructions.
    """

    posterior: Array
    prior: Array
    auc: Interval
    kernel: KernelTest
    far: dict[str, Interval]
    decoded: dict[str, Array]

    @property
    def severity(self) -> Severity:
        if not self.auc.above(NOTED):
            return "ok"
        if self.far["prior"].above(FAILURE) and self.auc.above(ELSEWHERE):
            return "failure"
        if self.far["prior"].above(WARNING):
            return "warning"
        return "warning" if self.auc.above(ELSEWHERE) and self.density_better else "info"

    @property
    def density_better(self) -> bool:
        return self.far["density"].high < self.far["prior"].low


def _examined(patient: Patient, generator: np.random.Generator) -> _State:
    import torch

    from isthmus.types import Context

    model = patient.model
    if model is None:
        raise TypeError("a pair of functions has no prior")
    n = min(len(patient.test), SAMPLES)
    posterior = drawn(*posteriors(patient, patient.test.x[:n]), generator)
    device = device_of(model.network_)
    context = Context(torch.Generator(device).manual_seed(int(generator.integers(2**31))))
    with torch.inference_mode():
        sample = model.network_.parts.code.sample_prior(n, context, model.network_.code_state)
    if sample is None:
        raise TypeError("a Gaussian code has a prior")
    prior = sample.float().cpu().numpy()
    decoded = {
        "reconstructions": patient.decode(posterior),
        "prior": patient.decode(prior),
        "density": patient.decode(model.density_.sample(n, generator)),
        "pca": _normal(patient, n, generator),
    }
    return _State(
        posterior,
        prior,
        classifier_auc(prior, posterior, generator),
        kernel_test(prior, posterior, generator),
        _distances(patient, decoded, generator),
        decoded,
    )


def _normal(patient: Patient, n: int, generator: np.random.Generator) -> Array:
    """(n, features) samples of PCA with normal codes: what can be had without any network."""
    codes = patient.baselines.pca_codes(patient.train.x, patient.train.known)
    drawn_codes = codes.std(axis=0) * generator.standard_normal((n, codes.shape[1]))
    return np.asarray(drawn_codes @ patient.baselines.components + patient.baselines.mean, dtype=np.float32)


def _distances(
    patient: Patient, decoded: dict[str, Array], generator: np.random.Generator
) -> dict[str, Interval]:
    """Mean distance to the nearest training row, in that of reconstructions; unknown entries stand at the mean."""
    from sklearn.neighbors import NearestNeighbors

    train = patient.train.x[:NEAR]
    if patient.train.known is not None:
        train = np.where(patient.train.known[:NEAR], train, patient.baselines.mean)
    neighbors = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train)
    nearest = {name: neighbors.kneighbors(rows)[0].ravel() for name, rows in decoded.items()}
    own = nearest.pop("reconstructions")
    return {name: ratio_of_samples(found, own, generator) for name, found in nearest.items()}


def _evidence(state: _State) -> dict[str, Any]:
    n = len(state.posterior)
    variances = state.posterior.var(axis=0, dtype=np.float64)
    of_prior = state.prior.var(axis=0, dtype=np.float64)
    means = state.posterior.mean(axis=0, dtype=np.float64) - state.prior.mean(axis=0, dtype=np.float64)
    worst = int(np.argmax(np.abs(np.log(np.maximum(variances, 1e-12) / np.maximum(of_prior, 1e-12)))))
    found: dict[str, Any] = {
        "auc": Measure(
            state.auc.value,
            "how well a classifier tells codes of held-out rows from codes of the prior (area under the curve)",
            state.auc.low,
            state.auc.high,
            n,
            0.5,
            "codes of one distribution",
        ),
        "kernel_share": Measure(
            state.kernel.share,
            "share of the distance between the two kinds of codes that is there because they differ (kernel)",
            n=min(state.kernel.rows),
            against=0.0,
            null=f"one distribution (permutation test: p = {state.kernel.p:.3f})",
        ),
        "furthest_mean": Measure(
            float(np.abs(means).max()),
            f"largest distance of a unit's mean from the prior's (unit {int(np.abs(means).argmax())})",
            n=n,
            against=0.0,
            null="the prior",
        ),
        "oddest_variance": Measure(
            float(variances[worst]),
            f"the variance of a unit that is furthest from the prior's, by its ratio (unit {worst})",
            n=n,
            against=float(of_prior[worst]),
            null="codes of the prior",
        ),
    }
    texts = {
        "prior": "distance of decoded prior samples to the nearest training row, in that of reconstructions",
        "density": "the same of samples of the density fitted to the codes after training",
        "pca": "the same of samples of PCA of the code's size with normal codes, which is no network at all",
    }
    for name, text in texts.items():
        ratio = state.far[name]
        found[f"{name}_distance"] = Measure(
            ratio.value, text, ratio.low, ratio.high, n, 1.0, "reconstructions"
        )
    return found


def _title(severity: Severity, state: _State) -> str:
    apart = f"a classifier tells them apart at {state.auc.value:.2f}, chance is 0.50"
    if severity == "ok":
        return f"Codes of the data fill the prior: {apart}"
    ratio = state.far["prior"].value
    if severity == "info":
        return (
            f"Codes of the data are not spread as the prior is ({apart}), but samples are about as near to the data "
            f"as reconstructions ({ratio:.2f} times their distance)"
        )
    far = f"{ratio:.1f} times as far from training rows as reconstructions"
    if not state.far["prior"].above(WARNING):
        return f"Hardly any code of the prior is one that the data have ({apart}); samples are {far}"
    how = "are unusable" if severity == "failure" else "lie off the data"
    return f"Samples from the prior {how}: {far}; codes of the data are not spread as the prior is"


def _remedies(patient: Patient, state: _State) -> list[Remedy]:
    if patient.model is None:
        return []
    found = []
    if state.density_better:
        found.append(
            Remedy(
                "Sample from the density that was fitted to the codes after training: "
                "model.inverse_transform(model.density_.sample(n, generator)). Its samples are "
                f"{state.far['density'].value:.1f} instead of {state.far['prior'].value:.1f} times as far from the "
                "data as reconstructions. Nothing has to be trained anew."
            )
        )
    code = patient.model.part("code")
    if code.beta < 1:
        # Far below it at once, near the bound's own weight of 1 in small steps, since reconstructions pay for each.
        beta = max(FIRST, min(1.0, 3 * code.beta))
        found.append(
            Remedy(
                f"Weigh the divergence from the prior more ({beta:.2g} instead of {code.beta:.2g}), so that codes are "
                "held near the prior. Reconstructions get worse by it.",
                {"code__beta": float(beta)},
            )
        )
    else:
        epochs = 2 * patient.model.part("training").max_epochs
        text = f"Train longer ({epochs} epochs): the divergence has its full weight, and filling the prior takes time."
        found.append(Remedy(text, {"training__max_epochs": epochs}))
    if patient.code_size > 2:
        found.append(
            Remedy(
                "Take a smaller code: the fewer units, the fewer places of the prior that no data reach.",
                {"code__size": max(2, patient.code_size // 2)},
            )
        )
    return found


def _pictures(patient: Patient, state: _State) -> list[Picture]:
    order = np.argsort(-state.posterior.var(axis=0))[:2]
    first, second = int(order[0]), int(order[-1])
    pictures = [
        Picture(
            "scatter",
            {"prior": state.prior[:, [first, second]], "held-out rows": state.posterior[:, [first, second]]},
            "Codes of the prior and of held-out rows, in the two units that vary most. They should cover one another; "
            "where only the prior has points, samples are made up.",
            axes=(f"unit {first}", f"unit {second}"),
        )
    ]
    if patient.has("images"):
        pictures.append(
            Picture(
                "images",
                {
                    name: patient.images(state.decoded[name][:10])
                    for name in ("prior", "density", "reconstructions")
                },
                "Decoded samples of the prior and of the density fitted to the codes, and reconstructions.",
            )
        )
    return pictures
