"""The protocol of corruptions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isthmus.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event


@dataclass
class Corruption(Spec, ABC):
    """Damage done to the input during training; the target stays clean, evaluation sees clean data.

    ``couples_rows`` says that a row's damage depends on the other rows of its batch, which with several processes are
    those of its own process.
    """

    family: ClassVar[str] = "corruptions"
    couples_rows: ClassVar[bool] = False

    def refusals(self, event: Event) -> Iterator[str]:
        """Sentences about samples of a shape that this corruption cannot damage."""
        yield from ()

    @abstractmethod
    def __call__(self, x: Tensor, context: Context, *, mask: Tensor | None, event: Event) -> Tensor:
        """x (batch, *event) -> x_corrupt, same shape, dtype and device; x itself is left as it was."""

    def denoised(self, x: Tensor, reconstruct: Callable[[Tensor], Tensor], *, steps: int) -> Tensor:
        """x (batch, *event), damaged -> what is left after ``steps`` reconstructions, each of the one before."""
        return iterated(x, reconstruct, steps=steps)


def iterated(x: Tensor, reconstruct: Callable[[Tensor], Tensor], *, steps: int) -> Tensor:
    """``reconstruct`` of x, of the result, and so on, ``steps`` times."""
    for _ in range(steps):
        x = reconstruct(x)
    return x
