"""Is the Gaussian amortised posterior too simple?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from isthmus.codes.gaussian import Gaussian
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.statistics.intervals import mean, ratio
from isthmus.doctor.statistics.posterior import without_posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from isthmus.composition import Composition
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.intervals import Interval
    from isthmus.estimator import Autoencoder

    Array = NDArray[np.float64]

#: Nats that the encoder wastes for each nat that its codes carry, from which it is worth knowing, and from which it is
#: worth mending. Sound models of small images waste 0.04 to 0.09; those of too few rows, or of an encoder much smaller
#: than the decoder, 0.13 and more.
INFO, WARNING = 0.10, 0.25
#: Nats that it has to be at least, so that codes which carry next to nothing are not judged by their rounding.
LEAST_NATS = 0.5
#: Nats that codes have to carry for a posterior to be one.
LEAST_CARRIED = 0.5
#: Rows whose posteriors are optimized, codes drawn of each in a step and in the end, steps, and their first rate in
#: standard deviations.
ROWS, DRAWN, DRAWN_LAST, STEPS, RATE = 48, 4, 64, 150, 0.1
#: Multiplications of it all, for speed: rows are left out where the decoder is larger.
WORK, LEAST_ROWS = 6e10, 16


class PosteriorMisfit(Check):
    """What the bound on the likelihood of held-out rows gains when each row's own mean and variance are optimized.

    A variational encoder gives every row its posterior in one pass. The best normal posterior of a row can be found
    without it: Adam on mean and log variance, from where the encoder put them, the decoder left as it is. What the
    bound gains is the amortization gap, which a better encoder could close. It is set against the divergence from the
    prior, that is against the nats that the code carries. With a weight beta of the divergence it is the bound with
    that weight. How much a posterior that is no normal distribution would gain (the approximation gap) is not measured.

    References: Cremer, Li and Duvenaud (2018), Inference suboptimality in variational autoencoders, arXiv:1801.03558,
    sections 3 and 5.
    """

    code: ClassVar[str] = "posterior-misfit"
    question: ClassVar[str] = "Is the Gaussian amortised posterior too simple?"
    order: ClassVar[int] = 85

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        yield from without_posterior(patient, "there is no posterior to misfit.")

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        gaps = _Gaps.of(patient, int(generator.integers(2**31)))
        carried = mean(gaps.carried, generator)
        if not carried.above(LEAST_CARRIED):
            return self.skipped(
                f"the Gaussian code carries {max(carried.value, 0):.2g} nats a row, too little for its posteriors to "
                "be judged; see posterior-collapse."
            )
        gap, share = mean(gaps.gap, generator), ratio(gaps.gap, gaps.carried, generator)
        severity = "ok"
        if gap.above(LEAST_NATS):
            severity = "warning" if share.above(WARNING) else "info" if share.above(INFO) else "ok"
        n = len(gaps.gap)
        evidence = {
            "amortization_gap": Measure(
                gap.value,
                "nats a row that the bound gains when each posterior is optimized by itself",
                gap.low,
                gap.high,
                n,
                0.0,
                "an encoder that finds the best normal posterior of every row",
            ),
            "share_of_carried": Measure(
                share.value,
                "that gain for each nat that the code carries",
                share.low,
                share.high,
                n,
                INFO,
                "more is worth knowing",
            ),
            "bound": _nats(mean(gaps.before, generator), "bound on the log likelihood of a row, in nats", n),
            "carried": _nats(carried, "divergence of posteriors from the prior, in nats", n),
        }
        return self.finding(
            severity,  # type: ignore[arg-type]
            _title(severity, gap, share),
            evidence,
            "Nats that the encoder wastes are lost to codes, scores and samples alike, though the decoder could use "
            "them."
            if severity != "ok"
            else "A better encoder would gain little. Whether a posterior that is no normal distribution would is not "
            "known from this.",
            *(_remedies(cast("Autoencoder", patient.model)) if severity != "ok" else ()),
            pictures=[
                Picture(
                    "histogram",
                    {"gap": gaps.gap},
                    "Nats that the bound of a row gains when its posterior is optimized. A long tail on the right is "
                    "rows that the encoder has no good answer for.",
                    axes=("nats", "rows"),
                    marks={"nothing to gain": 0.0},
                )
            ],
        )


@dataclass(frozen=True, eq=False)
class _Gaps:
    """Of some rows, each (rows,) in nats: the bound as the encoder has it, what it gains, and what codes carry."""

    before: Array
    gap: Array
    carried: Array

    @classmethod
    def of(cls, patient: Patient, seed: int) -> _Gaps:
        import torch

        network = cast("Autoencoder", patient.model).network_.eval()
        weights = sum(parameter.numel() for parameter in network.decoder.parameters())
        rows = int(np.clip(WORK / (4.0 * weights * DRAWN * STEPS), LEAST_ROWS, ROWS))
        device = next(network.parameters()).device
        x = torch.from_numpy(patient.test.x[:rows]).view(-1, *patient.shape).to(device)
        known = patient.test.known
        mask = None if known is None else torch.from_numpy(known[:rows]).view_as(x).to(device)
        generator = torch.Generator(device).manual_seed(seed)
        with torch.no_grad():
            posterior = network.encode(x).posterior
        bound = _Bound(network, x, mask)
        start = torch.stack([posterior.mean, posterior.log_var])
        best = _optimized(bound, start, generator)
        noise = torch.randn(DRAWN_LAST, *posterior.mean.shape, generator=generator, device=device)
        with torch.no_grad():
            before, after = (bound(at, noise) for at in (start, best))
            carried = bound.divergence(start, noise)
        return cls(*(values.double().cpu().numpy() for values in (before, after - before, carried)))


@dataclass(frozen=True, eq=False)
class _Bound:
    """The bound on the log likelihood of rows, with the code's own weight of the divergence."""

    network: Composition
    x: Tensor
    mask: Tensor | None

    def __call__(self, at: Tensor, noise: Tensor) -> Tensor:
        """at (2, rows, code) means and log variances, noise (drawn, rows, code) -> (rows,) nats."""
        z = at[0] + (0.5 * at[1]).exp() * noise
        drawn, rows = noise.shape[:2]
        x = self.x.repeat(drawn, *[1] * (self.x.ndim - 1))
        mask = None if self.mask is None else self.mask.repeat(drawn, *[1] * (self.x.ndim - 1))
        nats = self.network.nll(self.network.decode(z.flatten(0, 1)), x, mask)
        beta = cast("Gaussian", self.network.parts.code).beta
        return -nats.view(drawn, rows).mean(0) - beta * self.divergence(at, noise)

    def divergence(self, at: Tensor, noise: Tensor) -> Tensor:
        """(rows,) nats of the posteriors from the prior: in closed form where there is one, else by the noise."""
        import torch

        from isthmus.nn.normal import DiagonalNormal

        code = cast("Gaussian", self.network.parts.code)
        posterior = DiagonalNormal(at[0], at[1])
        found = [
            code.prior.kl(posterior, at[0] + (0.5 * at[1]).exp() * one, self.network.code_state)
            for one in noise
        ]
        return torch.stack(found).mean(0)


