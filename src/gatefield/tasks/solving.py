"""Networks that are not trained by gradients but solved for, in one pass."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import torch

from ..core.errors import ArgumentError
from ..core.run_folder import RunFolder
from ..training.batches import Batches
from ..training.history import History
from ..training.objective import Objective
from ..training.recorders import recorders_for
from ..training.settings import Training
from .task import Session


@runtime_checkable
class Solved(Protocol):
    """A network whose ``fit`` finds its weights from (inputs, targets) of batches, some held out."""

    def fit(self, windows: Iterable[Any], held_out: Collection[Any] = ()) -> float: ...


def require_no_training(training: Training) -> None:
    """Refuse settings of training that a network which is solved for would ignore.

    Raises:
        ArgumentError: names the first one.
    """
    given, plain = training.config(), Training().config()
    for key, value in given.items():
        if value != plain[key]:
            message = f"this network is solved for in one pass: '{key}' means nothing to it"
            raise ArgumentError(message, hint="leave training out", path=("training", key))


def solve_network(
    model: Any, objective: Objective, train: Batches, validation: Batches, session: Session, folder: RunFolder
) -> None:
    """Let ``model`` solve for its weights, and record its losses as those of one epoch."""
    device, began = session.device, time.monotonic()
    model.to(device)

    def moved(batches: Batches) -> Iterator[tuple[Any, Any]]:
        for batch in batches.epoch(0):
            inputs = batch.inputs if isinstance(batch.inputs, tuple) else (batch.inputs,)
            yield tuple(part.to(device) for part in inputs), batch.targets.to(device)  # type: ignore[union-attr]

    held_out = list(moved(validation))
    beta = model.fit(moved(train), held_out)
    model.eval()
    seconds, count = time.monotonic() - began, sum(train.sizes(0))
    record = {
        "epoch": 1,
        "train_loss": _loss(model, objective, moved(train)),
        "seconds": seconds,
        "samples_per_second": count / max(seconds, 1e-9),
        "validation_loss": _loss(model, objective, held_out),
        "beta": beta,
    }
    session.console.say(
        f"solved  loss {record['train_loss']:.4f}  validation loss {record['validation_loss']:.4f}  beta {beta:g}"
    )
    if session.processes.leads:
        for recorder in recorders_for(folder):
            recorder.update(History(records=[record]))
            recorder.close()


@torch.inference_mode()
def _loss(model: Any, objective: Objective, batches: Iterable[tuple[Any, Any]]) -> float:
    total = count = 0.0
    for inputs, targets in batches:
        total, count = total + len(targets) * float(objective.loss(model(*inputs), targets)), count + len(targets)
    return total / count
