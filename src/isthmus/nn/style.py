"""What the layers of a network have in common."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """What follows a hidden layer: ``activation`` by name, ``normalization`` before it (``none``, ``batch`` or
    ``layer``), and the share of activations that ``dropout`` sets to 0 in training.
    """

    activation: str
    normalization: str = "none"
    dropout: float = 0.0


@dataclass(frozen=True)
class Window:
    """The window of a convolution, in pixels."""

    kernel: int
    stride: int
    padding: int
