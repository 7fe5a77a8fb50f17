"""``isthmus fit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from isthmus.cli import messages
from isthmus.cli.options import Drop, Json, Overwrite, Quiet
from isthmus.errors import IsthmusError, NonFiniteError

if TYPE_CHECKING:
    from isthmus.cli.choices import Choices
    from isthmus.data.source import Source
    from isthmus.estimator import Autoencoder

CHECKPOINT_SECONDS = 30.0


def fit(
    data: str,
    /,
    *,
    out: Path,
    recipe: str | None = None,
    code_size: int | None = None,
    hidden: str | None = None,
    loss: str | None = None,
    epochs: int | None = None,
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    config: Path | None = None,
    seed: int | None = None,
    validation: str | None = None,
    target: str | None = None,
    drop: Drop = (),
    resume: bool = False,
    checkpoint_every: float | None = None,
    device: str | None = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train an autoencoder, compare it with the mean and PCA, save it.

    Parameters
    ----------
    data : what to train on: a file, a folder or a built-in name such as digits.
    out : folder for the model. While training, MODEL.checkpoint lies beside it.
    recipe : a named composition to begin with, dense by default; `isthmus recipes` lists them.
    code_size : numbers of the code.
    hidden : nodes of each hidden layer, such as 512,256.
    loss : mse, bce, huber, table or auto.
    epochs : passes over the data.
    settings : any field of any part, as often as needed: training.learning_rate=1e-3, training.optimizer=muon,
        corruption='GaussianNoise(0.3)', penalties='(L1(0.01),)'.
    config : a TOML file with the same names; the command line wins.
    seed : of all randomness, 0 by default; same seed, machine and threads, same bits.
    validation : held-out data, watched while training and never trained on.
    target : column that holds labels, not data.
    drop : column to leave out, such as an identifier, as often as needed.
    resume : go on from MODEL.checkpoint, to the bits of an uninterrupted training.
    checkpoint_every : seconds between two checkpoints, 30 by default.
    device : auto, cpu, cuda, mps ...
    overwrite : replace an existing model.
    quiet : show no progress.
    json : print one JSON document instead of tables.
    """
    from isthmus.cli.choices import Choices, with_file

    choices = Choices(
        recipe=recipe,
        code_size=code_size,
        hidden=hidden,
        loss=loss,
        epochs=epochs,
        seed=seed,
        device=device,
        validation=validation,
        target=target,
        drop=drop or None,
        checkpoint_every=checkpoint_every,
        settings=settings,
    )
    choices = choices if config is None else with_file(choices, config)
    run = _Run(choices, out, resume=resume, overwrite=overwrite)
    run.prepare(data)
    run.train(quiet=quiet)
    if messages.speaks():
        run.report(json=json)


