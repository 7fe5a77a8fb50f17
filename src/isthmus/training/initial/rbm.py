"""A stack of restricted Boltzmann machines, unrolled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.composition import Composition, Parts
from isthmus.errors import DataError, ParameterError, sentence
from isthmus.losses.squared_error import SquaredError
from isthmus.objective import RECONSTRUCTION
from isthmus.spec import In
from isthmus.training.initial.pretraining import Pretrainer, Pretraining, Records
from isthmus.training.layers import Level, above, ends, in_batches, levels, one_layer
from isthmus.training.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.training.feeding import Feed
    from isthmus.training.training import Training
    from isthmus.types import Batch, Context

#: Hinton and Salakhutdinov's code: momentum while weights are still far off, and after so many epochs.
EARLY_MOMENTUM, MOMENTUM, EARLY_EPOCHS = 0.5, 0.9, 5


@dataclass
class RBM(Pretraining):
    """Train each layer as a restricted Boltzmann machine by contrastive divergence, then unroll the stack.

    A machine has visible units v, hidden units h and the energy -c v - b h - h W v. Its hidden units are binary with
    the sigmoid's probabilities, those of a linear code normal with variance 1; so are the visible ones below a sigmoid
    or a linear output. A step goes from the data to sampled hidden states, to a reconstruction v' (probabilities or
    means), to hidden probabilities again, and moves W by the mean of h v - h' v', b by h - h', c by v - v'. The
    probabilities of the hidden units are the next machine's data. W, b go to the encoder, W transposed, c to the
    decoder, and the joint training follows.

    Parameters
    ----------
    epochs : of each machine; one number or one a layer.
    learning_rate : of machines whose units are all binary. linear_learning_rate : of those where some are normal.
    batch_size : rows a step. weight_decay : L2 of the matrices. std : of their initial normal weights.
    steps : of the chain from data to reconstruction; 1 is CD-1.

    Needs a mirrored ``Dense`` with sigmoid units, a code ``Deterministic`` with activation ``identity`` or ``sigmoid``,
    an output that is linear or a sigmoid, and below a sigmoid data in [0, 1]. Unknown entries are units that are not
    there. The lines of the history have half the squared error of v', nats per sample, as ``loss``.

    Random: initial weights and hidden states, from the training's seed. Raises: ParameterError for other networks,
    DataError for other data.
    References: Hinton and Salakhutdinov (2006), Science 313, equation 2, its supporting material, and the code
    published with it: batches of 100, learning rates 0.1 and 0.001, momentum 0.5 for 5 epochs and 0.9 after, weight
    decay 0.0002, initial weights of standard deviation 0.1. Deviations: 10 epochs as in the code, where the text has
    50; rows are shuffled anew each epoch; normal visible units have variance 1 whatever the data's is.
    """

    alias = "rbm"

    epochs: Annotated[int, In("[0, inf)")] | tuple[Annotated[int, In("[0, inf)")], ...] = 10
    learning_rate: Annotated[float, In("(0, inf)")] = 0.1
    linear_learning_rate: Annotated[float, In("(0, inf)")] = 0.001
    batch_size: Annotated[int, In("[1, inf)")] = 100
    weight_decay: Annotated[float, In("[0, inf)")] = 2e-4
    std: Annotated[float, In("(0, inf)")] = 0.1
    steps: Annotated[int, In("[1, inf)")] = 1

    def pretrain(self, network: Composition, feed: Feed, pretrainer: Pretrainer) -> Records:
        records: Records = []
        feed = in_batches(feed, self.batch_size)
        generator = torch.Generator().manual_seed(pretrainer.seed)
        machines = _machines(network)
        if not machines[0].normal_visible:
            _refuse_improbable(feed)
        for machine in machines:
            level = machine.level
            stage = one_layer(level, machine.parts, tied=True, seed=pretrainer.seed)
            self._begin(stage, generator)
            plan = self._plan(pretrainer.training, machine, feed)
            objective = partial(ContrastiveDivergence, machine=machine, steps=self.steps)
            records += pretrainer.train(stage, feed, plan, level.name, objective=objective)
            level.adopt(stage)
            feed = feed if level.top else above(feed, level)
        return records

    @torch.no_grad()
    def _begin(self, stage: Composition, generator: torch.Generator) -> None:
        down, up = ends(stage)
        down.weight.normal_(std=self.std, generator=generator)
        nn.init.zeros_(down.bias)
        nn.init.zeros_(up.bias)

    def _plan(self, training: Training, machine: Machine, feed: Feed) -> Training:
        """The joint training's device and threads, and the rest as in 2006."""
        binary = not (machine.normal_visible or machine.normal_hidden)
        return dataclasses.replace(
            training,
            max_epochs=machine.level.of(self.epochs, "epochs of RBM"),
            learning_rate=self.learning_rate if binary else self.linear_learning_rate,
            optimizer=_RisingMomentum(self.weight_decay, EARLY_EPOCHS * feed.steps),
            schedule="constant",
            initial_weights="as_built",
            gradient_clip=None,
            averaging=0.0,
            validation_fraction=0.0,
            patience=None,
            precision="float32",
            checkpoint=None,
            resume=False,
        )


