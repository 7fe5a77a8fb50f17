"""Codes, or reconstructions, that are to each other as the rows are that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.nn.balance import INTERVAL
from isthmus.nn.similarity import (
    distance_changes,
    distances,
    divergence,
    heat,
    product_changes,
    products,
    student_divergence,
)
from isthmus.penalties.balanced import BalancedPenalty, learning
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward

#: Batches in each of which the unit of codes takes a step.
FIRST_FITS = 64


@dataclass
class Relational(BalancedPenalty):
    """Loss of the relations between the rows of a batch, from the data to their codes or reconstructions.

    Parameters
    ----------
    weight : in [0, inf). With ``balance="auto"`` unitless: how hard the relations pull on a code, or reconstruction,
        as a multiple of how hard the row's own data do.
    relation : ``neighbors``: which rows are near a row, as probabilities p_ij of a heat kernel over squared
        distances whose temperature is fitted to each row's neighbourhood; its loss is the divergence sum_j p_ij
        log(p_ij / q_ij) in nats. ``product``, the paper's: inner products s_ij; ``centered``: those of the rows less
        the mean of the batch; ``cosine``: those of the rows scaled to length 1; their loss is the mean over j of
        (t(s_ij) - t(s'_ij))^2 / 2.
    perplexity : in (1, inf), how many neighbours count, for ``neighbors``; at most half of the partners that are
        there.
    threshold : the paper's rectifier, t(s) = s where s is at least the threshold, else 0, so that only relations
        between rows that are alike remain. ``auto``: each row's own, the mean of its similarities to its partners.
        None: t(s) = s.
    partners : rows that a row is compared with at most: the batch is cut into blocks of so many, so time and memory
        grow with batch x partners. Batches are shuffled, so the partners are a random sample.
    on : what is to keep the relations. ``reconstruction``, as in the paper: q is the kernel of p over the
        reconstructions. ``code``: q is a Student kernel over the codes, q_ij = 1 / (1 + d_ij / unit) scaled to sum
        to 1, whose unit is fitted to the codes while training goes on; for ``neighbors`` only. ``auto``: the code for
        ``neighbors``, the reconstruction for the others.
    balance : ``auto`` multiplies by a factor with which relations and data pull equally hard; ``fixed`` takes the
        weight as it is; then the paper's alpha is weight / (1 + weight). See
        :class:`isthmus.penalties.balanced.BalancedPenalty`.

    Call: (batch,), over the other rows of the row's block, so it does not grow with the batch; 0 for a row alone.
    Relations are those of the clean data. Over entries known in both rows; distances are scaled up to all entries.
    With several processes each compares its own rows. Random: nothing. Gradient: to the codes or reconstructions;
    none where t is 0.
    References: Meng, Catchpoole, Skillicorn and Kennedy (2017), arXiv:1802.03145, section III: their relation X X'
    and rectifier are ``product`` with a threshold. The divergence: Hinton and Roweis (2003), NIPS 15, equations 1
    to 4; with a Student kernel over codes: van der Maaten (2009), AISTATS (parametric t-SNE).
    Deviations: neighbourhoods, kept by the code, are the default: inner products are dominated by the length of the
    rows, and reconstructions keep relations that their codes do not show; means over
    the pairs of a block instead of sums over all, and no pair of a row with itself; the balance.
    """

    weight: Annotated[float, In("[0, inf)")] = 1.0
    relation: Literal["neighbors", "product", "centered", "cosine"] = "neighbors"
    perplexity: Annotated[float, In("(1, inf)")] = 15.0
    threshold: float | Literal["auto"] | None = None
    partners: Annotated[int, In("[2, inf)")] = 64
    on: Literal["auto", "code", "reconstruction"] = "auto"

    def conflicts(self) -> Iterator[str]:
        if self.threshold is not None and self.relation == "neighbors":
            yield "threshold of Relational means nothing with relation='neighbors', whose kernel fades: leave it None."
        if self.on == "code" and self.relation != "neighbors":
            yield (
                "Relational(on='code') compares neighbourhoods, since codes have a scale of their own that inner "
                "products would depend on: leave relation='neighbors'."
            )

    @property
    def on_code(self) -> bool:
        """True where codes are compared, False where reconstructions are."""
        return self.on == "code" or (self.on == "auto" and self.relation == "neighbors")

    def state(self, network: Composition) -> nn.ModuleDict:
        state = super().state(network)
        if self.on_code:
            state["scale"] = CodeScale()
        return state

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        network: Any = forward.network
        x = forward.x.flatten(1)
        if not len(x):
            return forward.z.new_zeros(0)
        others = forward.z.flatten(1) if self.on_code else network.mean(forward.output).flatten(1)
        known = None if forward.mask is None else forward.mask.flatten(1)
        masks = [None, None] if known is None else _stacked(known, self.partners)
        stacks = zip(_stacked(x, self.partners), _stacked(others, self.partners), masks, strict=False)
        scale = cast(CodeScale, cast(nn.ModuleDict, state)["scale"]) if self.on_code else None
        if scale is not None:
            scale.learning = learning(forward, state)
        found = [self._loss(*stack, scale).flatten() for stack in stacks]
        values = found[0] if len(found) == 1 else torch.cat(found)

        def pull() -> Tensor:
            at = forward.z if self.on_code else forward.output
            return torch.autograd.grad(values.sum(), at, retain_graph=True)[0]

        return self.balanced(values, forward, state, pull, at_code=self.on_code)

    def _loss(
        self, x: Tensor, others: Tensor, known: Tensor | None, scale: CodeScale | None = None
    ) -> Tensor:
        """x and known (stack, rows, features), others (stack, rows, features or code) -> (stack, rows)."""
        if scale is not None:
            return self._divergence_of_codes(x, others, known, scale)
        if self.relation == "product":
            x, others = (x, others) if known is None else (x * known, others * known)
        else:
            origin = _origin(x, known)
            x, others = _about(x, origin, known), _about(others, origin, known)
        if self.relation == "neighbors":
            return self._divergence(x, others, known)
        if self.relation == "cosine":
            x, others = F.normalize(x, dim=-1), F.normalize(others, dim=-1)
        return self._squared_error(x, others)

    def _divergence(self, x: Tensor, others: Tensor, known: Tensor | None) -> Tensor:
        with torch.no_grad():
            log_p, coldness = heat(distances(x, known), perplexity=self.perplexity)
        return divergence(log_p, distance_changes(x, others, known), coldness)

    def _divergence_of_codes(self, x: Tensor, z: Tensor, known: Tensor | None, scale: CodeScale) -> Tensor:
        z = z.to(torch.promote_types(z.dtype, torch.float32))
        with torch.no_grad():
            log_p, _ = heat(distances(_about(x, _origin(x, known), known), known), perplexity=self.perplexity)
            # Of codes in full precision: near ones differ in digits that bfloat16 does not have.
            with torch.autocast(z.device.type, enabled=False):
                apart = distances(_about(z, _origin(z, None), None))
            unit = scale(apart, log_p)
        return student_divergence(log_p, z, apart, unit)

    def _squared_error(self, x: Tensor, others: Tensor) -> Tensor:
        changes = product_changes(x, others)
        itself = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
        partners = max(x.shape[1] - 1, 1)
        if self.threshold is not None:
            similarities = products(x)
            threshold: Tensor | float = 0.0
            if self.threshold == "auto":
                threshold = similarities.masked_fill(itself, 0.0).sum(-1, keepdim=True) / partners
            else:
                threshold = float(self.threshold)
            before, after = similarities >= threshold, similarities + changes.detach() >= threshold
            # t(s') - t(s): the change where both are above, s' alone where only it is, -s where it is no more.
            changes = changes * after + similarities * (after.to(x.dtype) - before.to(x.dtype))
        return 0.5 * changes.masked_fill(itself, 0.0).square().sum(-1) / partners


def _origin(x: Tensor, known: Tensor | None) -> Tensor:
    """(stack, 1, features) mean over the rows. Distances do not depend on it, but they have more digits near it."""
    rows = x.shape[1] if known is None else known.sum(1, keepdim=True)
    return x.sum(1, keepdim=True) / torch.as_tensor(rows).clamp(min=1)


def _about(x: Tensor, origin: Tensor, known: Tensor | None) -> Tensor:
    """x with another origin; unknown entries stand at 0."""
    return x - origin if known is None else (x - origin) * known


class CodeScale(nn.Module):
    """The unit of distances between codes in which their kernel comes nearest to that of the data.

    One Newton step of its logarithm in each of the first batches, later in one of sixteen, without gradient: at the
    best unit the divergence does not change with it, so the gradient by the codes is what it would be with the unit's
    own derivative. Saved with the model.
    """

    log_unit: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_unit", torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.learning = False
        self._count: int | None = None

    def _due(self) -> bool:
        """Count one batch of a training; True when the unit is to be fitted in it."""
        if self._count is None:  # read from the device once, not every step
            self._count = int(self.steps)
        due = self._count < FIRST_FITS or self._count % INTERVAL == 0
        self._count += 1
        self.steps += 1
        return due

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._count = None

    @torch.no_grad()
    def forward(self, apart: Tensor, log_p: Tensor) -> Tensor:
        """apart (stack, rows, rows) squared distances of codes, log_p of the data likewise -> their unit's inverse."""
        if self.learning and self._due():
            self._fit(apart, log_p.exp())
        return self.log_unit.exp()

    def _fit(self, apart: Tensor, p: Tensor) -> None:
        # The first batch starts from the unit in which the mean distance is 1.
        first = self.steps == 1
        start = -apart.mean().clamp(min=torch.finfo(apart.dtype).tiny).log()
        self.log_unit.copy_(torch.where(first, start.to(self.log_unit), self.log_unit))
        share = self.log_unit.exp() * apart
        near = -torch.log1p(share)
        near.diagonal(dim1=-2, dim2=-1).fill_(-torch.inf if near.shape[-1] > 1 else 0.0)
        q = near.softmax(-1)
        share = share / (1 + share)
        slope = ((p - q) * share).sum(-1).mean()
        bend = (q * share.square()).sum(-1) - (q * share).sum(-1).square()
        self.log_unit -= (slope / bend.mean().clamp(min=1e-4)).clamp(-0.3, 0.3).to(self.log_unit)


def _stacked(x: Tensor, size: int) -> list[Tensor]:
    """x (n, features) -> (stack, size, features), and what is left of the rows (1, rows, features) where some are."""
    left = len(x) % size if len(x) > size else len(x)
    if left in (0, len(x)):  # nothing to cut, so no gradient to put together again
        return [x.view(-1, left if left else size, x.shape[1]) if len(x) else x[None]]
    return [x[:-left].view(-1, size, x.shape[1]), x[-left:][None]]
