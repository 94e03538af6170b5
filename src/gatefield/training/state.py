"""All that an interrupted run needs to go on as if nothing had happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import DataError, RunFolderError
from .checkpoint import Checkpoints, facts_of
from .distributed import Processes
from .history import History
from .optimizer_state import optimizer_tensors, restore_optimizer
from .weights import parse_tensors, plain_copy, read_content, restore_tensors, state_tensors

VERSION = 1


@dataclass
class State:
    """Where training stands. Random streams are no part of it: each update's is derived from seed and place.

    Attributes:
        model, optimizer, scaler: what learns; the scaler is that of float16.
        fingerprint: of the training data; a run goes on with the same data only.
        epoch: epochs done.
        batch: mini-batches done in the running epoch; always the end of an update.
        loss_sum: sum of the losses of their samples.
        seconds: time spent on the running epoch.
        history: the finished epochs.
        carried: in the middle of an epoch, the tensors of the state that a recurrent model hands to the next
            mini-batch; `carried.rebuilt` puts them in their places.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    fingerprint: int = 0
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    history: History = field(default_factory=History)
    carried: list[Tensor] = field(default_factory=list)

    def save(self, checkpoints: Checkpoints) -> None:
        """Write the ``last`` checkpoint.

        Raises:
            StorageError: the disk is full, read-only or gone; the checkpoint before is untouched.
        """
        model = {f"model/{name}": tensor for name, tensor in state_tensors(self.model).items()}
        memory = optimizer_tensors(self.optimizer, self.model)
        optimizer = {f"optimizer/{name}": tensor for name, tensor in memory.items()}
        facts = {
            "version": VERSION,
            "fingerprint": self.fingerprint,
            "optimizer": type(self.optimizer).__name__,
            "epoch": self.epoch,
            "batch": self.batch,
            "loss_sum": self.loss_sum,
            "seconds": self.seconds,
            "records": self.history.records,
            "scaler": self.scaler.state_dict(),
        }
        carried = {f"carried/{number}": plain_copy(tensor) for number, tensor in enumerate(self.carried)}
        checkpoints.write_last(model | optimizer | carried, facts)

    def save_best(self, checkpoints: Checkpoints) -> None:
        """Write the weights of the finished epoch as the best so far; before `save`, whose file names it.

        Raises:
            StorageError: the disk is full, read-only or gone.
        """
        checkpoints.write_best(state_tensors(self.model), self.epoch)

    def resume(self, checkpoints: Checkpoints, processes: Processes) -> bool:
        """Take up the ``last`` checkpoint, as the leader reads it; False where there is none.

        Raises:
            WeightsError: it is no checkpoint, or of another architecture.
            DataError: the training data have changed.
            RunFolderError: a checkpoint of another optimizer, or of another version of the format.
        """
        source = str(checkpoints.last)
        there = processes.leads and checkpoints.last.is_file()
        content = processes.share_bytes(read_content(checkpoints.last) if there else None)
        if content is None:
            return False
        tensors, metadata = parse_tensors(content, source)
        facts: dict[str, Any] = facts_of(metadata, source)
        if facts["version"] != VERSION:
            hint = "resume it with the version of gatefield that wrote it"
            raise RunFolderError(f"{source} has format {facts['version']}, and this program reads {VERSION}", hint=hint)
        if facts["fingerprint"] != self.fingerprint:
            hint = "restore the data as they were, or start a new run"
            raise DataError(f"the training data are not those that {source} was trained on", hint=hint)
        if facts["optimizer"] != type(self.optimizer).__name__:
            hint = "resume with the optimizer that the run began with"
            raise RunFolderError(f"{source} was written by {facts['optimizer']}, another optimizer", hint=hint)
        restore_tensors(self.model, _below(tensors, "model/"), source)
        restore_optimizer(self.optimizer, self.model, _below(tensors, "optimizer/"), source)
        self.scaler.load_state_dict(facts["scaler"])
        self.epoch, self.batch = facts["epoch"], facts["batch"]
        self.loss_sum, self.seconds = facts["loss_sum"], facts["seconds"]
        self.history.records[:] = facts["records"]
        carried = _below(tensors, "carried/")
        self.carried = [carried[str(number)] for number in range(len(carried))]
        return True

    def take_best(self, checkpoints: Checkpoints, processes: Processes) -> None:
        """Give the model the best weights so far, where validation data say which those are.

        Raises:
            WeightsError: their file is missing or damaged.
        """
        best = self.history.best_epoch
        if best is None:
            return
        path = checkpoints.best(best)
        content = processes.share_bytes(read_content(path) if processes.leads else None)
        tensors, _ = parse_tensors(content or b"", str(path))
        restore_tensors(self.model, tensors, str(path))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
