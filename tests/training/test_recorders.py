"""metrics.jsonl and TensorBoard hold each epoch once, also over interruptions."""

from __future__ import annotations

import sys
import types
from typing import ClassVar

import pytest
from small_training import TensorBatches, images, network

from gatefield.core.errors import DivergenceError, MissingExtra
from gatefield.core.extras import installed
from gatefield.core.run_folder import RunFolder
from gatefield.training.checkpoint import Checkpoints
from gatefield.training.history import History
from gatefield.training.loop import fit
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.recorders import MetricsLog, TensorBoard, recorders_for
from gatefield.training.settings import Training


def train(folder: RunFolder, epochs: int, recorders=None) -> History:
    batches = TensorBatches(*images(41), 8)
    validation = TensorBatches(*images(20, stream="validation"), 8)
    recorders = recorders_for(folder) if recorders is None else recorders
    return fit(
        network(), CrossEntropy(), Training(epochs=epochs), batches, validation, Checkpoints(folder.checkpoints),
        recorders=recorders,
    )  # fmt: skip


def test_metrics_hold_each_epoch_once_over_a_resume(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    train(folder, 2)
    folder.metrics.write_text(folder.metrics.read_text() + '{"epoch": 3, "of": "a killed process"}\n')
    history = train(folder, 3)
    assert folder.read_metrics() == history.records
    assert [record["epoch"] for record in folder.read_metrics()] == [1, 2, 3]
    assert set(folder.read_metrics()[0]) == {
        "epoch", "train_loss", "learning_rate", "seconds", "samples_per_second", "validation_loss",
        "validation_accuracy",
    }  # fmt: skip


def test_recorders_are_closed_when_training_fails(tmp_path):
    class Witness:
        updates, closed = 0, False

        def update(self, history: History) -> None:
            self.updates += 1

        def close(self) -> None:
            self.closed = True

    witness, inputs = Witness(), images(41)[0] * float("nan")
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(DivergenceError):
        fit(
            network(), CrossEntropy(), Training(), TensorBatches(inputs, images(41)[1], 8), None,
            Checkpoints(folder.checkpoints), recorders=[witness],
        )  # fmt: skip
    assert witness.updates == 1
    assert witness.closed


class Events:
    """Stands for TensorBoard's writer: keeps what it is given, and forgets what the next one purges."""

    written: ClassVar[list[tuple[str, float, int]]] = []

    def __init__(self, folder: str, purge_step: int) -> None:
        Events.written = [event for event in Events.written if event[2] < purge_step]

    def add_scalar(self, key: str, value: float, step: int) -> None:
        Events.written.append((key, value, step))

    def flush(self) -> None:
        pass

    close = flush


def test_events_hold_each_epoch_once_over_a_resume(tmp_path, monkeypatch):
    module = types.ModuleType("torch.utils.tensorboard.writer")
    module.SummaryWriter = Events  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.ModuleType("torch.utils.tensorboard"))
    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    folder = RunFolder.create(tmp_path / "run")
    train(folder, 2, [TensorBoard(tmp_path)])
    Events.written.append(("train_loss", 9.0, 3))  # of a process killed before its checkpoint
    history = train(folder, 3, [TensorBoard(tmp_path)])
    written = [(step, value) for key, value, step in Events.written if key == "train_loss"]
    assert written == [(record["epoch"], record["train_loss"]) for record in history.records]


@pytest.mark.skipif(installed("tensorboard"), reason="tensorboard is installed")
def test_without_tensorboard_there_is_only_the_log(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    assert [type(recorder) for recorder in recorders_for(folder)] == [MetricsLog]
    with pytest.raises(MissingExtra, match="tensorboard"):
        TensorBoard(tmp_path)


@pytest.mark.skipif(not installed("tensorboard"), reason="tensorboard is not installed")
def test_tensorboard_holds_each_epoch_once_over_a_resume(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = RunFolder.create(tmp_path / "run")
    train(folder, 1)
    history = train(folder, 3)
    events = EventAccumulator(str(folder.path / "tensorboard"))
    events.Reload()
    scalars = events.Scalars("train_loss")
    assert [event.step for event in scalars] == [1, 2, 3]
    assert [event.value for event in scalars] == pytest.approx([r["train_loss"] for r in history.records])
