"""The training loop."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.console import Console, silent
from ..core.console import Progress as Bar
from ..core.errors import ArgumentError, DataError
from .allocator import keep_freed_memory
from .batches import Batch, Batches
from .carried import rebuilt, tensors_in
from .checkpoint import Checkpoints
from .clipping import clip
from .distributed import Processes
from .forward import Forward
from .history import History, Record, describe
from .nan_watch import LossSum, explain, require_finite
from .objective import Objective
from .precision import compute_type, gradient_scaler
from .randomness import borrowed_generators, seed_update
from .recorders import Recorder
from .schedule import Progress
from .settings import Training
from .state import State
from .validation import validate


def fit(
    model: nn.Module,
    objective: Objective,
    settings: Training,
    batches: Batches,
    validation: Batches | None,
    checkpoints: Checkpoints,
    *,
    seed: int = 0,
    processes: Processes | None = None,
    fingerprint: int = 0,
    recorders: Sequence[Recorder] = (),
    console: Console | None = None,
    before_update: Callable[[Progress], None] = lambda progress: None,
) -> History:
    """Train ``model`` in place, from the last checkpoint on where there is one.

    In the end the weights are those of the best epoch by ``settings.monitor`` where there are validation data
    (catalogue 115), else those after the last update, and the model is in evaluation mode. A run that was killed and
    taken up again ends with the same bits as an unbroken one, given the same device and number of threads.

    Args:
        model: is moved to the device of ``processes``.
        objective: gives the loss.
        settings: how to train.
        batches: the training set.
        validation: held-out data, or None.
        checkpoints: where checkpoints are written; one that is there already is resumed.
        seed: of everything random inside the model; dropout, for example.
        processes: this process among those that train together, and its device.
        fingerprint: of the training data; a checkpoint with another one is refused.
        recorders: told of every epoch.
        console: shows progress; silent by default.
        before_update: told before every update how far training is; what it changes in the model must depend on that
            alone, or a resumed run differs from an unbroken one.

    Returns:
        What became of each epoch.

    Raises:
        ArgumentError: settings that need validation data, or another device.
        DivergenceError: a loss or weight is not finite; names the first module. The last good checkpoint stays.
        StorageError: a checkpoint cannot be written. The last good one stays.
        WeightsError, DataError, RunFolderError: the checkpoint is of another model, other data, or another optimizer.
        DataError: a set without samples.
    """
    processes = processes or Processes()
    console = console if console and processes.leads else silent()
    recorders = recorders if processes.leads else ()
    if processes.device.type == "cpu":
        keep_freed_memory()
    settings.require_validation(validation is not None)
    forward, state = _begin(model, objective, settings, processes, fingerprint)
    state.resume(checkpoints, processes)
    if processes.leads:
        checkpoints.sweep(state.history.best_epoch)
    processes.share_weights(model)
    run = _Run(forward, settings, state, batches, validation, checkpoints, seed, processes, before_update)
    history, unit = state.history, getattr(batches, "unit", "sample")
    samples = sum(batches.sizes(0))
    if not samples:
        raise DataError("the training set is empty", hint="look at the data, or hold out a smaller part of them")
    done = state.epoch * samples + sum(batches.sizes(state.epoch)[: state.batch])
    try:
        for recorder in recorders:
            recorder.update(history)
        with (
            borrowed_generators(processes.device),
            console.progress("training", settings.epochs * samples, unit, done) as bar,
        ):
            while state.epoch < settings.epochs and not history.exhausted(settings.patience):
                run.train_epoch(bar)
                run.finish_epoch()
                console.say(describe(history.records[-1], settings.epochs, unit))
                for recorder in recorders:
                    recorder.update(history)
    finally:
        for recorder in recorders:
            recorder.close()
    state.take_best(checkpoints, processes)
    state.optimizer.zero_grad()
    model.eval()
    return history


@dataclass
class _Run:
    """What the loop works with."""

    forward: Forward
    settings: Training
    state: State
    batches: Batches
    validation: Batches | None
    checkpoints: Checkpoints
    seed: int
    processes: Processes
    before_update: Callable[[Progress], None]

    def train_epoch(self, bar: Bar) -> None:
        """The rest of the running epoch: one update for each group of mini-batches."""
        state, settings, epoch = self.state, self.settings, self.state.epoch
        sizes, losses = self.batches.sizes(epoch), LossSum(self.forward.device, state.loss_sum)
        validation_losses = state.history.validation_losses
        stream = self.batches.epoch(epoch, start=state.batch)
        saved = time.monotonic()
        began = saved - state.seconds
        state.model.train()
        self.forward.carries = getattr(self.batches, "carries", False)
        if state.carried:
            self._take_up_carried()
        # the processes' states together are not in one process's checkpoint: such a run goes on from its last epoch
        may_save = self.processes.leads and not (self.forward.carries and self.processes.count > 1)
        for group in groups(len(sizes), settings.accumulate, state.batch):
            progress = Progress(epoch + group.start / len(sizes), settings.epochs, validation_losses)
            rate = settings.optimizer.learning_rate * settings.schedule.factor(progress)
            samples = sum(sizes[group.start : group.stop])
            self.before_update(progress)
            self.update(group, stream, samples, rate, losses)
            bar.advance(samples, f"epoch {epoch + 1}/{settings.epochs}")
            now = time.monotonic()
            state.batch, state.seconds = group.stop, now - began
            if now - saved >= settings.checkpoint_seconds and group.stop < len(sizes) and may_save:
                state.loss_sum, saved = losses.value, now
                require_finite(state.model, f"in epoch {epoch + 1}, after mini-batch {group.stop}")
                state.carried = list(tensors_in(self.forward.carried))
                state.save(self.checkpoints)
        state.loss_sum, self.forward.carried, state.carried = losses.value, None, []

    def update(self, group: range, stream: Iterator[Batch], samples: int, rate: float, losses: LossSum) -> None:
        """One update, from the gradients of the mini-batches ``group``, weighted by their sizes."""
        state, scaler, processes = self.state, self.state.scaler, self.processes
        carried = self.forward.carried
        seed_update(self.seed, state.epoch, group.start, processes.rank, self.forward.device)
        state.optimizer.zero_grad(set_to_none=True)
        loss_of_update: float | Tensor = 0.0
        for batch in itertools.islice(stream, len(group)):
            weight = batch.size * batch.share / samples
            loss, _, _ = self.forward(batch)
            scaler.scale(loss * weight).backward()
            loss_of_update = loss_of_update + loss.detach() * weight
        if not losses.add(processes.sum(torch.as_tensor(loss_of_update)), samples):
            self.forward.carried = carried
            raise self.divergence(group)
        processes.sum_gradients(state.model)
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = rate
        scaler.unscale_(state.optimizer)
        clip(state.model, self.settings)
        scaler.step(state.optimizer)
        scaler.update()

    def _take_up_carried(self) -> None:
        """Put the tensors of a checkpoint into the places that they have in a state of this model."""
        state = self.state
        like = dataclasses.replace(self.forward, carried=None)
        with torch.no_grad():
            state.model.eval()
            like(next(self.batches.epoch(state.epoch, start=state.batch)))
            state.model.train()
        self.forward.carried = rebuilt(like.carried, state.carried)

    def divergence(self, group: range) -> Exception:
        """The error for a loss of ``group`` that is not finite: its mini-batches again, with the same randomness."""
        epoch, device = self.state.epoch, self.forward.device
        seed_update(self.seed, epoch, group.start, self.processes.rank, device)
        again = (batch for _, batch in zip(group, self.batches.epoch(epoch, start=group.start)))
        return explain(self.forward, again, f"in epoch {epoch + 1}, mini-batch {group.start + 1}")

    def finish_epoch(self) -> None:
        """Validate and record the epoch, and write checkpoints: first the best, then the ``last`` that names it."""
        state, samples = self.state, sum(self.batches.sizes(self.state.epoch))
        require_finite(state.model, f"after epoch {state.epoch + 1}")
        record: Record = {
            "epoch": state.epoch + 1,
            "train_loss": state.loss_sum / samples,
            "learning_rate": state.optimizer.param_groups[0]["lr"],
            "seconds": state.seconds,
            "samples_per_second": samples / max(state.seconds, 1e-9),
        }
        if self.validation is not None:
            self.processes.share_weights(state.model, buffers_only=True)
            record |= self.validate(self.validation)
        state.history.records.append(record)
        state.epoch, state.batch, state.loss_sum, state.seconds = state.epoch + 1, 0, 0.0, 0.0
        if self.processes.leads:
            if state.history.improved:
                state.save_best(self.checkpoints)
            state.save(self.checkpoints)
            self.checkpoints.sweep(state.history.best_epoch)

    def validate(self, validation: Batches) -> Record:
        """Loss and, where answers are right or wrong, accuracy on the held-out data."""
        self.state.model.eval()
        scores = validate(self.forward, validation, self.processes)
        if not math.isfinite(scores.loss):
            place = f"in the validation after epoch {self.state.epoch + 1}"
            raise explain(dataclasses.replace(self.forward, carried=None), validation.epoch(0), place)
        if scores.accuracy is not None:
            return {"validation_loss": scores.loss, "validation_accuracy": scores.accuracy}
        if self.settings.monitor == "accuracy":
            message = f"the objective '{self.forward.objective.name}' has no accuracy to choose the best epoch by"
            raise ArgumentError(message, hint="set training.monitor to loss", path=("monitor",))
        return {"validation_loss": scores.loss}


def _begin(
    model: nn.Module, objective: Objective, settings: Training, processes: Processes, fingerprint: int
) -> tuple[Forward, State]:
    """The model on its device and in its layout, and training at its start."""
    device = processes.device
    precision = compute_type(settings.precision, device)
    layout = torch.channels_last if settings.channels_last else torch.contiguous_format
    model.to(device=device, memory_format=layout)  # pyright: ignore[reportCallIssue]
    optimizer = settings.optimizer.build(model)  # after the move: it looks at the device
    state = State(model, optimizer, gradient_scaler(precision, device), fingerprint, history=History(settings.monitor))
    return Forward(model, objective, device, precision, layout), state


def groups(count: int, accumulate: int | Literal["epoch"], start: int = 0) -> Iterator[range]:
    """The mini-batches of each update, from number ``start`` on; the last group of an epoch may be shorter."""
    size = count if accumulate == "epoch" else accumulate
    for first in range(start, count, size):
        yield range(first, min(first + size, count))
