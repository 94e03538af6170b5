"""Who is told what became of each epoch: files for programs, TensorBoard for people."""

from __future__ import annotations

import pathlib
from typing import Protocol

from ..core.extras import installed, require
from ..core.run_folder import RunFolder
from .history import History


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
                if key != "epoch":
                    self._writer.add_scalar(key, value, record["epoch"])
        self._writer.flush()
        self._written = len(history.records)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def recorders_for(folder: RunFolder) -> list[Recorder]:
    """The recorders of a run folder: metrics.jsonl, and TensorBoard where it is installed."""
    recorders: list[Recorder] = [MetricsLog(folder)]
    if installed("tensorboard"):
        recorders.append(TensorBoard(folder.path / "tensorboard"))
    return recorders