class _Run:
    """One ``fit`` from its options to what it prints."""

    def __init__(self, choices: Choices, out: Path, *, resume: bool, overwrite: bool) -> None:
        self.choices = choices
        self.out = out.expanduser()
        self.checkpoint = self.out.absolute().with_name(f"{self.out.absolute().name}.checkpoint")
        self.resume = resume
        self.overwrite = overwrite

    def prepare(self, data: str) -> None:
        """Everything that can be refused before the first step is refused here."""
        from isthmus.cli.outputs import check_model_output
        from isthmus.cli.settings import compose
        from isthmus.data.opening import open_source

        # A checkpoint beside a model is that of a training which was allowed to replace it.
        self.overwrite = self.overwrite or (self.resume and self.checkpoint.exists())
        if messages.speaks():
            check_model_output(self.out, overwrite=self.overwrite)
            self._look_for_checkpoint()
        self.model: Autoencoder = compose(self.choices)
        self.model.training = training = self.model.part("training")
        training.checkpoint, training.resume = str(self.checkpoint), self.resume
        every = self.choices.checkpoint_every
        training.checkpoint_seconds = CHECKPOINT_SECONDS if every is None else every
        training.validate()
        self.source: Source = open_source(data, target=self.choices.target, drop=self.choices.drop or ())
        self.validation: Source | None = None
        if self.choices.validation is not None:
            names = self.source.schema.names or None
            self.validation = open_source(self.choices.validation, target=self.choices.target, columns=names)

    def _look_for_checkpoint(self) -> None:
        if self.resume and not self.checkpoint.exists():
            messages.note(
                f"there is no checkpoint {self.checkpoint.name} to resume, so training starts at the beginning."
            )
        if not self.resume and self.checkpoint.exists():
            messages.note(
                f"{self.checkpoint.name} of an interrupted training is replaced; --resume would have gone on with it."
            )

    def train(self, *, quiet: bool) -> None:
        """Train and save; what was reached is kept whatever happens."""
        from isthmus.cli.interruption import Interrupted
        from isthmus.cli.progress import watcher

        try:
            self.model.fit(self.source, X_val=self.validation, watcher=watcher(quiet=quiet))
        except NonFiniteError as error:
            raise self._diverged(error) from error
        except KeyboardInterrupt as error:
            raise Interrupted(self._way_on("interrupted")) from error
        self._save()

    def _save(self) -> None:
        training: Any = self.model.training
        training.checkpoint, training.resume = None, False
        training.checkpoint_seconds = type(training)().checkpoint_seconds
        if not messages.speaks():
            return
        try:
            self.model.save(self.out, overwrite=self.overwrite)
        except IsthmusError as error:
            raise type(error)(
                f"{str(error).rstrip('.')}; {self._way_on('the training is not lost')}"
            ) from error
        self.checkpoint.unlink(missing_ok=True)

    def _way_on(self, what: str) -> str:
        if self.checkpoint.exists():
            return (
                f"{what}, and {self.checkpoint} is kept: the same command with --resume goes on from there."
            )
        return f"{what} before the first step, so nothing was kept."

    def _diverged(self, error: NonFiniteError) -> NonFiniteError:
        """The error, with what became of the weights; a checkpoint would only lead to the same place again."""
        if error.outcome is None:
            if messages.speaks():
                self.checkpoint.unlink(missing_ok=True)
            return error
        self._save()
        return NonFiniteError(f"{error} The model of the last good epoch is in {self.out}.")

    def report(self, *, json: bool) -> None:
        """Measure the model on its own data and on the held-out ones, and print."""
        from isthmus.cli.comparison import table, words
        from isthmus.data.subset import split_rows

        summary: dict[str, Any] = self.model.training_summary_
        rows, held_out = self.source, self.validation
        fraction = self.model.part("training").validation_fraction
        if fraction and held_out is None:
            rows, held_out = split_rows(self.source, fraction, seed=summary["seed"])
        document: dict[str, Any] = {"training": self.model.evaluate(rows), "validation": None}
        if held_out is not None:
            document["validation"] = self.model.evaluate(held_out)
        document |= {
            "model": str(self.out),
            "epochs": summary["epochs"],
            "seconds": summary["seconds"],
            "terms": _terms(self.model.history_, summary["best_epoch"]),
        }
        if json:
            messages.show_json(document)
            return
        shown = {name: document[name] for name in ("training", "validation") if document[name] is not None}
        messages.show(table(shown))
        messages.show("")
        messages.show(words(training=document["training"], held_out=document["validation"]))
        stopped = " (stopped early)" if summary["stopped"] == "patience" else ""
        messages.show(
            f"{messages.counted(summary['epochs'], 'epoch')}{stopped} in {summary['seconds']:.1f} s; "
            f"the model is in {self.out}."
        )


def _terms(history: list[dict[str, Any]], epoch: int) -> dict[str, float]:
    """The loss and its terms, nats per sample, of the epoch whose weights were kept."""
    from isthmus.training.stages import joint

    history = joint(history)
    if not history:
        return {}
    record = history[min(max(epoch, 1), len(history)) - 1]
    return {
        name: value for name, value in record.items() if name not in ("epoch", "seconds", "learning_rate")
    }
