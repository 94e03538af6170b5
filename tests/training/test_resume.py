"""A run that stops at any instant and is taken up again ends with the same bits as an unbroken one."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
import torch
from small_training import TensorBatches, images, network
from torch import nn

from gatefield.core.discovery import family
from gatefield.core.errors import DataError, RunFolderError, WeightsError
from gatefield.training import state
from gatefield.training.checkpoint import Checkpoints
from gatefield.training.loop import fit
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.settings import Training
from gatefield.training.update_rule import UpdateRule

PROGRAM = pathlib.Path(__file__).with_name("small_training.py")


class Interrupted(Exception):
    """What stands for a kill inside the test's own process."""


class Fuse:
    """Raises when batch number ``limit`` is asked for."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Interrupted


def train(folder: pathlib.Path, limit: int = 0, model: nn.Module | None = None, fingerprint: int = 1, **changes):
    settings = Training(**{"epochs": 2, "checkpoint_seconds": 0, **changes})
    model = model or network()
    batches = TensorBatches(*images(41), 8, at_batch=Fuse(limit))
    validation = TensorBatches(*images(20, stream="validation"), 8)
    folder.mkdir(exist_ok=True)
    history = fit(model, CrossEntropy(), settings, batches, validation, Checkpoints(folder), fingerprint=fingerprint)
    return model, history


def bits(model: nn.Module) -> dict[str, bytes]:
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in model.state_dict().items()}


@pytest.mark.slow
def test_sigkill_at_any_instant_changes_no_bit(tmp_path):
    run = subprocess.run(
        [sys.executable, str(PROGRAM), "kill", str(tmp_path)], capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[0]) > 100  # instants


@pytest.mark.parametrize("rule", family(UpdateRule).names)
def test_every_optimizer_resumes_bit_for_bit(rule, tmp_path):
    changes = {"optimizer": {"name": rule, "weight_decay": 0.01}, "schedule": "cosine"}
    unbroken, whole = train(tmp_path / "unbroken", **changes)
    for limit in (3, 5, 2):
        with pytest.raises(Interrupted):
            train(tmp_path / "broken", limit, **changes)
    resumed, history = train(tmp_path / "broken", **changes)
    assert bits(resumed) == bits(unbroken)
    assert [record["train_loss"] for record in history.records] == [record["train_loss"] for record in whole.records]
    assert history.validation_losses == whole.validation_losses


def test_epoch_accumulation_resumes_from_the_epoch(tmp_path):
    unbroken, _ = train(tmp_path / "unbroken", accumulate="epoch")
    with pytest.raises(Interrupted):
        train(tmp_path / "broken", 9, accumulate="epoch")
    assert bits(train(tmp_path / "broken", accumulate="epoch")[0]) == bits(unbroken)


def test_same_seed_same_bits_and_another_seed_other_bits(tmp_path):
    first, second = train(tmp_path / "a")[0], train(tmp_path / "b")[0]
    assert bits(first) == bits(second)
    model = network()
    batches, settings = TensorBatches(*images(41), 8), Training(epochs=2)
    (tmp_path / "c").mkdir()
    fit(model, CrossEntropy(), settings, batches, None, Checkpoints(tmp_path / "c"), seed=1)
    assert bits(model) != bits(first)


def test_a_finished_run_returns_at_once_with_its_best_weights(tmp_path):
    model, history = train(tmp_path / "run", optimizer={"name": "sgd", "learning_rate": 3.0})
    again, same = train(tmp_path / "run", limit=1, optimizer={"name": "sgd", "learning_rate": 3.0})
    assert bits(again) == bits(model)
    assert same.records == history.records


def test_more_epochs_go_on_from_the_last_weights(tmp_path):
    train(tmp_path / "run", epochs=2)
    extended, history = train(tmp_path / "run", epochs=4)
    assert bits(extended) == bits(train(tmp_path / "whole", epochs=4)[0])
    assert [record["epoch"] for record in history.records] == [1, 2, 3, 4]


def test_the_best_file_that_last_names_is_there_when_writing_last_fails(tmp_path, monkeypatch):
    unbroken, _ = train(tmp_path / "unbroken", epochs=3)
    train(tmp_path / "run", epochs=1)
    write = Checkpoints.write_last

    def fail_at_the_end_of_an_epoch(self, tensors, facts):
        if facts["batch"] == 0:
            raise Interrupted
        write(self, tensors, facts)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "write_last", fail_at_the_end_of_an_epoch)
        with pytest.raises(Interrupted):
            train(tmp_path / "run", epochs=3)
    assert {"best-0001.safetensors", "best-0002.safetensors"} <= {path.name for path in (tmp_path / "run").iterdir()}
    assert bits(train(tmp_path / "run", epochs=3)[0]) == bits(unbroken)


def test_leftovers_of_a_killed_process_are_swept(tmp_path):
    (tmp_path / ".last.safetensors.1234.tmp").write_bytes(b"half")
    (tmp_path / "best-0099.safetensors").write_bytes(b"of another life")
    _, history = train(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"last.safetensors", f"best-{history.best_epoch:04d}.safetensors"}


def test_other_data_are_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(DataError, match="training data are not those"):
        train(tmp_path, fingerprint=2, epochs=3)


def test_another_architecture_is_refused_and_named(tmp_path):
    train(tmp_path)
    before = (tmp_path / "last.safetensors").read_bytes()
    other = nn.Sequential(nn.Conv2d(1, 5, 3), nn.Flatten(), nn.Linear(80, 3))
    with pytest.raises(WeightsError, match=r"'0.weight' has shape \(4, 1, 3, 3\), and the model's \(5, 1, 3, 3\)"):
        train(tmp_path, model=other)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_a_checkpoint_of_another_format_version_is_refused(tmp_path, monkeypatch):
    train(tmp_path)
    monkeypatch.setattr(state, "VERSION", 2)
    with pytest.raises(RunFolderError, match="format 1"):
        train(tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 a zip", b"\x80\x02 a pickle"])
def test_a_damaged_checkpoint_is_one_clear_error(content, tmp_path):
    train(tmp_path)
    (tmp_path / "last.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        train(tmp_path)


def test_plain_weights_are_no_checkpoint(tmp_path):
    _, history = train(tmp_path)
    Checkpoints(tmp_path).best(history.best_epoch).rename(tmp_path / "last.safetensors")
    with pytest.raises(WeightsError, match="is not a checkpoint"):
        train(tmp_path)


def test_missing_best_weights_are_named(tmp_path):
    _, history = train(tmp_path)
    Checkpoints(tmp_path).best(history.best_epoch).unlink()
    with pytest.raises(WeightsError, match=r"cannot read .*best-000"):
        train(tmp_path)


def test_an_optimizer_of_other_memory_is_refused(tmp_path):
    train(tmp_path, optimizer="adam")
    with pytest.raises(RunFolderError, match="was written by Adam, another optimizer"):
        train(tmp_path, optimizer="momentum", epochs=3)


def test_global_generators_are_given_back(tmp_path):
    torch.manual_seed(3)
    model, before = network(), torch.get_rng_state()
    train(tmp_path, model=model)
    assert torch.equal(torch.get_rng_state(), before)
