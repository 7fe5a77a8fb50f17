"""The training loop."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from isthmus import registry
from isthmus.composition import BetweenSteps
from isthmus.errors import NonFiniteError, ParameterError
from isthmus.objective import Objective
from isthmus.training import guard, subnormals
from isthmus.training.averaging import WeightAverage, copied, started
from isthmus.training.devices import Devices, local_processes, resolve_device
from isthmus.training.initial.pretraining import Pretrainer, Pretraining, Records
from isthmus.training.interrupts import interruptible
from isthmus.training.precision import choose
from isthmus.training.state import Position, Tensors, load_state, save_state
from isthmus.training.steps import AutogradStep, acting, fastest
from isthmus.training.sums import FOLD_STEPS, TermSums
from isthmus.training.threads import share, suited, threads
from isthmus.training.watching import Plan, Silent, Watcher
from isthmus.types import Context

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.training.feeding import Feed
    from isthmus.training.training import Training
    from isthmus.types import Batch

#: Rows that initial weights may look at.
INITIAL_ROWS = 2048


@dataclass(frozen=True)
class Outcome:
    """What a training came to. ``stopped`` is ``max_epochs`` or ``patience``; seconds are of training only.

    history : a line an epoch. stages : the lines of stages that came before, each with its ``stage``.
    """

    history: list[dict[str, Any]]
    stages: list[dict[str, Any]]
    epochs: int
    best_epoch: int
    seconds: float
    stopped: str
    device: str
    precision: str
    threads: int


def train(
    network: Composition,
    feed: Feed,
    training: Training,
    *,
    seed: int,
    validation: Feed | None = None,
    watcher: Watcher | None = None,
    objective: Callable[[Composition], nn.Module] = Objective,
    stage: str = "",
) -> Outcome:
    """Train ``network`` in place on ``feed``.

    objective : makes of the network what is minimised: a module that maps a batch and a context to terms, each
    (batch,). stage : the name of this training where it is one of several.

    Random: the order of rows, initial weights, noise and dropout, all from ``seed``; torch's global generator
    is left as it was found. Raises NonFiniteError (the last good weights are then in ``network``),
    CheckpointError, ParameterError, and KeyboardInterrupt after saving a checkpoint where one is kept.
    """
    if training.patience is not None and validation is None:
        raise ParameterError(
            "patience of Training needs a validation loss: pass X_val to fit or set validation_fraction."
        )
    device = resolve_device(training.device)
    precision: str = training.precision
    if precision == "auto":
        precision = choose(network, batch_size=feed.batch_size, device=device)
    count = training.threads or suited(
        network, batch_size=feed.batch_size, available=share(local_processes())
    )
    accelerators = range(torch.cuda.device_count()) if device.startswith("cuda") else []
    with threads(count), torch.random.fork_rng(devices=accelerators), interruptible() as interrupted:
        trainer = _Trainer(
            network, feed, training, Devices(device, precision), seed, validation, watcher, interrupted
        )
        trainer.objective, trainer.stage = objective(network), stage
        trainer.prepare(count)
        return trainer.run(count)


class _Trainer:
    """One training: the loop's state and its steps."""

    def __init__(
        self,
        network: Composition,
        feed: Feed,
        training: Training,
        devices: Devices,
        seed: int,
        validation: Feed | None,
        watcher: Watcher | None,
        interrupted: Callable[[], bool],
    ) -> None:
        self.network = network
        self.feed = feed
        self.training = training
        self.devices = devices
        self.seed = seed
        self.validation = validation
        self.watcher = watcher if watcher is not None and devices.rank == 0 else Silent()
        self.interrupted = interrupted
        self.objective: nn.Module = Objective(network)
        self.stage = ""
        self.position = Position()
        self.sums = TermSums()
        self.checkpoint = None if training.checkpoint is None else Path(training.checkpoint)
        self.saved_at = time.monotonic()

    def prepare(self, thread_count: int) -> None:
        """Initial weights, optimiser, device, and the state of an earlier run where one is resumed."""
        training, devices = self.training, self.devices
        _refuse_single_rows(self.network, self.feed)
        torch.manual_seed(self.seed)
        resumed = training.resume and self.checkpoint is not None and self.checkpoint.exists()
        self._initialize(resumed=resumed)
        for data in (self.feed, self.validation):
            if data is not None:
                data.to(devices.device)
        self.wrapped = devices.wrap(self.objective)
        self.make_gradients = (
            fastest(self.network, self.wrapped, devices)
            if type(self.objective) is Objective
            else AutogradStep(self.wrapped, devices)
        )
        self.acting = acting(self.network)
        optimizer = resolved(training.optimizer, "training.optimizers")
        self.schedule = resolved(training.schedule, "training.schedules")
        rate = training.learning_rate or optimizer.peak_learning_rate
        named = [(name, value) for name, value in self.network.named_parameters() if value.requires_grad]
        trained = self.make_gradients.trained(named, elementwise=optimizer.elementwise)
        self.parameters = [parameter for _, parameter in trained]
        self.optimizer: torch.optim.Optimizer = optimizer.build(trained, learning_rate=rate)
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.noise = torch.Generator(devices.device).manual_seed(self.seed)
        self.tensors = Tensors(self.network, self.optimizer, self.noise, {}, {}, {})
        self.fingerprint = self._fingerprint(rate)
        if resumed and self.checkpoint is not None:
            self.position = load_state(self.checkpoint, self.tensors, fingerprint=self.fingerprint)
            self.sums.restore(self.tensors.terms)
        elif training.averaging:
            self.tensors.average.update(started(self.network))
        self.average = WeightAverage(self.network, self.tensors.average, training.averaging)
        self.snapshot = copied(self.network)
        self.watcher.started(
            Plan(
                rows=self.feed.n_rows,
                steps=self.feed.steps,
                epochs=training.max_epochs,
                parameters=sum(parameter.numel() for parameter in self.parameters),
                device=str(devices.device),
                precision=devices.precision,
                threads=thread_count,
                start_epoch=self.position.epoch,
                start_step=self.position.step,
                stage=self.stage,
            )
        )
        if not resumed:
            self._save()

    def _initialize(self, *, resumed: bool) -> None:
        """Initial weights; a pretraining is not repeated where its result comes from a checkpoint anyway."""
        initial = resolved(self.training.initial_weights, "training.initial")
        if isinstance(initial, Pretraining):
            if not resumed:
                self.position.stages = initial.pretrain(self.network, self.feed, self._pretrainer())
                torch.manual_seed(self.seed)
            return
        batch = self.feed.sample(INITIAL_ROWS) if initial.needs_data else None
        initial(self.network, batch=batch, generator=torch.Generator().manual_seed(self.seed))

    def _pretrainer(self) -> Pretrainer:
        def stage(network: Composition, feed: Feed, training: Training, name: str, **more: Any) -> Records:
            outcome = train(network, feed, training, seed=self.seed, watcher=self.watcher, stage=name, **more)
            return [{"stage": name} | record for record in outcome.history]

        return Pretrainer(self.training, self.seed, self.watcher, stage)

    def run(self, thread_count: int) -> Outcome:
        """All epochs that remain."""
        position, training = self.position, self.training
        try:
            while position.epoch < training.max_epochs and not position.stopped:
                self._epoch()
        except NonFiniteError as error:
            if position.history:
                self.network.eval()
                error.outcome = self._outcome("non-finite", thread_count)
            raise
        finally:
            self.watcher.finished()
        if training.patience is not None and self.tensors.best:
            self.network.load_state_dict(self.tensors.best)
        elif self.tensors.average:
            self.average.write()
        self.network.eval()
        self.devices.barrier()
        return self._outcome("patience" if position.stopped else "max_epochs", thread_count)

    def _outcome(self, stopped: str, thread_count: int) -> Outcome:
        history = self.position.history
        return Outcome(
            history=history,
            stages=self.position.stages,
            epochs=len(history),
            best_epoch=self.position.best_epoch if self.training.patience is not None else len(history),
            seconds=self.position.seconds + sum(record["seconds"] for record in self.position.stages),
            stopped=stopped,
            device=str(self.devices.device),
            precision=self.devices.precision,
            threads=thread_count,
        )

    def _epoch(self) -> None:
        """The rest of the running epoch, its line of the history, and a checkpoint when one is due."""
        position, steps = self.position, self.feed.steps
        planned = steps * self.training.max_epochs
        self.wrapped.train()
        context = Context(generator=self.noise)
        if position.step == 0:
            # Dropout's numbers: a function of seed, epoch and process, so any process can begin any epoch.
            seeds = np.random.SeedSequence([self.seed, position.epoch, self.devices.rank])
            torch.manual_seed(int(seeds.generate_state(1)[0]))
        started = time.perf_counter()
        for batch in self.feed.epoch(position.epoch, skip=position.step):
            context.progress = (position.epoch * steps + position.step) / planned
            self._step(batch, context)
            position.step += 1
            self.watcher.stepped(position.epoch + 1, position.step)
            if position.step % FOLD_STEPS == 0:
                self.sums.fold()
            if self._is_due() or self.interrupted():
                position.epoch_seconds += time.perf_counter() - started
                if self.devices.count == 1:  # otherwise each process has its own part of the epoch's sums
                    self._save()
                started = time.perf_counter()
                if self.interrupted():
                    raise KeyboardInterrupt
        position.epoch_seconds += time.perf_counter() - started
        self._close_epoch()

    def _step(self, batch: Batch, context: Context) -> None:
        rows = len(batch)
        context.shard = None
        if self.devices.count > 1:
            first, count = self.devices.shard(rows)
            context.shard = (first, count, rows)
            batch = _narrowed(batch, first, count)
        factor = self.schedule.factor(context.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        terms, loss = self.make_gradients.forward(batch, context, rows)
        if not guard.is_finite(loss, self.position.step):
            self._stop_non_finite(batch, context)
        self.make_gradients.backward(loss)
        if self.training.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.training.gradient_clip)
        self.optimizer.step()
        done = self.position.epoch * self.feed.steps + self.position.step
        subnormals.flush(self.optimizer, done + 1)
        for part, state in self.acting:
            part.between_steps(BetweenSteps(self.network, self.optimizer, context, done + 1), state)
        if self.tensors.average:
            self.average.update(done)
        self.sums.add(terms)

    def _stop_non_finite(self, batch: Batch, context: Context) -> None:
        """Restore the last good weights and raise the error that says where it happened."""
        position = self.position
        kept = (
            f"the weights after epoch {position.epoch} were kept"
            if position.epoch
            else "no epoch was finished"
        )
        error: NonFiniteError = guard.explain(
            self.objective, batch, context, epoch=position.epoch, step=position.step, saved=kept
        )
        self.network.load_state_dict(self.snapshot)
        raise error

    def _close_epoch(self) -> None:
        position = self.position
        means = {
            name: self.devices.total(value) / self.feed.n_rows for name, value in self.sums.fold().items()
        }
        record: dict[str, Any] = {
            "epoch": position.epoch + 1,
            "seconds": position.epoch_seconds,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "loss": sum(means.values()),
        } | means
        with self._as_returned():
            if self.validation is not None:
                record |= {
                    f"validation_{name}": value for name, value in self._validate(self.validation).items()
                }
            if not all(math.isfinite(value) for value in record.values()):
                self._refuse_epoch(record)
            self.snapshot = copied(self.network)
            self._judge(record)
            position.history.append(record)
            self.watcher.epoch_ended(record, self.network)
        position.seconds += position.epoch_seconds
        position.epoch_seconds = 0.0
        position.epoch, position.step = position.epoch + 1, 0
        self.sums.clear()
        finished = position.stopped or position.epoch == self.training.max_epochs
        if finished or self._is_due():
            self._save()

    def _refuse_epoch(self, record: dict[str, Any]) -> None:
        name = next(name for name, value in record.items() if not math.isfinite(value))
        self.network.load_state_dict(self.snapshot)
        raise NonFiniteError(
            f"term {name!r} became NaN or infinite by the end of epoch {self.position.epoch + 1}: the weights before "
            f"that epoch were kept; try a learning rate ten times lower or gradient_clip=1.0."
        )

    def _judge(self, record: dict[str, Any]) -> None:
        """Early stopping: note the best weights, count the epochs without a better one."""
        if self.training.patience is None:
            return
        position = self.position
        if record["validation_loss"] < position.best_loss:
            position.best_loss, position.best_epoch, position.waited = (
                record["validation_loss"],
                record["epoch"],
                0,
            )
            self.tensors.best = dict(self.snapshot)
        else:
            position.waited += 1
            position.stopped = position.waited >= self.training.patience

    @torch.no_grad()
    def _validate(self, feed: Feed) -> dict[str, float]:
        sums: dict[str, Tensor] = {}
        for batch in feed.in_order(max(feed.batch_size, 1024)):
            with self.devices.autocast():
                terms = self.objective(batch, Context(generator=None))
            for name, value in terms.items():
                sums[name] = sums.get(name, value.new_zeros((), dtype=torch.float64)) + value.sum(
                    dtype=torch.float64
                )
        means = {name: float(value) / feed.n_rows for name, value in sums.items()}
        return {"loss": sum(means.values())} | means

    @contextmanager
    def _as_returned(self) -> Iterator[None]:
        """The network in evaluation mode, with averaged weights where they are kept."""
        self.network.eval()
        with self.average.written():
            yield
        self.network.train()

    def _is_due(self) -> bool:
        due = self.checkpoint is not None
        return due and time.monotonic() - self.saved_at >= self.training.checkpoint_seconds

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        self.tensors.terms = self.sums.tensors()
        if self.devices.rank == 0:
            save_state(
                self.checkpoint, self.position, self.tensors, seed=self.seed, fingerprint=self.fingerprint
            )
        self.saved_at = time.monotonic()

    def _fingerprint(self, rate: float) -> str:
        """A hash of all that decides what the training computes."""
        plan = self.training.to_json()
        for name in ("checkpoint", "checkpoint_seconds", "resume", "threads", "device"):
            plan.pop(name)
        parts = {
            name: [item.to_json() for item in value]
            if isinstance(value, tuple)
            else value and value.to_json()
            for name, value in vars(self.network.parts).items()
        }
        # The kind of feed too: each has its own order of rows.
        data = [type(self.feed).__name__, self.feed.digest()] if self.checkpoint is not None else []
        document = [plan, parts, rate, self.seed, self.feed.n_rows, list(self.network.event.shape), data]
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def resolved(choice: Any, folder: str) -> Any:
    """The part itself, or the one of that name with its defaults."""
    return registry.named(folder, choice)() if isinstance(choice, str) else choice


def _refuse_single_rows(network: nn.Module, feed: Feed) -> None:
    """Batch normalisation has no variance of one row; say so before the last batch of an epoch does."""
    last = feed.n_rows - (feed.steps - 1) * feed.batch_size
    if last == 1 and any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules()):
        raise ParameterError(
            f"batch normalisation needs two rows a batch, but {feed.n_rows} rows in batches of {feed.batch_size} leave "
            f"a last batch of one: change batch_size or use normalization='layer'."
        )


def _narrowed(batch: Batch, first: int, count: int) -> Batch:
    return type(batch)(
        *(None if value is None else value[first : first + count] for value in vars(batch).values())  # type: ignore[arg-type]
    )
