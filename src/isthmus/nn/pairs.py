"""Pairs of the rows of a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def distances(z: Tensor) -> Tensor:
    """z (batch, n) -> (batch, batch) Euclidean distances; gradient 0 where two rows are equal, never NaN.

    By differences, not by products of matrices, so that small distances keep their digits.
    """
    return torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist")


def pairs_by_label(labels: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs of rows have the same label, and which have different ones.

    labels (batch,), known (batch,) True where a row has a label -> two masks (batch, batch), both False on the
    diagonal and wherever a row has no label.
    """
    same = labels[:, None] == labels[None, :]
    counts = known[:, None] & known[None, :]
    apart = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return same & counts & apart, ~same & counts