@dataclass(frozen=True)
class Machine:
    """Which units of a restricted Boltzmann machine are normal rather than binary, and whose layer it is."""

    level: Level
    normal_visible: bool
    normal_hidden: bool

    @property
    def parts(self) -> Parts:
        """Of the tied autoencoder that has the machine's parameters."""
        code = Deterministic(
            self.level.down.out_features, activation="identity" if self.normal_hidden else "sigmoid"
        )
        return Parts(Dense(hidden=()), code, SquaredError())

    def hidden(self, v: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """v (batch, visible) -> means of the hidden units (batch, hidden): probabilities of binary ones."""
        drive = F.linear(v, weight, bias)
        return drive if self.normal_hidden else torch.sigmoid(drive)

    def visible(self, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """h (batch, hidden) -> means of the visible units (batch, visible)."""
        drive = F.linear(h, weight.t(), bias)
        return drive if self.normal_visible else torch.sigmoid(drive)

    def sampled(self, means: Tensor, context: Context) -> Tensor:
        """States of hidden units with these means; the means themselves in evaluation."""
        if context.generator is None:
            return means
        if self.normal_hidden:
            return means + context.normal(means)
        return (context.uniform(means) < means).to(means.dtype)

    def free_energy(self, v: Tensor, weight: Tensor, hidden_bias: Tensor, visible_bias: Tensor) -> Tensor:
        """v (batch, visible) -> (batch,) minus the log of the sum over h of exp(-energy), constants dropped."""
        drive = F.linear(v, weight, hidden_bias)
        hidden = 0.5 * drive.square() if self.normal_hidden else F.softplus(drive)
        visible = -0.5 * (v - visible_bias).square() if self.normal_visible else v * visible_bias
        return -hidden.sum(1) - visible.sum(1)


class ContrastiveDivergence(nn.Module):
    """The objective of one machine: a value to watch, with the gradient of contrastive divergence.

    That gradient is the difference of the free energy's gradients at the data and at the end of the chain, the chain
    being held fixed (Hinton 2002, Neural Computation 14, equation 5). The value is half the squared error.
    """

    def __init__(self, network: Composition, *, machine: Machine, steps: int = 1) -> None:
        super().__init__()
        self.network = network
        self.machine = machine
        self.steps = steps

    def forward(self, batch: Batch, context: Context) -> dict[str, Tensor]:
        down, up = ends(self.network)
        v = batch.x.flatten(1)
        known = None if batch.mask is None else batch.mask.flatten(1)
        with torch.no_grad():
            end = v
            for _ in range(self.steps):
                h = self.machine.sampled(self.machine.hidden(end, down.weight, down.bias), context)
                end = self.machine.visible(h, down.weight, up.bias)
                end = end if known is None else end * known
            error = 0.5 * (end - v).square().sum(1)
        contrast = self._free_energy(v, known) - self._free_energy(end, known)
        return {RECONSTRUCTION: contrast - contrast.detach() + error}

    def _free_energy(self, v: Tensor, known: Tensor | None) -> Tensor:
        down, up = ends(self.network)
        bias = up.bias if known is None else up.bias * known
        return self.machine.free_energy(v, down.weight, down.bias, bias)


def _machines(network: Composition) -> list[Machine]:
    """One for each layer. Raises ParameterError where the network is no stack of such machines."""
    found = levels(network, who="RBM")
    parts, problems = network.parts, []
    architecture, code = cast(Dense, parts.architecture), parts.code
    if len(found) > 1 and architecture.activation != "sigmoid":
        problems.append(sentence("activation of Dense under RBM", "'sigmoid'", architecture.activation))
    if not isinstance(code, Deterministic) or code.activation not in ("identity", "sigmoid"):
        problems.append(
            sentence("the code under RBM", "Deterministic with activation 'identity' or 'sigmoid'", code)
        )
    if architecture.output_activation not in ("identity", "sigmoid"):
        problems.append(
            sentence(
                "output_activation of Dense under RBM",
                "'identity' or 'sigmoid'",
                architecture.output_activation,
            )
        )
    if any(column.kind == "categorical" for column in network.event.columns):
        problems.append("RBM takes numbers, but the table has categorical columns: use Greedy.")
    if problems:
        raise ParameterError(" ".join(problems))
    sigmoid_output = parts.loss.on_logits or architecture.output_activation == "sigmoid"
    linear_code = getattr(code, "activation", "") == "identity"
    return [
        Machine(level, level.number == 1 and not sigmoid_output, level.top and linear_code) for level in found
    ]


def _refuse_improbable(feed: Feed) -> None:
    """Binary visible units read the data as probabilities."""
    low, high = 0.0, 1.0
    for batch in feed.in_order(feed.batch_size):
        low, high = min(low, float(batch.x.min())), max(high, float(batch.x.max()))
    if low < 0 or high > 1:
        way_out = "scale them (scaling='minmax'), or use loss='mse' with output_activation='identity'"
        raise DataError(
            sentence(
                "data under RBM with a sigmoid output", "in [0, 1]", (round(low, 6), round(high, 6)), way_out
            )
        )


@dataclass
class _RisingMomentum(Optimizer):
    """Gradient descent whose momentum rises after ``early_steps``; matrices decay, biases do not."""

    peak_learning_rate = 0.1

    weight_decay: float = 0.0
    early_steps: int = 0

    def build(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        values = [parameter for _, parameter in parameters]
        groups: list[dict[str, Any]] = [
            {"params": [value for value in values if value.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [value for value in values if value.ndim == 1]},
        ]
        return _RisingSGD(groups, lr=learning_rate, early_steps=self.early_steps)


class _RisingSGD(torch.optim.SGD):
    """PyTorch's, with another momentum for its first steps."""

    def __init__(self, groups: list[dict[str, Any]], *, lr: float, early_steps: int) -> None:
        super().__init__(groups, lr=lr, momentum=EARLY_MOMENTUM, fused=True)
        self.left = early_steps

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if self.left == 0:
            for group in self.param_groups:
                group["momentum"] = MOMENTUM
        self.left -= 1
        return super().step(closure)
