"""The autoencoder as an estimator: the only place where arrays become tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError as SklearnNotFittedError

from isthmus import inference, registry, spec
from isthmus.architectures.architecture import Architecture
from isthmus.architectures.dense import Dense
from isthmus.assembly import built, feed_of, parts_of, refuse_missing_labels
from isthmus.codes.code import Code
from isthmus.codes.deterministic import Deterministic
from isthmus.composition import Composition
from isthmus.corruptions.corruption import Corruption
from isthmus.data.fitting import fit_transform
from isthmus.data.opening import open_source
from isthmus.data.subset import split_rows
from isthmus.data.targets import read_targets
from isthmus.data.units import event_scale, native
from isthmus.density import LARGEST_SAMPLE, CodeDensity
from isthmus.errors import DataError, IsthmusError, NonFiniteError, ParameterError, sentence
from isthmus.losses.loss import Loss
from isthmus.metrics.baselines import BaselineFitter, Baselines
from isthmus.metrics.evaluation import Evaluation
from isthmus.penalties.penalty import Penalty
from isthmus.seeds import drawn_seed, seed_of
from isthmus.training.feeding import Feed, block_rows
from isthmus.training.loop import Outcome, train
from isthmus.training.state import read_seed
from isthmus.training.training import Training
from isthmus.training.watching import Watcher
from isthmus.types import Batch, Context

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.source import Source
    from isthmus.data.transform import Transform


class NotFittedError(IsthmusError, SklearnNotFittedError):  # type: ignore[misc]
    """A method was called that needs a trained model."""

    code = "not-fitted"


class Autoencoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """An autoencoder composed of five parts, with scikit-learn's interface.

    Parameters
    ----------
    architecture : layers; None means ``Dense()``.
    code : a code part, or an int n for ``Deterministic(n)``.
    loss : a loss part or its name (``mse``, ``bce``, ``huber``, ``table``); ``auto`` takes ``table`` where columns
        are categorical and ``mse`` elsewhere.
    corruption : what is damaged on the way in, or None.
    penalties : what else is asked, a tuple of penalty parts.
    training : a :class:`isthmus.training.Training`; None means its defaults.
    scaling : ``auto`` (uint8 to [0, 1], frames standardised and encoded, float arrays as they are), ``none``,
        ``standard``, ``center``, ``minmax`` or ``unit``.
    random_state : int, numpy RandomState or None (fresh entropy). Same seed, machine and threads: same bits.

    Attributes
    ----------
    network_ : the trained :class:`isthmus.composition.Composition`. transform_ : the fitted scaling.
    schema_ : of the training data. event_ : a sample in model space. code_size_ : numbers per code.
    history_ : one dictionary an epoch, those of stages before the joint training first.
    baselines_ : mean and PCA of the training data.
    training_summary_ : epochs, seconds, precision, device, threads, seed. n_features_in_, classes_ (with y).

    Raises: ParameterError, DataError, SchemaError and NonFiniteError, each one sentence.
    """

    def __init__(
        self,
        architecture: Architecture | None = None,
        *,
        code: Code | int = 16,
        loss: Loss | str = "auto",
        corruption: Corruption | None = None,
        penalties: Sequence[Penalty] = (),
        training: Training | None = None,
        scaling: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.architecture = architecture
        self.code = code
        self.loss = loss
        self.corruption = corruption
        self.penalties = penalties
        self.training = training
        self.scaling = scaling
        self.random_state = random_state

    # ------------------------------------------------------------------ parameters

    def set_params(self, **params: Any) -> Self:
        """Set parameters, nested ones as ``part__field``; a part that is None or a name becomes its default first."""
        for name in params:
            head, nested, _ = name.partition("__")
            if nested and head in ("architecture", "training", "code", "loss") and head not in params:
                setattr(self, head, self.part(head))
        super().set_params(**params)
        return self

    def part(self, name: str) -> Any:
        """The part that a parameter stands for; a loss that is chosen by the data stays ``auto``."""
        value = getattr(self, name)
        if name == "architecture":
            return Dense() if value is None else value
        if name == "training":
            return Training() if value is None else value
        if name == "code":
            return Deterministic(int(value)) if isinstance(value, int | np.integer) else value
        if name == "loss" and isinstance(value, str) and value != "auto":
            return registry.named("losses", value)()
        return value

    def _choices(self) -> dict[str, Any]:
        """Copies of all parts, checked; every bad field is reported together."""
        wanted: dict[str, tuple[Any, ...]] = {
            "architecture": (Architecture,),
            "code": (Code,),
            "loss": (Loss,),
            "corruption": (Corruption, type(None)),
            "training": (Training,),
        }
        found = {name: self.part(name) for name in wanted}
        listed = isinstance(self.penalties, Sequence)
        found["penalties"] = tuple(self.penalties) if listed else (self.penalties,)
        problems = [
            sentence(f"{name} of Autoencoder", f"one of the {kinds[0].family} parts", found[name])
            for name, kinds in wanted.items()
            if not isinstance(found[name], kinds) and not (name == "loss" and found[name] == "auto")
        ]
        problems += [
            sentence("penalties of Autoencoder", "penalty parts", item)
            for item in found["penalties"]
            if not isinstance(item, Penalty)
        ]
        for value in (*found.values(), *found["penalties"]):
            problems += value.problems() if isinstance(value, spec.Spec) else []
        if problems:
            raise ParameterError(" ".join(problems))
        return {name: spec.clone(value) for name, value in found.items()}

    # ------------------------------------------------------------------ fitting

    def fit(
        self, X: Any, y: Any = None, *, X_val: Any = None, y_val: Any = None, watcher: Watcher | None = None
    ) -> Self:
        """Train on X, and forget what was trained before.

        Parameters
        ----------
        X : (n, features), (n, h, w) or (n, h, w, c) array or tensor; sparse matrix; frame; path; source.
        y : (n,) labels, read only by parts that ask for them. X_val, y_val : held-out data, watched and used for
            early stopping, never trained on. Labels that are floats are numbers, all others are classes; None and NaN
            mark rows without one. watcher : told of every step and epoch.

        Random: from ``random_state``. Raises NonFiniteError when the training diverges; the last good weights
        are kept then and the estimator is fitted with them.
        """
        choices = self._choices()
        training: Training = choices.pop("training")
        seed = self._seed(training)
        source = open_source(X)
        known = read_targets(source, y)
        labels = None if known is None else known.values
        self.__dict__.pop("classes_", None)
        if known is not None and known.classes is not None:
            self.classes_ = known.classes
        held_out = validation_labels = None
        if X_val is not None:
            held_out = open_source(X_val)
            validation_labels = None if known is None else known.of(held_out, y_val)
        elif training.validation_fraction:
            source, held_out = split_rows(source, training.validation_fraction, seed=seed)
            if labels is not None:
                labels, validation_labels = labels[source.index], labels[held_out.index]
        refuse_missing_labels(choices["penalties"], labels, held_out, validation_labels)
        transform = fit_transform(source, self.scaling)  # type: ignore[arg-type]
        parts = parts_of(choices, transform)
        feed = feed_of(source, transform, labels, training, seed)
        validation = (
            None if held_out is None else feed_of(held_out, transform, validation_labels, training, seed)
        )
        classes = 0 if known is None or known.classes is None else len(known.classes)
        network = built(parts, dataclasses.replace(transform.event, classes=classes), seed)
        try:
            outcome = train(
                network,
                feed,
                training,
                seed=seed,
                validation=validation,
                watcher=watcher,
            )
        except NonFiniteError as error:
            if isinstance(error.outcome, Outcome):
                self._finish(source, transform, network, error.outcome, feed, seed)
            raise
        self._finish(source, transform, network, outcome, feed, seed)
        return self

    def _seed(self, training: Training) -> int:
        if training.resume and self.random_state is None and training.checkpoint is not None:
            from pathlib import Path

            if Path(training.checkpoint).exists():
                return read_seed(Path(training.checkpoint))
        return seed_of(self.random_state, "random_state of Autoencoder")

    def _finish(
        self,
        source: Source,
        transform: Transform,
        network: Composition,
        outcome: Outcome,
        feed: Feed,
        seed: int,
    ) -> None:
        """Set the fitted attributes; baselines and the density of the codes take one pass over the data."""
        self.network_ = network
        self.transform_ = transform
        self.schema_ = source.schema
        self.event_ = network.event
        self.code_size_ = network.parts.code.size
        self.history_ = outcome.stages + outcome.history
        self.training_summary_ = {
            "epochs": outcome.epochs,
            "best_epoch": outcome.best_epoch,
            "seconds": outcome.seconds,
            "stopped": outcome.stopped,
            "rows": feed.n_rows,
            "data": source.name,
            "precision": outcome.precision,
            "device": outcome.device,
            "threads": outcome.threads,
            "seed": seed,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
        }
        self.n_features_in_ = int(np.prod(source.schema.shape))
        self.__dict__.pop("feature_names_in_", None)
        if source.schema.columns:
            self.feature_names_in_ = np.array(source.schema.names, dtype=object)
        fitter = BaselineFitter(transform.event.size, code_size=self.code_size_)
        sample: list[NDArray[np.float32]] = []
        # Every k-th row, so that sorted data give a density of all of them.
        every = -(-feed.n_rows // LARGEST_SAMPLE)
        seen = 0
        for batch in feed.in_order(block_rows(transform.event.size)):
            fitter.update(batch.x, batch.mask)
            sample.append(inference.encoded(self.network_, batch.x[(-seen) % every :: every]))
            seen += len(batch)
        self.baselines_: Baselines = fitter.finish(self.code_size_)
        self.density_ = CodeDensity.fit(np.concatenate(sample), seed=seed % 2**31)

    # ------------------------------------------------------------------ using

    def transform(self, X: Any) -> NDArray[np.float32]:
        """X -> codes (n, code_size) float32; deterministic: posterior means, evaluation mode."""
        codes = [inference.encoded(self.network_, batch.x) for batch in self.batches(X)]
        return np.concatenate(codes)

    def inverse_transform(self, Z: Any) -> Any:
        """Codes (n, code_size) -> reconstructions in data units, in the training data's form."""
        self._check_fitted()
        codes = np.array(Z, dtype=np.float32)  # a copy: torch wants to own what it decodes
        if codes.ndim != 2 or codes.shape[1] != self.code_size_:
            raise DataError(
                f"Z has shape {codes.shape}, this model's codes have {self.code_size_} numbers a row: pass what "
                f"transform gave."
            )
        if not np.isfinite(codes).all():
            raise DataError("Z holds NaN or infinity: pass codes that transform gave.")
        return native(self.transform_.inverse(inference.decoded(self.network_, codes)), self.schema_.native)

    def reconstruct(self, X: Any, *, steps: int = 1) -> Any:
        """X -> its reconstruction in data units, in the form that X came in.

        steps : with more than one, the reconstruction is reconstructed again, so many times in all: denoising in
        small steps, by the rule of the corruption that the model was trained with.
        """
        if steps < 1:
            raise ParameterError(sentence("steps of reconstruct", "at least 1", steps))
        source = self._opened(X)
        outputs = [
            inference.reconstructed(self.network_, batch.x, steps=steps) for batch in self.batches(source)
        ]
        return native(self.transform_.inverse(np.concatenate(outputs)), source.schema.native)

    def reconstruction_error(self, X: Any) -> NDArray[np.float64]:
        """(n,) mean squared error per sample over its known entries, in data units; NaN where nothing is known."""
        scale = event_scale_of(self)
        errors = []
        for batch in self.batches(X):
            squares = ((inference.reconstructed(self.network_, batch.x) - batch.x.cpu().numpy()) * scale) ** 2
            flat = squares.reshape(len(squares), -1)
            if batch.mask is None:
                errors.append(flat.mean(axis=1))
                continue
            known = batch.mask.cpu().numpy().reshape(flat.shape)
            count = known.sum(axis=1)
            total = np.where(known, flat, 0.0).sum(axis=1)
            errors.append(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0))
        return np.concatenate(errors)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """(n,) minus the reconstruction loss in nats, over known entries: higher is better."""
        scores = []
        for batch in self.batches(X):
            output = inference.evaluated(
                self.network_, lambda rows: self.network_.decode(self.network_.encode(rows).z), batch.x
            )
            with torch.inference_mode():
                scores.append(-self.network_.nll(output, batch.x, batch.mask).double().cpu().numpy())
        return np.concatenate(scores)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of :meth:`score_samples`."""
        return float(np.mean(self.score_samples(X)))

    def evaluate(self, X: Any) -> dict[str, Any]:
        """Reconstruction of X beside the mean predictor and PCA of the same code size, in model units.

        Returns the document of ``isthmus evaluate --json``.
        """
        return self.evaluation(X).to_json()

    def evaluation(self, X: Any) -> Evaluation:
        """The full measures behind :meth:`evaluate`: worst samples, errors per feature and per sample."""
        self._check_fitted()
        evaluation = Evaluation(self.baselines_)
        for batch in self.batches(X):
            evaluation.update(
                batch.x, inference.reconstructed(self.network_, batch.x), batch.mask, batch.rows
            )
        return evaluation

    def sample(self, n: int = 1, *, random_state: Any = None) -> Any:
        """n new samples in data units: codes from the code's prior, or from a density fitted to the codes.

        Random: from ``random_state`` (int, RandomState or None).
        """
        self._check_fitted()
        if n < 1:
            raise ParameterError(sentence("n of sample", "at least 1", n))
        seed = drawn_seed(random_state, "random_state of sample")
        device = inference.device_of(self.network_)
        context = Context(torch.Generator(device).manual_seed(seed))
        with torch.inference_mode():
            prior = self.network_.parts.code.sample_prior(n, context, self.network_.code_state)
        if prior is not None:
            return self.inverse_transform(prior.cpu().numpy())
        return self.inverse_transform(self.density_.sample(n, np.random.default_rng(seed)))

    def save(self, path: Any, *, overwrite: bool = False) -> None:
        """Write the model to a folder of JSON and safetensors. Raises OutputError when it cannot be written."""
        from isthmus.saving import save

        self._check_fitted()
        save(self, path, overwrite=overwrite)

    # ------------------------------------------------------------------ inside

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            raise NotFittedError("this Autoencoder is not fitted yet: call fit before using it.")

    def _opened(self, X: Any) -> Source:
        self._check_fitted()
        return open_source(X, columns=self.schema_.names or None) if isinstance(X, str) else open_source(X)

    def batches(self, X: Any) -> Iterator[Batch]:
        """X in model space, block by block, on the network's device."""
        self._check_fitted()
        source = self._opened(X)
        device = inference.device_of(self.network_)
        for rows in source.blocks(block_rows(self.event_.size)):
            x, mask = self.transform_.forward(rows)
            yield Batch(
                x.to(device),
                None if mask is None else mask.to(device),
                None,
                torch.from_numpy(np.asarray(rows.index)),
            )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """``autoencoder0``, ``autoencoder1`` ...: one name a number of the code."""
        self._check_fitted()
        return np.array([f"autoencoder{place}" for place in range(self.code_size_)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def event_scale_of(model: Autoencoder) -> NDArray[np.float64]:
    """(*event) data units per unit of model space of a fitted model."""
    model._check_fitted()
    return event_scale(model.transform_)
