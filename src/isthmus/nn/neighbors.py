"""Which rows are near which, and how much each of them counts."""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Halvings of an interval of temperatures: the perplexity is met to about six digits.
HALVINGS = 24
#: Share of the trace that is added to a local Gram matrix before it is inverted.
RIDGE = 1e-3


def squared_distances(
    x: Tensor, others: Tensor, *, known: Tensor | None = None, others_known: Tensor | None = None
) -> Tensor:
    """x (n, features), others (m, features) -> (n, m) squared Euclidean distances, by products of matrices.

    known, others_known : of the same shapes, True where an entry is known; unknown entries are 0. Then only entries
    known in both rows count, and the sum is scaled up to all of them; rows that share none are infinitely far apart.
    """
    # Distances do not depend on the origin, but their rounding does.
    origin = others.mean(0) if len(others) else 0.0
    x, others = x - origin, others - origin
    if known is None or others_known is None:
        squares = x.square().sum(1)[:, None] + others.square().sum(1)
        return (squares - 2 * (x @ others.T)).clamp(min=0)
    first, second = known.to(x.dtype), others_known.to(x.dtype)
    x, others = x * first, others * second
    squares = x.square() @ second.T + first @ others.square().T - 2 * (x @ others.T)
    shared = first @ second.T
    scaled = squares.clamp(min=0) * (x.shape[1] / shared.clamp(min=1))
    return scaled.masked_fill(shared == 0, math.inf)


def heat_weights(distances: Tensor, *, perplexity: float) -> Tensor:
    """distances (n, k), squared -> weights (n, k), each row exp(-distance / temperature) scaled to sum to 1.

    A row's temperature is the one at which the perplexity of its weights, exp of their entropy, is ``perplexity``: the
    number of neighbours that count. So it follows the density around the row and the unit of the data. Infinite
    distances get weight 0; a row with fewer finite ones than the perplexity is uniform over those. k is at least 1.

    References: van der Maaten and Hinton (2008), JMLR 9, section 2 and equation 1.
    """
    finite = distances.isfinite()
    nearest = distances.amin(1, keepdim=True)
    above = torch.where(finite, distances - nearest, torch.full_like(distances, math.inf))
    spread = above.masked_fill(~finite, 0.0).amax(1, keepdim=True)
    # In units of the largest excess, so that one interval of log temperatures holds for any data.
    above = above / torch.where(spread > 0, spread, torch.ones_like(spread))
    low, high = torch.full_like(nearest, -14.0), torch.full_like(nearest, 14.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        wide = _entropy(_weights(above, middle)) > math.log(perplexity)
        low, high = torch.where(wide, low, middle), torch.where(wide, middle, high)
    return _weights(above, (low + high) / 2)


def _weights(above: Tensor, log_temperature: Tensor) -> Tensor:
    """Weights over finite entries; 0 everywhere in a row that has none."""
    kernel = (-above / log_temperature.exp()).exp()
    return kernel / kernel.sum(1, keepdim=True).clamp(min=torch.finfo(kernel.dtype).tiny)


def _entropy(weights: Tensor) -> Tensor:
    return -torch.xlogy(weights, weights).sum(1, keepdim=True)


def linear_weights(x: Tensor, neighbors: Tensor, *, counted: Tensor) -> Tensor:
    """x (n, features), neighbors (n, k, features) -> (n, k) weights that rebuild x from its neighbours best.

    They minimise |x - sum_j w_j neighbors_j|^2 among weights that sum to 1, and may be negative. A ridge of ``RIDGE``
    of the trace makes them unique where there are more neighbours than directions. counted : (n, k), False for
    neighbours that are none; they get weight 0, and so does every neighbour of a row that has none.

    References: Roweis and Saul (2000), Science 290:2323, equation 1.
    """
    ways = (neighbors - x[:, None]) * counted[:, :, None]
    gram = ways @ ways.mT
    trace = gram.diagonal(dim1=1, dim2=2).sum(1)
    # All neighbours equal to x: any weights rebuild it, so uniform ones.
    ridge = torch.where(trace > 0, RIDGE * trace, torch.ones_like(trace))
    gram = gram + ridge[:, None, None] * torch.eye(gram.shape[1], dtype=x.dtype, device=x.device)
    # Rows and columns of neighbours that do not count hold the ridge alone, so the others' weights are their own.
    weights: Tensor = torch.linalg.solve(gram, torch.ones_like(gram[:, :, 0])) * counted
    total = weights.sum(1, keepdim=True)
    return weights / torch.where(total > 0, total, torch.ones_like(total))