def _optimized(bound: _Bound, start: Tensor, generator: object) -> Tensor:
    """(2, rows, code) means and log variances after some steps that raise the bound, at a falling rate."""
    import torch

    # Means move in units of their own standard deviation, log variances as they are.
    unit = torch.stack([(0.5 * start[1]).exp(), torch.ones_like(start[1])])
    move = torch.zeros_like(start).requires_grad_()
    optimizer = torch.optim.Adam([move], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        noise = torch.randn(
            DRAWN, *start.shape[1:], generator=cast("torch.Generator", generator), device=start.device
        )
        with torch.enable_grad():
            loss = -bound(start + unit * move, noise).sum()
            (move.grad,) = torch.autograd.grad(loss, move)
        optimizer.step()
        schedule.step()
    return (start + unit * move).detach()


def _nats(interval: Interval, what: str, n: int) -> Measure:
    return Measure(interval.value, what, interval.low, interval.high, n)


def _title(severity: str, gap: Interval, share: Interval) -> str:
    numbers = f"{gap.value:.2g} nats a row, {share.value:.2g} for each nat that the code carries"
    return {
        "ok": f"The encoder's posteriors are nearly the best normal ones: optimizing each would gain {numbers}",
        "info": f"The encoder's posteriors could be better: optimizing each would gain {numbers}",
        "warning": f"The encoder's posteriors are far from the best normal ones: optimizing each would gain {numbers}",
    }[severity]


def _remedies(model: Autoencoder) -> Iterator[Remedy]:
    from isthmus.architectures.dense import Dense

    training, architecture = model.part("training"), model.part("architecture")
    epochs = {"training__max_epochs": 2 * max(1, training.max_epochs)}
    yield Remedy("Train for longer: encoders lag behind their decoders.", epochs)
    yield Remedy("Use more rows, since an encoder that knows its training rows by heart fails on others.")
    if isinstance(architecture, Dense) and architecture.hidden and architecture.decoder_hidden is None:
        hidden = architecture.hidden
        patch = {
            "architecture__hidden": tuple(2 * nodes for nodes in hidden),
            "architecture__decoder_hidden": tuple(reversed(hidden)),
        }
        yield Remedy("Take an encoder of twice as many hidden units, and the decoder as it is.", patch)
