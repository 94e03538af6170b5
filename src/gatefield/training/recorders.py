"""Who is told what became of each epoch: files for programs, TensorBoard for people."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any, Protocol

from torch import nn

from ..core.extras import installed, require
from ..core.files import storage_errors
from ..core.run_folder import RunFolder
from .history import History
from .weights import state_tensors, write_tensors


class Recorder(Protocol):
    """Told of the history at the start of training and after each epoch; on a resumed run it starts with what was."""

    def update(self, history: History) -> None:
        """``history`` has grown, or training begins."""
        ...

    def close(self) -> None:
        """Training has ended, well or not."""
        ...


class MetricsLog:
    """metrics.jsonl of a run folder: the whole history, rewritten at once, so that it never runs ahead or doubles."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def update(self, history: History) -> None:
        self.folder.write_metrics(history.records)

    def close(self) -> None:
        pass


class TensorBoard:
    """Event files for TensorBoard in ``folder``.

    Raises:
        MissingExtra: tensorboard is not installed.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        require("tensorboard", extra="logs", purpose="writing TensorBoard events")
        self.folder, self._writer, self._written = folder, None, 0

    def update(self, history: History) -> None:
        if self._writer is None:
            from torch.utils.tensorboard.writer import SummaryWriter

            self._written = len(history.records)
            self._writer = SummaryWriter(str(self.folder), purge_step=self._written + 1)
        for record in history.records[self._written :]:
            for key, value in record.items():
                if isinstance(value, (int, float)) and key != "epoch":
                    self._writer.add_scalar(key, value, record["epoch"])
        self._writer.flush()
        self._written = len(history.records)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class Measured:
    """Notes in the record of every epoch, under ``key``, what ``measure`` finds in the network as it is then.

    It stands before the recorders that write the record down. Where training is taken up after its last epoch was
    finished and before that was measured, it measures then; so, if ``measure`` depends on the weights alone, the
    records of a resumed run are those of an unbroken one.
    """

    def __init__(self, key: str, measure: Callable[[], Any]) -> None:
        self.key, self.measure = key, measure

    def update(self, history: History) -> None:
        if history.records and self.key not in history.records[-1]:
            history.records[-1][self.key] = self.measure()

    def close(self) -> None:
        pass


class WeightsLog:
    """The weights before the first epoch and after each, ``epoch-0003.safetensors`` and so on in ``folder``.

    Raises:
        StorageError: the disk is full, read-only or gone.
    """

    def __init__(self, model: nn.Module, folder: pathlib.Path) -> None:
        self.model, self.folder = model, folder

    def update(self, history: History) -> None:
        path = self.folder / f"epoch-{len(history.records):04d}.safetensors"
        if not path.exists():  # a resumed run may stand in the middle of the next epoch
            with storage_errors(self.folder):
                self.folder.mkdir(exist_ok=True)
            write_tensors(path, state_tensors(self.model), {"format": "pt"})

    def close(self) -> None:
        pass


def recorders_for(folder: RunFolder) -> list[Recorder]:
    """The recorders of a run folder: metrics.jsonl, and TensorBoard where it is installed."""
    recorders: list[Recorder] = [MetricsLog(folder)]
    if installed("tensorboard"):
        recorders.append(TensorBoard(folder.path / "tensorboard"))
    return recorders
