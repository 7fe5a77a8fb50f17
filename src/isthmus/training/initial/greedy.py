"""Layer by layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from isthmus import spec
from isthmus.codes.code import Code
from isthmus.codes.deterministic import Deterministic
from isthmus.composition import Parts
from isthmus.corruptions.corruption import Corruption
from isthmus.errors import ParameterError, sentence
from isthmus.losses.binary_cross_entropy import BinaryCrossEntropy
from isthmus.losses.squared_error import SquaredError
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In
from isthmus.training.initial.initial import Initial
from isthmus.training.initial.pretraining import Pretrainer, Pretraining, Records
from isthmus.training.layers import Level, above, in_batches, levels, one_layer

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.training.feeding import Feed
    from isthmus.training.training import Training

#: What a mirrored layer gives while it is trained, where that is not the activation that follows it in the whole:
#: a rectifier that is closed for all rows would not learn, and brings what is below its target's range back anyway.
_UNRECTIFIED = ("relu", "leaky_relu")


@dataclass
class Greedy(Pretraining):
    """Train each layer with its mirror as an autoencoder of its own, on what the layers below make of the clean data.

    Layer i, W_i and its mirror's W_i', minimise the loss between the activations a of the layers below and
    g(W_i' f(W_i damaged(a) + b) + c) plus the penalties; then a is put through the layer, once, and the next one
    begins. All weights found are the initial weights of the joint training that follows. The first layer has the
    autoencoder's own loss and sees unknown entries; the last one has its own code, so that a Gaussian one is trained
    with its KL and a sparse one with its sparsity.

    Parameters
    ----------
    corruption : of each layer's input while that layer is trained; None leaves it clean. One part for all layers, or
        a tuple with one (or None) for each. Noise on every level makes a stack of denoising autoencoders.
    penalties : parts for all layers, or a tuple of such tuples, one for each. They see the layer as an encoder whose
        code it is.
    code : None, or a tuple with one entry a layer: a code that is used instead of the plain activation while that
        layer is trained (``TopK(1000, k=25)``), or None. The last layer has the autoencoder's own code.
    epochs : of each layer; one number or one a layer. None: as many as the joint training, which all layers together
        then cost about once more.
    learning_rate : likewise. None takes that of the joint training.
    batch_size : None takes that of the joint training.
    loss : of the layers above the first. ``bce`` reads activations as probabilities, ``mse`` is half the squared error,
        ``auto`` takes ``bce`` after sigmoid units and ``mse`` after others.
    initial_weights : of each layer, by name or part.

    Needs a mirrored ``Dense`` without normalisation; dropout acts in the joint training only. Optimizer, schedule,
    precision and the rest are the joint training's. Activations are kept in memory, or on disk where they do not fit.
    Random: everything from the training's seed. Raises: ParameterError for networks of other kinds, and where a tuple
    has not one entry a layer.
    References: Bengio et al. (2007), NIPS 19, section 3 and algorithm 2; with noise Vincent et al. (2010), JMLR 11,
    section 3.4. Deviations: the joint training reconstructs (supervised fine-tuning is
    :class:`isthmus.tasks.classifier.FineTunedClassifier`); weights need not be tied; activations other than the
    sigmoid's are reproduced by squared error.
    """

    alias = "greedy"

    corruption: Corruption | tuple[Corruption | None, ...] | None = None
    penalties: tuple[Penalty, ...] | tuple[tuple[Penalty, ...], ...] = ()
    code: tuple[Code | None, ...] | None = None
    epochs: Annotated[int, In("[0, inf)")] | tuple[Annotated[int, In("[0, inf)")], ...] | None = None
    learning_rate: Annotated[float, In("(0, inf)")] | tuple[Annotated[float, In("(0, inf)")], ...] | None = (
        None
    )
    batch_size: Annotated[int, In("[1, inf)")] | None = None
    loss: Literal["auto", "mse", "bce"] = "auto"
    initial_weights: Initial | str = "kaiming"

    def conflicts(self) -> Iterator[str]:
        if isinstance(self.initial_weights, Pretraining) or self.initial_weights in ("greedy", "rbm"):
            yield (
                f"initial_weights of Greedy are those of one layer and cannot be trained layer by layer, got "
                f"{self.initial_weights!r}: use 'kaiming' or 'xavier'."
            )
        for parts in self.penalties:
            for penalty in parts if isinstance(parts, tuple | list) else ():
                yield from penalty.problems()

    def pretrain(self, network: Composition, feed: Feed, pretrainer: Pretrainer) -> Records:
        # All of them first, so that what does not fit is refused before anything is trained.
        stages = [
            (level, self._plan(pretrainer.training, level), self._stage(network, level, pretrainer.seed))
            for level in levels(network, who="Greedy")
        ]
        records: Records = []
        feed = in_batches(feed, self.batch_size)
        for level, plan, stage in stages:
            records += pretrainer.train(stage, feed, plan, level.name)
            level.adopt(stage)
            if level.top and network.code_state is not None and stage.code_state is not None:
                network.code_state.load_state_dict(stage.code_state.state_dict())
            elif not level.top:
                feed = above(feed, level)
        return records

    def _plan(self, training: Training, level: Level) -> Training:
        """The joint training's choices for one layer alone."""
        epochs = self._of(level, "epochs")
        rate = self._of(level, "learning_rate")
        return dataclasses.replace(
            training,
            max_epochs=training.max_epochs if epochs is None else epochs,
            learning_rate=training.learning_rate if rate is None else rate,
            initial_weights=spec.clone(self.initial_weights),
            validation_fraction=0.0,
            patience=None,
            checkpoint=None,
            resume=False,
        )

    def _stage(self, network: Composition, level: Level, seed: int) -> Composition:
        """The layer and its mirror as an autoencoder."""
        whole = network.parts
        if level.number == 1:
            loss, output = spec.clone(whole.loss), whole.architecture.output_activation  # type: ignore[attr-defined]
        else:
            loss, output = self._loss_above(level)
        apart = any(isinstance(one, tuple | list) for one in self.penalties)
        penalties = self._of(level, "penalties") if apart else self.penalties
        parts = Parts(
            whole.architecture,
            self._code(network, level),
            loss,
            spec.clone(self._of(level, "corruption")),
            tuple(spec.clone(penalty) for penalty in penalties),
        )
        return one_layer(level, parts, output_activation=output, tied=level.tied, seed=seed)

    def _loss_above(self, level: Level) -> tuple[Any, str]:
        """Loss of a layer that reads activations, and what follows its mirror."""
        sigmoid = level.activation == "sigmoid"
        if self.loss == "bce" and not sigmoid:
            raise ParameterError(
                f"loss='bce' of Greedy reads activations as probabilities, which those of {level.activation} units are "
                f"not: use loss='mse', or activation='sigmoid' in Dense."
            )
        if sigmoid and self.loss != "mse":
            return BinaryCrossEntropy(), "identity"
        return SquaredError(), "identity" if level.activation in _UNRECTIFIED else level.activation

    def _code(self, network: Composition, level: Level) -> Code:
        """What the layer's activations are while it is trained."""
        wanted = None if self.code is None else self._of(level, "code")
        width = level.down.out_features
        if wanted is not None and (level.top or (wanted.encoder_width, wanted.size) != (width, width)):
            rule = "None, the autoencoder has its own," if level.top else f"None or a code of {width} numbers"
            raise ParameterError(sentence(f"code of Greedy for {level.name}", rule, wanted))
        if wanted is None and not level.top:
            return Deterministic(width, activation=level.activation)  # type: ignore[arg-type]
        return spec.clone(wanted or network.parts.code)  # type: ignore[no-any-return]

    def _of(self, level: Level, name: str) -> Any:
        """The value of a field for one layer."""
        return level.of(getattr(self, name), f"{name} of Greedy")
