"""Are there units that never fire or never move?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.codes.deterministic import Deterministic
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import relieved, usual
from isthmus.doctor.retraining import batch_of, peak_rate, untrained
from isthmus.nn.activations import SQUASHING, Activation
from isthmus.penalties.auxiliary_k import AuxiliaryK
from isthmus.training.initial.kaiming import Kaiming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from isthmus.composition import Composition
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient

#: Shares of a hidden layer's units beyond those that are idle in a sound beginning. Rectified layers of healthy models
#: have up to a third of them; a layer that has lost nine tenths is another, narrower one.
FAILURE, WARNING = 0.9, 0.5
#: The same of the code, which has no units to spare: its size was asked for.
CODE_FAILURE, CODE_WARNING = 0.5, 0.2
#: Units of a layer below which shares say nothing: one unit of four is no pattern.
FEWEST = 5
#: A unit that moves less than this share of what the layer's units move by is constant.
STILL = 1e-5
#: Outputs of tanh and logistic units this near to their bounds pass on less than a twentieth of a gradient.
BOUND = 0.01
#: A unit is stuck that stands at one bound in all but this share of the rows.
ELSEWHERE = 1e-3
#: Rows of a pass, and numbers of a convolution's output that are looked at in one go.
BLOCK = 256


@dataclass
class _Layer:
    """A layer's units over the rows: low, high : (units,) ends of their outputs. total, squares : sums.
    bottom, top : how many outputs stood at a bound. count : outputs a unit.
    """

    name: str
    activation: str
    count: int = 0
    low: Any = np.inf
    high: Any = -np.inf
    total: Any = 0.0
    squares: Any = 0.0
    bottom: Any = 0.0
    top: Any = 0.0

    def update(self, values: NDArray[np.float64]) -> None:
        """values (outputs, units)."""
        self.count += len(values)
        self.low = np.minimum(self.low, values.min(axis=0))
        self.high = np.maximum(self.high, values.max(axis=0))
        self.total = self.total + values.sum(axis=0)
        self.squares = self.squares + np.square(values).sum(axis=0)
        if self.activation in SQUASHING:
            low, high = SQUASHING[self.activation]
            margin = BOUND * (high - low) / (2.0 if self.activation == "tanh" else 1.0)
            self.bottom = self.bottom + (values < low + margin).sum(axis=0)
            self.top = self.top + (values > high - margin).sum(axis=0)

    @property
    def idle(self) -> NDArray[np.bool_]:
        """(units,) that say nothing: never active, constant, or stuck at one bound."""
        spread = np.sqrt(np.maximum(self.squares / self.count - (self.total / self.count) ** 2, 0.0))
        typical = float(np.sqrt(np.mean(spread**2)))
        constant = (self.high == self.low) | (spread <= STILL * typical)
        if self.activation in SQUASHING:
            most = self.count * (1.0 - ELSEWHERE)
            constant |= (self.bottom > most) | (self.top > most)
        return np.asarray(constant)

    @property
    def saturated(self) -> NDArray[np.bool_]:
        """(units,) that stand at one bound or the other nearly always, so that no gradient passes."""
        if self.activation not in SQUASHING:
            return np.zeros(len(self.idle), dtype=bool)
        return np.asarray(self.bottom + self.top > self.count * (1.0 - BOUND))


#: Rows that tell which units are idle before the first step.
BEGUN = 1000


class DeadUnits(Check):
    """Hidden units and code units over the training rows: which never fire, never move, or stand at a bound.

    A unit that answers every row alike passes nothing on, and one at the flat end of its activation gets no gradient to
    leave it by. Rectified units that are always on are linear and not dead. The same network with fresh weights of a
    sound kind, on the rows standardized, says how many idle units are nobody's fault.
    """

    code: ClassVar[str] = "dead-units"
    question: ClassVar[str] = "Are there units that never fire or never move?"
    needs: ClassVar[frozenset[str]] = frozenset({"spread"})
    order: ClassVar[int] = 20

    def run(self, patient: Patient) -> Finding:
        fresh: dict[str, float] = {}
        begun: dict[str, float] = {}
        if patient.model is None:
            layers = [_code_layer(patient)]
        else:
            x = batch_of(patient, patient.train).x
            layers = _observed(patient.model.network_, x)
            fresh = _idle(untrained(patient, Kaiming()), _standardized(x))
            begun = _idle(untrained(patient), x[:BEGUN])
        severities = {layer.name: _severity(layer, fresh.get(layer.name, 0.0)) for layer in layers}
        evidence: dict[str, Any] = {
            f"idle_{layer.name.replace(' ', '_')}": Measure(
                float(layer.idle.mean()),
                f"share of the units of the {layer.name} that answer every training row alike",
                n=len(layer.idle),
                against=fresh.get(layer.name, 0.0),
                null="the same network with sound weights before its first step, on standardized rows"
                if fresh
                else "a code whose units all vary",
            )
            for layer in layers
        }
        for layer in layers:
            if layer.saturated.any():
                evidence[f"saturated_{layer.name.replace(' ', '_')}"] = Measure(
                    float(layer.saturated.mean()),
                    f"share of the units of the {layer.name} that stand at a bound in 99 % of the rows",
                    n=len(layer.idle),
                    against=0.0,
                    null="units that pass a gradient",
                )
        evidence["rows"] = len(patient.train)
        return self._verdict(patient, layers, severities, evidence, begun)

    def _verdict(
        self,
        patient: Patient,
        layers: list[_Layer],
        severities: dict[str, str],
        evidence: dict[str, Any],
        begun: dict[str, float],
    ) -> Finding:
        ranks = ("ok", "warning", "failure")
        worst = max(layers, key=lambda layer: (ranks.index(severities[layer.name]), layer.idle.mean()))
        severity = severities[worst.name]
        idle, size = int(worst.idle.sum()), len(worst.idle)
        picture = Picture(
            "bars",
            {"idle": np.array([layer.idle.mean() for layer in layers])},
            "The share of each layer's units that answer every training row alike.",
            names=tuple(layer.name for layer in layers),
        )
        if severity == "ok":
            return self.finding(
                "ok",
                "Every unit that was looked at says something"
                if not idle
                else f"Few units are idle: at most {idle} of {size}, in the {worst.name}",
                evidence,
                "Idle units cost memory and time, and leave a network narrower than it was asked to be.",
                pictures=[picture],
            )
        found = f"{idle} of {size} units of the {worst.name} answer every row alike"
        if worst.saturated.mean() > worst.idle.mean():
            found = f"{int(worst.saturated.sum())} of {size} units of the {worst.name} stand at a bound nearly always"
        return self.finding(
            "failure" if severity == "failure" else "warning",
            f"{found}, among {len(patient.train):,} training rows",
            evidence,
            "They pass nothing on and get no gradient to come back by: the network is narrower than it was asked to "
            "be, and further training does not change it.",
            *_remedies(patient, worst, begun.get(worst.name, 0.0) - worst.idle.mean() / 2 > 0),
            pictures=[picture],
        )


def _severity(layer: _Layer, fresh: float) -> str:
    if len(layer.idle) < FEWEST:
        return "failure" if layer.idle.all() else "ok"
    share = max(float(layer.idle.mean()) - fresh, 0.0)
    failure, warning = (CODE_FAILURE, CODE_WARNING) if layer.name == "code" else (FAILURE, WARNING)
    if layer.idle.mean() > FAILURE or share > failure:
        return "failure"
    # A code of two values a unit may be wanted.
    flat = layer.name != "code" and layer.saturated.mean() > WARNING
    return "warning" if share > warning or flat else "ok"


def _code_layer(patient: Patient) -> _Layer:
    layer = _Layer("code", "")
    layer.update(patient.train_codes.astype(np.float64))
    return layer


def _idle(network: Composition, x: Tensor) -> dict[str, float]:
    """The share of idle units by layer."""
    return {layer.name: float(layer.idle.mean()) for layer in _observed(network, x)}


def _blocks(network: Composition, x: Tensor) -> Iterator[Tensor]:
    device = next((value.device for value in network.parameters()), torch.device("cpu"))
    yield from torch.split(x.to(device), BLOCK)


def _standardized(x: Tensor) -> Tensor:
    """x (n, *event) with mean 0 and deviation 1 in every entry that varies."""
    deviation = x.std(0, correction=0)
    return (x - x.mean(0)) / torch.where(deviation > 0, deviation, 1.0)


def _observed(network: Composition, x: Tensor) -> list[_Layer]:
    """Hidden layers and the code in their order, watched in one pass of x in evaluation mode.

    Of layers that are idle alike the first one is named, since it may have made the others so.
    """
    layers: list[_Layer] = []
    handles = []
    code = network.parts.code
    codes = _Layer("code", code.activation if isinstance(code, Deterministic) else "")
    for half, part in (("encoder", network.encoder), ("decoder", network.decoder)):
        modules = cast("tuple[nn.Module, ...]", getattr(part, "hidden_layers", ()))
        for number, module in enumerate(modules, start=1):
            name = module.name if isinstance(module, Activation) else ""
            layer = _Layer(f"{half} layer {number}", name)
            layers.append(layer)
            handles.append(module.register_forward_hook(_watching(layer)))
        if half == "encoder":
            layers.append(codes)
    network.eval()
    try:
        with torch.inference_mode():
            for rows in _blocks(network, x):
                z = network.encode(rows).z
                codes.update(z.double().cpu().numpy())
                network.decode(z)
    finally:
        for handle in handles:
            handle.remove()
    return [layer for layer in layers if layer.count]


def _watching(layer: _Layer) -> Any:
    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # A unit of a convolution is a channel: all its places are its outputs.
        values = output.movedim(1, -1).reshape(-1, output.shape[1])
        layer.update(values.double().cpu().numpy())

    return record


def _remedies(patient: Patient, layer: _Layer, begun: bool) -> list[Remedy]:
    """begun : half of the units that are idle, or more, were so before the first step."""
    if patient.model is None:
        text = (
            "Train the encoder anew with a smaller learning rate and units that leak, or with a smaller code."
        )
        return [Remedy(text)]
    model = patient.model
    parts, training = model.network_.parts, model.part("training")
    found = []
    helped = any(isinstance(item, AuxiliaryK) for item in model.penalties)
    if hasattr(parts.code, "k") and parts.code.encoder_width == parts.code.size and not helped:
        penalties = (*model.penalties, AuxiliaryK(after=max(1, min(10_000, 2 * patient.train.total))))
        found.append(Remedy("Give idle units of the code a loss of their own.", {"penalties": penalties}))
    slower = {"training__learning_rate": peak_rate(training) / 10}
    found += usual(patient)
    far = bool(found)
    found.append(Remedy("Train with a learning rate ten times smaller.", slower))
    if layer.activation in SQUASHING:
        found.insert(
            0, Remedy("Standardize the data, so that sums stay where units bend.", {"scaling": "standard"})
        )
    if layer.name == "code" and isinstance(parts.code, Deterministic) and parts.code.activation == "relu":
        found.insert(0, Remedy("Let the code's units leak.", {"code__activation": "leaky_relu"}))
    if layer.name != "code" and hasattr(parts.architecture, "activation"):
        leak = Remedy("Let hidden units leak.", {"architecture__activation": "leaky_relu"})
        # A rate that is usual is left alone at first: a smaller one would have to be paid in epochs.
        found.insert(len(found) if far or layer.activation in SQUASHING else 0, leak)
    scaled = Remedy("Begin with weights that are scaled to the data.", {"training__initial_weights": "lsuv"})
    if not begun:
        return [*relieved(model), *found, scaled]
    if training.initial_weights == "kaiming":
        return [*relieved(model), scaled, *found]
    text = "Begin with Kaiming's weights and biases of 0, at which half of the units fire."
    return [*relieved(model), Remedy(text, {"training__initial_weights": "kaiming"}), scaled, *found]
