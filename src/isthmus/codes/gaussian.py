"""A normal posterior for every sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

from isthmus.codes.code import Code
from isthmus.nn.normal import DiagonalNormal, bounded
from isthmus.priors.prior import Prior
from isthmus.priors.standard_normal import StandardNormal
from isthmus.spec import In
from isthmus.types import Encoded

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Context


@dataclass
class Gaussian(Code):
    """A code drawn from q(z|x) = N(mean, diag(exp(log_var))), both given by the encoder; costs beta KL(q || prior).

    Parameters
    ----------
    size : numbers per code; the encoder gives twice as many, means first, then log variances.
    prior : p(z), a prior part.
    beta : in [0, inf), weight of the divergence; 1 is the bound on the likelihood, more asks for a simpler code, less
        for a more faithful one.
    warm_up : in [0, 1), share of the training in which the weight rises from 0 to beta, linearly; 0 for none.

    Log variances pass v -> 15 tanh(v / 15): within 1 % of v for |v| < 2.6, and inside (-15, 15), so that neither a
    variance nor its inverse overflows float32 while the gradient never vanishes altogether.

    Call: h (batch, 2 size) -> z (batch, size) with the term ``kl`` (batch,) in nats: in closed form where prior and
    posterior allow it, else the estimate at z. Without a generator z is the posterior mean.
    Random: one normal number an entry, from ``context``. Gradient: by reparametrisation, z = mean + std * noise.
    References: Kingma and Welling (2014), arXiv:1312.6114, section 2.4 and appendix B; beta: Higgins et al. (2017),
    ICLR, equation 4; the warm-up: Bowman et al. (2016), arXiv:1511.06349, section 3.1.
    """

    elementwise: ClassVar[bool] = True

    size: Annotated[int, In("[1, inf)")]
    prior: Prior = field(default_factory=StandardNormal)
    beta: Annotated[float, In("[0, inf)")] = 1.0
    warm_up: Annotated[float, In("[0, 1)")] = 0.0

    @property
    def encoder_width(self) -> int:
        return 2 * self.size

    def state(self) -> nn.Module | None:
        return self.prior.state(self.size)

    def __call__(self, h: Tensor, context: Context, state: nn.Module | None) -> Encoded:
        mean, raw = h[:, : self.size], h[:, self.size :]
        posterior = DiagonalNormal(mean, bounded(raw))
        z = mean if context.generator is None else posterior.sample(context)
        risen = min(1.0, context.progress / self.warm_up) if self.warm_up else 1.0
        return Encoded(z, posterior, {"kl": self.beta * risen * self.prior.kl(posterior, z, state)})

    def sample_prior(self, n: int, context: Context, state: nn.Module | None) -> Tensor | None:
        import torch

        device = torch.device("cpu") if context.generator is None else context.generator.device
        return self.prior.sample(torch.empty(n, self.size, device=device), context, state)
