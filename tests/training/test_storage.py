"""A disk that is full, read-only or gone: one clear error, and the last good checkpoint stays."""

from __future__ import annotations

import errno
import os
import pathlib
import shutil

import pytest
from small_training import TensorBatches, images, network

from gatefield.core.errors import StorageError
from gatefield.training.checkpoint import Checkpoints
from gatefield.training.loop import fit
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.settings import Training


def train(folder: pathlib.Path, epochs: int = 1, at_batch=lambda: None):
    batches = TensorBatches(*images(41), 8, at_batch=at_batch)
    settings = Training(epochs=epochs, checkpoint_seconds=0)
    return fit(network(), CrossEntropy(), settings, batches, None, Checkpoints(folder))


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_that_grows_too_large_leaves_the_last_checkpoint(tmp_path):
    resource = pytest.importorskip("resource")
    train(tmp_path)
    before = contents(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (1024, hard)
    )  # the kernel refuses the write half-way, as a full disk does
    try:
        with pytest.raises(StorageError, match=r"cannot write .*last\.safetensors"):
            train(tmp_path, epochs=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == before
    assert len(train(tmp_path, epochs=2).records) == 2


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "read-only"), (errno.EACCES, "permissions")]
)
@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_a_full_or_read_only_disk_leaves_the_last_checkpoint(number, advice, moment, tmp_path, monkeypatch):
    train(tmp_path)
    before = contents(tmp_path)

    def fail(*arguments, **keywords):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if moment == "write":
            patch.setattr(pathlib.Path, "write_bytes", fail)
        else:
            patch.setattr(os, moment, fail)
        with pytest.raises(StorageError, match="cannot write") as caught:
            train(tmp_path, epochs=2)
    assert advice in caught.value.hint
    assert contents(tmp_path) == before


def test_a_vanished_folder_is_one_clear_error(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    train(folder)
    with pytest.raises(StorageError, match="cannot write") as caught:
        train(folder, epochs=2, at_batch=lambda: shutil.rmtree(folder, ignore_errors=True))
    assert "vanished" in caught.value.hint
