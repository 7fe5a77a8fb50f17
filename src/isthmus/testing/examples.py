"""Small instances of everything: parts, data, and networks around a part."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import torch

from isthmus import spec
from isthmus.architectures.architecture import Architecture
from isthmus.architectures.dense import Dense
from isthmus.codes.code import Code
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.composition import Composition, Parts
from isthmus.corruptions.corruption import Corruption
from isthmus.errors import ParameterError
from isthmus.losses.loss import Loss
from isthmus.losses.squared_error import SquaredError
from isthmus.objective import Objective
from isthmus.penalties.penalty import Penalty
from isthmus.priors.prior import Prior
from isthmus.testing.failure import NotApplicable
from isthmus.types import Batch, Column, Context, Event

CODE_SIZE = 3
CLASSES = 2
ROWS = 6
#: Odd and even sizes, one feature, one and several channels, and a table of mixed columns.
EVENTS = (
    Event((7,)),
    Event((1,)),
    Event((1, 9, 5)),
    Event((2, 18, 15)),
    Event(
        (6,),
        (Column("a", "numeric", 0, 1), Column("b", "categorical", 1, 3), Column("c", "categorical", 4, 2)),
    ),
)
#: Examples of parts that cannot be made of numbers alone; fields of these names get small values.
_SMALL: dict[str, Any] = {"size": CODE_SIZE, "hidden": (6, 5), "channels": (3, 4)}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "BatchTopK": {"k": 2},
    "Branches": {"first": Dense((6,), activation="tanh"), "second": Dense((5,), activation="tanh")},
    "Custom": {"encoder": "isthmus.testing.modules:Encoder", "decoder": "isthmus.testing.modules:Decoder"},
    "KLSparsity": {"on": "hidden"},
    "TopK": {"k": 2},
}


def example(part: type[spec.Spec]) -> Any:
    """A small instance of a class of parts, with its defaults where it has them."""
    known = {field.name for field in dataclasses.fields(part)}
    small = {name: value for name, value in _SMALL.items() if name in known}
    return part(**small, **_EXAMPLES.get(part.__name__, {}))


def variants(part: spec.Spec) -> Iterator[spec.Spec]:
    """The part itself, and it with each of its switches and named choices turned, one at a time."""
    yield part
    hints = typing.get_type_hints(type(part), include_extras=True)
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        for option in _options(hints[field.name]):
            if option == value:
                continue
            other = spec.clone(part)
            setattr(other, field.name, option)
            if not other.problems():
                yield other


def _options(annotation: Any) -> tuple[Any, ...]:
    """The choices of a Literal or a switch; dropout rates have one choice worth trying."""
    origin = get_origin(annotation)
    if annotation is bool:
        return (True, False)
    if origin is Literal:
        return get_args(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(option for argument in get_args(annotation) for option in _options(argument))
    return ()


def rows(event: Event, n: int = ROWS, *, seed: int = 0, masked: bool = False) -> Batch:
    """Rows of an event in (0, 1), categorical columns as indicators, with labels; unknown entries 0."""
    generator = torch.Generator().manual_seed(seed)
    x = 0.05 + 0.9 * torch.rand((n, *event.shape), generator=generator)
    known = torch.rand(x.shape, generator=generator) < 0.7
    for column in event.columns:
        if column.kind == "categorical":
            level = torch.randint(column.width, (n,), generator=generator)
            x[:, column.entries] = torch.eye(column.width)[level]
            known[:, column.entries] = known[:, column.start : column.start + 1].clone()
    labels = torch.arange(n) % CLASSES
    if not masked:
        return Batch(x, None, labels, torch.arange(n))
    return Batch(x * known, known, labels, torch.arange(n))


@dataclass(frozen=True)
class Setup:
    """Parts around one part under test, and the event they are tried on."""

    parts: Parts
    event: Event

    def network(self, *, seed: int = 0) -> Composition:
        """A new network with PyTorch's initial weights of ``seed``; the global generator is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Composition(spec_copy(self.parts), dataclasses.replace(self.event, classes=CLASSES))

    def objective(self, *, seed: int = 0) -> Objective:
        """The objective over a new network."""
        return Objective(self.network(seed=seed))


def spec_copy(parts: Parts) -> Parts:
    """Copies of all five."""
    return Parts(**{name: spec.clone(value) for name, value in vars(parts).items()})


def noisy(seed: int = 0, shard: tuple[int, int, int] | None = None) -> Context:
    """A training pass's context."""
    return Context(torch.Generator().manual_seed(seed), 0.5, shard)


def setups(part: spec.Spec) -> list[Setup]:
    """The part in a small autoencoder, on every kind of event that it takes."""
    parts = around(part)
    found = []
    for event in EVENTS:
        setup = Setup(parts, event)
        try:
            setup.network()
        except ParameterError:
            continue
        found.append(setup)
    if not found:
        raise NotApplicable(f"{part!r} takes none of the events tried")
    return found


def around(part: spec.Spec) -> Parts:
    """The five choices of a small autoencoder, one of them the part."""
    architecture: Architecture = Dense((5,), activation="tanh")
    code: Code = Deterministic(CODE_SIZE)
    loss: Loss = SquaredError()
    if isinstance(part, Architecture):
        return Parts(part, code, loss)
    if isinstance(part, Code):
        return Parts(architecture, part, loss)
    if isinstance(part, Prior):
        return Parts(architecture, Gaussian(CODE_SIZE, prior=part), loss)
    if isinstance(part, Loss):
        return Parts(architecture, code, part)
    if isinstance(part, Corruption):
        return Parts(architecture, code, loss, corruption=part)
    if isinstance(part, Penalty):
        return Parts(architecture, code, loss, penalties=(part,))
    raise NotApplicable(f"{type(part).__name__} is no part of a network")
