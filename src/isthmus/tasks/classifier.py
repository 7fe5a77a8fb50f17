"""Classification by a fine-tuned encoder."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus import spec
from isthmus.composition import Composition, Parts, by_blocks
from isthmus.data.opening import open_source
from isthmus.data.subset import split_rows
from isthmus.errors import DataError, ParameterError, sentence
from isthmus.estimator import Autoencoder, NotFittedError
from isthmus.training.feeding import Feed, open_feed
from isthmus.training.loop import train
from isthmus.training.training import Training
from isthmus.types import Batch, Context

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.source import Source
    from isthmus.training.watching import Watcher

Layer = Literal["code", "hidden"]
#: Passes over the labelled rows where no plan is given.
EPOCHS = 30


class FineTunedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The encoder of an autoencoder with a linear layer on top, both trained together to tell classes apart.

    Parameters
    ----------
    autoencoder : an :class:`isthmus.Autoencoder`. One that is fitted is taken as it is, and stays as it is; one that
        is not is fitted first, on the same rows. None means ``Autoencoder()``.
    layer : what the linear layer reads: the ``code``, or the encoder's last ``hidden`` activations.
    training : the plan of the fine-tuning; None means 30 epochs of the defaults. Its ``initial_weights`` are not
        used: the encoder begins where the autoencoder ended, the linear layer at 0. With ``patience`` the weights of
        the best validation loss are kept.
    random_state : int, numpy RandomState or None. Also that of an autoencoder which has none of its own.

    Nothing is damaged or penalised while fine-tuning, and a stochastic code is its mean; dropout acts.

    Attributes
    ----------
    classes_ : labels in order. autoencoder_ : as it was before fine-tuning. network_ : the fine-tuned network.
    history_ : one dictionary an epoch of fine-tuning, ``cross_entropy`` in nats per sample.
    training_summary_ : epochs, best epoch, seconds, what stopped it. n_features_in_.

    References: Hinton and Salakhutdinov (2006), Science 313; Bengio et al. (2007), NIPS 19, section 2.3; Vincent et al.
    (2010), JMLR 11, section 3.4: a logistic regression layer on the last encoder layer, all trained by gradient.
    Raises: ParameterError, DataError and what fitting the autoencoder raises.
    """

    def __init__(
        self,
        autoencoder: Autoencoder | None = None,
        *,
        layer: Layer = "code",
        training: Training | None = None,
        random_state: Any = None,
    ) -> None:
        self.autoencoder = autoencoder
        self.layer = layer
        self.training = training
        self.random_state = random_state

    # ------------------------------------------------------------------ fitting

    def fit(
        self, X: Any, y: Any = None, *, X_val: Any = None, y_val: Any = None, watcher: Watcher | None = None
    ) -> Self:
        """Fit the autoencoder unless it is fitted, then fine-tune its encoder on the labels.

        Parameters
        ----------
        X : anything an Autoencoder takes. y : (n,) class labels; None takes those that a source brings.
        X_val, y_val : held-out rows with labels, watched and used for early stopping, never trained on.
        watcher : told of every step and epoch of both trainings.
        """
        plan = self._plan()
        source = open_source(X)
        labels = self._targets(source, y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        held_out = None if X_val is None else open_source(X_val)
        self.autoencoder_ = self._fitted(source, labels, held_out, seed, watcher)
        codes = np.searchsorted(self.classes_, labels)
        if held_out is not None:
            held_codes = self._held_out_codes(held_out, y_val)
        elif plan.validation_fraction:
            source, held_out = split_rows(source, plan.validation_fraction, seed=seed)
            codes, held_codes = codes[source.index], codes[held_out.index]
        feed = self._feed(source, codes, plan, seed)
        validation = None if held_out is None else self._feed(held_out, held_codes, plan, seed)
        objective = functools.partial(Supervised, layer=self.layer)
        network = _headed(self.autoencoder_.network_, feed.sample(1), len(self.classes_), self.layer)
        outcome = train(
            network,
            feed,
            plan,
            seed=seed,
            validation=validation,
            watcher=watcher,
            objective=objective,
            stage="fine-tuning",
        )
        self.network_ = network
        self.history_ = outcome.history
        self.training_summary_ = {
            name: getattr(outcome, name) for name in ("epochs", "best_epoch", "seconds", "stopped")
        }
        self.n_features_in_ = self.autoencoder_.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(self.autoencoder_, "feature_names_in_"):
            self.feature_names_in_ = self.autoencoder_.feature_names_in_
        return self

    def _plan(self) -> Training:
        """The plan of the fine-tuning, checked."""
        plan = Training(max_epochs=EPOCHS) if self.training is None else self.training
        problems = []
        if not isinstance(plan, Training):
            problems.append(sentence("training of FineTunedClassifier", "a Training", plan))
        if self.layer not in ("code", "hidden"):
            problems.append(sentence("layer of FineTunedClassifier", "'code' or 'hidden'", self.layer))
        if not isinstance(self.autoencoder, Autoencoder | None):
            problems.append(
                sentence("autoencoder of FineTunedClassifier", "an Autoencoder", self.autoencoder)
            )
        if problems:
            raise ParameterError(" ".join(problems))
        plan.validate()
        copied: Training = dataclasses.replace(spec.clone(plan), initial_weights="as_built")
        return copied

    def _targets(self, source: Source, y: Any) -> NDArray[Any]:
        """(n,) labels, checked; sets ``classes_``."""
        y = source.labels if y is None else y
        if y is None:
            raise DataError(
                "FineTunedClassifier requires y to be passed, but the target y is None: pass one class label a row."
            )
        labels: NDArray[Any] = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        if len(labels) != source.n_rows:
            raise DataError(
                f"y has {len(labels)} labels for {source.n_rows} rows of X: pass one label a row."
            )
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise DataError(
                f"y has one class only, {self.classes_.tolist()[0]!r}: pass rows of other classes too."
            )
        return labels

    def _held_out_codes(self, held_out: Source, y: Any) -> NDArray[Any]:
        """Numbers of the classes of held-out rows."""
        given = held_out.labels if y is None else np.asarray(y)
        if given is None or len(given) != held_out.n_rows:
            got = "none" if given is None else f"{len(given)} labels"
            raise DataError(
                f"y_val must have one label for each of {held_out.n_rows} rows of X_val, got {got}."
            )
        unknown = np.setdiff1d(given, self.classes_)
        if len(unknown):
            raise DataError(
                f"y_val holds {unknown.tolist()[0]!r}, which y does not: use labels of the training classes."
            )
        return np.searchsorted(self.classes_, given)

    def _fitted(
        self,
        source: Source,
        labels: NDArray[Any],
        held_out: Source | None,
        seed: int,
        watcher: Watcher | None,
    ) -> Autoencoder:
        """The given autoencoder where it is fitted, else a fitted copy of it."""
        given = self.autoencoder
        if given is not None and hasattr(given, "network_"):
            return given
        model: Autoencoder = Autoencoder() if given is None else clone(given)
        if model.random_state is None:
            model.random_state = seed
        watched = labels if any("labels" in penalty.needs for penalty in model.penalties) else None
        return model.fit(source, watched, X_val=held_out, watcher=watcher)

    def _feed(self, source: Source, codes: NDArray[Any], plan: Training, seed: int) -> Feed:
        return open_feed(
            source,
            self.autoencoder_.transform_,
            labels=torch.as_tensor(codes, dtype=torch.int64),
            batch_size=plan.batch_size,
            shuffle=plan.shuffle,
            seed=seed,
            spill=plan.spill and plan.max_epochs > 1,
        )

    # ------------------------------------------------------------------ using

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """X -> probabilities (n, classes), in the order of ``classes_``."""
        if not hasattr(self, "network_"):
            raise NotFittedError("this FineTunedClassifier is not fitted yet: call fit before using it.")
        return np.concatenate(list(self._probabilities(X)))

    def _probabilities(self, X: Any) -> Iterator[NDArray[np.float64]]:
        network = self.network_
        network.eval()
        device = next(network.parameters()).device
        for batch in self.autoencoder_.batches(X):
            with torch.inference_mode():
                logits = by_blocks(
                    functools.partial(_logits, network, self.layer), batch.x.to(device), network=network
                )
                yield torch.softmax(logits.double(), dim=1).cpu().numpy()

    def predict(self, X: Any) -> NDArray[Any]:
        """X -> the most probable labels (n,)."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags


class Supervised(nn.Module):
    """The objective of fine-tuning: the cross-entropy of the labels, in nats per sample.

    (batch, context) -> ``{"cross_entropy": (batch,)}``; the batch's labels count classes from 0.
    """

    def __init__(self, network: Composition, *, layer: Layer = "code") -> None:
        super().__init__()
        self.network = network
        self.layer: Layer = layer

    def forward(self, batch: Batch, context: Context) -> dict[str, Tensor]:
        logits = _logits(self.network, self.layer, batch.x)
        return {"cross_entropy": F.cross_entropy(logits, cast(Tensor, batch.labels), reduction="none")}


def _logits(network: Composition, layer: Layer, x: Tensor) -> Tensor:
    """x (batch, *event) -> (batch, classes)."""
    logits: Tensor = cast(nn.Module, network.head)(_features(network, layer, x))
    return logits


def _features(network: Composition, layer: Layer, x: Tensor) -> Tensor:
    """What the head reads, (batch, features). Without a generator a code is what ``transform`` gives."""
    if layer == "code":
        return network.encode(x, Context()).z
    seen: list[Tensor] = []
    handle = network.hidden_layers[-1].register_forward_hook(
        lambda module, given, output: seen.append(output)
    )
    try:
        network.encoder(x)
    finally:
        handle.remove()
    return seen[0].flatten(1)


def _headed(trained: Composition, batch: Batch, classes: int, layer: Layer) -> Composition:
    """A copy of a network without corruption and penalties, with a head of zeros; only what the head reads learns."""
    if layer == "hidden" and not trained.hidden_layers:
        raise ParameterError(
            "layer='hidden' of FineTunedClassifier needs an encoder with hidden layers: add some or use layer='code'."
        )
    parts = trained.parts
    kept = Parts(*(spec.clone(part) for part in (parts.architecture, parts.code, parts.loss)))
    with torch.random.fork_rng(devices=[]):
        network = Composition(kept, trained.event)
    state = {name: value.cpu() for name, value in trained.state_dict().items()}
    network.load_state_dict({name: value for name, value in state.items() if name in network.state_dict()})
    network.eval()
    features = _features(network, layer, batch.x.cpu())
    with torch.random.fork_rng(devices=[]):
        head = nn.Linear(features.shape[1], classes)
    for value in head.parameters():
        nn.init.zeros_(value)
    network.head = head
    reached = torch.autograd.grad(features.sum(), list(network.parameters()), allow_unused=True)
    for parameter, gradient in zip(network.parameters(), reached, strict=True):
        parameter.requires_grad_(gradient is not None or parameter is head.weight or parameter is head.bias)
    return network
