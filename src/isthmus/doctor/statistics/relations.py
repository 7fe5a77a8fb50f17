"""How hard relations between rows pull beside the data, and what another weight of theirs would bring."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus import spec
from isthmus.penalties.balanced import BalancedPenalty
from isthmus.types import Batch, Context

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from isthmus.composition import Composition
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.rows import Rows
    from isthmus.types import Forward

    Array = NDArray[np.float64]

#: Rows of a batch; relations are between the rows of one.
BATCH = 128
#: Steps of a short training, and multiplications of it, for speed: steps are left out where a network is larger.
STEPS, LEAST_STEPS, WORK = 80, 20, 1.5e10


@dataclass(frozen=True, eq=False)
class Losses:
    """Of held-out rows, each (rows,): nats of the data's loss, and of the relations' before weight and factor."""

    data: Array
    relations: Array


def relations(network: Composition) -> list[tuple[int, BalancedPenalty]]:
    """The penalties on relations between rows that take part, with their places."""
    found = enumerate(network.parts.penalties)
    return [(place, one) for place, one in found if isinstance(one, BalancedPenalty) and one.weight]


def pulls(patient: Patient, network: Composition, limit: int) -> tuple[float, float]:
    """Length of the relations' gradient in that of the data's, and their cosine, at the tensor where the two meet.

    limit : held-out rows that are looked at. Where some relations are asked of codes, all are measured there.
    """
    network.eval()
    at_code = any(getattr(one, "on_code", False) for _, one in relations(network))
    data, pull, product = 0.0, 0.0, 0.0
    for batch in _batches(patient, patient.test, np.arange(min(limit, len(patient.test)))):
        with torch.enable_grad():
            forward = network(batch, Context())
            at = forward.z if at_code else forward.output
            nats = network.nll(forward.output, batch.x, batch.mask).sum()
            first = torch.autograd.grad(nats, at, retain_graph=True)[0].double()
            weighed = sum(weight * values for weight, values in _values(network, forward))
            second = torch.autograd.grad(weighed.sum(), at)[0].double()  # type: ignore[union-attr]
        data += float(first.square().sum())
        pull += float(second.square().sum())
        product += float((first * second).sum())
    if not data or not pull:
        return (float("inf") if pull else 0.0), 0.0
    return float(np.sqrt(pull / data)), float(product / np.sqrt(data * pull))


def continued(
    patient: Patient, network: Composition, multiple: float, *, learning_rate: float, seed: int, limit: int
) -> Losses:
    """What a copy of the network comes to when it is trained for some steps more at a multiple of the weights.

    Trainings of equal seed see the same batches and the same random numbers. limit : held-out rows that are judged.
    """
    network = copy.deepcopy(network).train()
    network.parts.penalties = tuple(
        _times(one, multiple) if isinstance(one, BalancedPenalty) else one for one in network.parts.penalties
    )
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=learning_rate)
    context = Context(torch.Generator(weights[0].device).manual_seed(seed))
    size = sum(parameter.numel() for parameter in weights)
    steps = int(np.clip(WORK / (6.0 * size * BATCH), LEAST_STEPS, STEPS))
    with torch.enable_grad():
        for batch in islice(_endless(patient, seed), steps):
            optimizer.zero_grad()
            _objective(network, batch, context).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return _losses(patient, network.eval(), limit)


def _times(penalty: BalancedPenalty, multiple: float) -> BalancedPenalty:
    changed: BalancedPenalty = spec.clone(penalty)
    changed.weight *= multiple
    return changed


def _endless(patient: Patient, seed: int) -> Iterator[Batch]:
    """Training batches, a new order each time round."""
    generator = np.random.default_rng(seed)
    while True:
        yield from _batches(patient, patient.train, generator.permutation(len(patient.train)))


def _objective(network: Composition, batch: Batch, context: Context) -> Tensor:
    """(batch,) all terms, but for penalties on labels where there are none."""
    forward = network(batch, context)
    values = network.nll(forward.output, batch.x, batch.mask)
    for term in forward.encoded.terms.values():
        values = values + term
    for place, penalty in enumerate(network.parts.penalties):
        if penalty.weight and ("labels" not in penalty.needs or batch.labels is not None):
            values = values + penalty.weight * penalty(forward, network.penalty_state(place))
    return values


def _values(network: Composition, forward: Forward) -> list[tuple[float, Tensor]]:
    """Weight and values (batch,) of each penalty on relations; the values hold its factor."""
    return [(one.weight, one(forward, network.penalty_state(place))) for place, one in relations(network)]


@torch.no_grad()
def _losses(patient: Patient, network: Composition, limit: int) -> Losses:
    data, related = [], []
    factors = [one.report(network.penalty_state(place))["factor"] for place, one in relations(network)]
    for batch in _batches(patient, patient.test, np.arange(min(limit, len(patient.test)))):
        forward = network(batch, Context())
        data.append(network.nll(forward.output, batch.x, batch.mask).double().cpu().numpy())
        values = [
            one / max(factor, 1e-30)
            for (_, one), factor in zip(_values(network, forward), factors, strict=True)
        ]
        related.append(torch.stack(values).sum(0).double().cpu().numpy())
    return Losses(np.concatenate(data), np.concatenate(related))


def _batches(patient: Patient, rows: Rows, index: NDArray[np.intp]) -> Iterator[Batch]:
    """Some rows as the network takes them; of what is left over, no fewer than a relation needs."""
    device = next(_parameters(patient)).device
    for start in range(0, len(index), BATCH):
        part = index[start : start + BATCH]
        if start and len(part) < BATCH // 2:
            return
        x = torch.from_numpy(rows.x[part]).view(len(part), *patient.shape).to(device)
        mask = None if rows.known is None else torch.from_numpy(rows.known[part]).view_as(x).to(device)
        labels = None if rows.labels is None else _labels(patient, rows.labels[part]).to(device)
        yield Batch(x, mask, labels)


def _parameters(patient: Patient) -> Any:
    return patient.model.network_.parameters()  # type: ignore[union-attr]


def _labels(patient: Patient, labels: NDArray[Any]) -> Tensor:
    """Classes as whole numbers, -1 for none; numbers as they are."""
    values = np.asarray(labels, dtype=np.float64)
    if patient.classes is None:
        return torch.from_numpy(values.astype(np.float32))
    return torch.from_numpy(np.nan_to_num(values, nan=-1.0).astype(np.int64))
