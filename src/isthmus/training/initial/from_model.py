"""Weights of a model that was trained before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isthmus.errors import InputError, ParameterError
from isthmus.persistence.folder import load_folder
from isthmus.training.initial.initial import Initial

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from isthmus.composition import Composition
    from isthmus.types import Batch

_HALVES = ("encoder", "code_state", "decoder")
#: Fields of an architecture that may differ: they change what training does, not what the weights mean.
_FREE = ("dropout",)


@dataclass
class FromModel(Initial):
    """Start from the encoder, the decoder and the code of a saved model of the same architecture: fine-tuning.

    Parameters
    ----------
    path : folder that :meth:`isthmus.Autoencoder.save` wrote. It is verified; nothing of it is unpickled or run.

    Data, loss, corruption and penalties may be others than the saved model's, and what penalties learn starts anew;
    how the data were scaled is not taken over either. Random: nothing.
    Raises: InputError when there is no model, ModelError when it is damaged, ParameterError when its layers are others.
    """

    alias = "from_model"

    path: str = ""

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        if not self.path:
            raise InputError("FromModel has no path: name the folder of a saved model, FromModel('model').")
        document, tensors = load_folder(self.path)
        saved = {name.removeprefix("network/"): value for name, value in tensors.items()}
        theirs, ours = (
            sorted((name for name in names if name.partition(".")[0] in _HALVES), key=_place)
            for names in (saved, network.state_dict())
        )
        renamed = dict(zip(ours, (saved[name] for name in theirs), strict=False))
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        clauses = _fields(document, network)
        if not clauses and (
            len(ours) != len(theirs) or any(renamed[name].shape != shapes[name] for name in ours)
        ):
            clauses = [f"its layers are {_widths(saved, theirs)}, here {_widths(network.state_dict(), ours)}"]
        if clauses:
            raise ParameterError(
                f"the model in {self.path} cannot give these initial weights, {' and '.join(clauses)}: use the "
                f"architecture and code it was trained with."
            )
        network.load_state_dict(renamed, strict=False)


def _place(name: str) -> list[tuple[int, str]]:
    """What sorts names by their place in the network; modules without weights (dropout) shift numbers, not places."""
    half, *rest = name.split(".")
    places = [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in rest]
    return [(_HALVES.index(half), half), *places]


def _fields(document: dict[str, Any], network: Composition) -> list[str]:
    """Clauses about fields of the two architectures that differ."""
    ours = network.parts.architecture.to_json()
    theirs = document["parts"]["architecture"]
    return [
        f"{name} of its architecture is {theirs.get(name)!r}, here {ours.get(name)!r}"
        for name in sorted({*ours, *theirs} - {*_FREE})
        if ours.get(name) != theirs.get(name)
    ]


def _widths(tensors: Mapping[str, Tensor], names: Sequence[str]) -> str:
    """Shapes of the matrices in order."""
    return " ".join("x".join(map(str, tensors[name].shape)) for name in names if tensors[name].ndim > 1)
