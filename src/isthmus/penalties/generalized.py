"""Each row rebuilds a weighted set of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from torch import Tensor, nn

from isthmus.errors import ParameterError
from isthmus.nn.neighbors import heat_weights, linear_weights, squared_distances
from isthmus.nn.recent import Recent, Rows
from isthmus.penalties.balanced import BalancedPenalty, learning, pull_to
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward

#: Rows whose sets are made at once, so that memory does not grow with the square of the batch.
BLOCK_ROWS = 256


@dataclass
class Generalized(BalancedPenalty):
    """The reconstruction of a row should also be near the rows it is related to: sum_j s_ij loss(x'_i, x_j).

    Parameters
    ----------
    weight : in [0, inf). With ``balance="auto"`` unitless: how hard the set pulls on a reconstruction, as a
        multiple of how hard the row's own data do.
    relation : ``neighbors``: the ``k`` nearest rows, weighted by a heat kernel whose temperature is fitted to each
        row's neighbourhood so that half of them count. ``linear``: the k nearest rows with the weights that rebuild
        the row best, some of them negative. ``labels``: all rows of the same label, equally; negative and NaN
        labels are none.
    k : neighbours a row; where there are fewer, all of them.
    memory : rows of earlier batches that are kept, with their labels, and searched besides the batch. Time grows with
        batch x (batch + memory), never with the square of the data; a memory as long as an epoch may hold the row
        itself.
    balance : ``auto`` multiplies by a factor with which set and data pull equally hard; ``fixed`` takes the weight
        as it is. See :class:`isthmus.penalties.balanced.BalancedPenalty`.

    Added to the data's own loss this is the paper's sum with s_ii = 1 and ``weight`` s_ij beside it; the s_ij of a
    row sum to 1. It is computed as the loss at the set's weighted mean, sum_j s_ij x_j: the same number for losses
    linear in x (``bce``, categories), and for ``mse`` the same up to the spread of the set, which no reconstruction
    changes.

    Call: (batch,), 0 for a row without any related row. Entries unknown in a member of the set count as the row's
    own, and entries unknown in the row itself do not count. In evaluation the memory is searched and not written.
    With several processes each searches among its own rows. Random: nothing. Gradient: to the reconstruction only.
    Raises: ParameterError when relation is ``labels`` and the batch has none.
    References: Wang, Huang, Wang and Wang (2014), CVPR workshops, equation 2 and table 1, rows LE (``neighbors``),
    LLE (``linear``) and LDA (``labels``). Deviations: the data's own loss is kept beside the set's; neighbours come
    from batch and memory instead of all data, and from the input instead of the code; temperatures are fitted;
    ``linear`` takes Roweis and Saul's weights w themselves instead of w + w' - w'w, and keeps each entry of the
    mean within the range of its neighbours; the row itself is not in its set of equal labels.
    """

    weight: Annotated[float, In("[0, inf)")] = 1.0
    relation: Literal["neighbors", "labels", "linear"] = "neighbors"
    k: Annotated[int, In("[1, inf)")] = 8
    memory: Annotated[int, In("[0, inf)")] = 0

    def state(self, network: Composition) -> nn.ModuleDict:
        parts = super().state(network)
        if self.memory:
            parts["memory"] = Recent(self.memory, network.event.size)
        return parts

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        with torch.no_grad():
            own = self._rows(forward)
            memory: Any = state["memory"] if isinstance(state, nn.ModuleDict) and "memory" in state else None
            target, related = self._means(own, own if memory is None else own.followed_by(memory.rows()))
            if memory is not None and learning(forward, state):
                memory.keep(own)
        network: Any = forward.network
        target = target.view_as(forward.x)
        values = network.nll(forward.output, target, forward.mask) * related
        return self.balanced(values, forward, state, lambda: pull_to(forward, target) * related[:, None])

    def _rows(self, forward: Forward) -> Rows:
        labels = forward.labels
        if self.relation == "labels" and (labels is None or labels.ndim != 1):
            raise ParameterError(
                "Generalized(relation='labels') needs one label a row: pass y of shape (n,) to fit, or take "
                "relation='neighbors'."
            )
        x = forward.x.flatten(1)
        known = torch.ones_like(x, dtype=torch.bool) if forward.mask is None else forward.mask.flatten(1)
        classes = x.new_full((len(x),), math.nan)
        if labels is not None and labels.ndim == 1:
            classes = torch.where(labels >= 0, labels.to(x.dtype), classes)
        return Rows(x, known, classes, x.new_ones(len(x), dtype=torch.bool), masked=forward.mask is not None)

    def _means(self, own: Rows, others: Rows) -> tuple[Tensor, Tensor]:
        """(batch, features) weighted means of the sets, and (batch,) True for rows that have one."""
        make = self._mean_of_class if self.relation == "labels" else self._mean_of_neighbors
        found = [make(own, others, start) for start in range(0, len(own.x), BLOCK_ROWS)]
        if not found:
            return own.x, own.filled
        means, related = zip(*found, strict=True)
        return torch.cat(means), torch.cat(related)

    def _mean_of_class(self, own: Rows, others: Rows, start: int) -> tuple[Tensor, Tensor]:
        rows = slice(start, start + BLOCK_ROWS)
        same = (
            (own.labels[rows, None] == others.labels) & others.filled & own.apart(others, start, BLOCK_ROWS)
        )
        weights = same.to(own.x.dtype) / same.sum(1, keepdim=True).clamp(min=1)
        means = weights @ others.x
        if own.masked:
            means = means + own.x[rows] * (weights @ (~others.known).to(own.x.dtype))
        return means, same.any(1)

    def _mean_of_neighbors(self, own: Rows, others: Rows, start: int) -> tuple[Tensor, Tensor]:
        rows = slice(start, start + BLOCK_ROWS)
        x, known = own.x[rows], own.known[rows]
        masks = {"known": known, "others_known": others.known} if own.masked else {}
        distances = squared_distances(x, others.x, **masks)
        distances = distances.masked_fill(~(others.filled & own.apart(others, start, BLOCK_ROWS)), math.inf)
        distances, index = distances.topk(min(self.k, len(others.x)), largest=False)
        near, counted = others.x[index], distances.isfinite()
        if own.masked:
            near = torch.where(known[:, None] & others.known[index], near, x[:, None])
        if self.relation == "linear":
            weights = linear_weights(x, near, counted=counted)
        else:
            weights = heat_weights(distances, perplexity=max(1.0, self.k / 2))
        means = (weights[:, None] @ near)[:, 0]
        if self.relation == "linear":
            means = means.clamp(near.amin(1), near.amax(1))
        return means, counted.any(1)
