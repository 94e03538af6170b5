"""Two processes with half of every batch each give the weights of one."""

from __future__ import annotations

import ast
import os
import pathlib
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from small_training import train_distributed

from gatefield.core.errors import InputError
from gatefield.training.distributed import Processes, processes

PROGRAM = pathlib.Path(__file__).with_name("small_training.py")


def test_alone_without_torchrun(monkeypatch):
    for key in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(key, raising=False)
    with processes(torch.device("cpu")) as group:
        assert (group.rank, group.count, group.leads) == (0, 1, True)
        assert group.share_text("here") == "here"
        assert group.share_bytes(None) is None
        assert torch.equal(group.sum(torch.ones(2)), torch.ones(2))


def test_more_processes_than_gpus_is_one_clear_error(monkeypatch):
    for key, value in {"RANK": "70", "WORLD_SIZE": "71", "LOCAL_RANK": "70"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(InputError, match="process 70 of this machine has no GPU"), processes(torch.device("cuda")):
        pass


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [*launch, str(PROGRAM), "distributed", str(tmp_path)],
        capture_output=True, text=True, timeout=600, env=environment, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    for rank in (0, 1):
        assert (tmp_path / f"told-{rank}.txt").read_text(encoding="utf-8") == "told by 0 ü"
        # a thread of the process group that outlives it may abort the interpreter when that ends
        assert "gloo" not in (tmp_path / f"threads-{rank}.txt").read_text()
    told = sorted((tmp_path / f"divergence-{rank}.txt").read_text() for rank in (0, 1))
    assert "samples [17]" in told[0]  # both stop, and the one that saw it says what it was
    assert told[1].endswith("in another process")
    for accumulate in (1, 3):
        model, history = train_distributed(tmp_path / f"alone-{accumulate}", Processes(), accumulate)
        expected = model.state_dict()
        for rank in (0, 1):
            weights = load_file(tmp_path / f"weights-{accumulate}-{rank}.safetensors")
            for name, tensor in weights.items():
                torch.testing.assert_close(tensor, expected[name], rtol=1e-12, atol=1e-12)
            losses = ast.literal_eval((tmp_path / f"losses-{accumulate}-{rank}.txt").read_text())
            for (train, validation), record in zip(losses, history.records, strict=True):
                assert train == pytest.approx(record["train_loss"], rel=1e-12)
                assert validation == pytest.approx(record["validation_loss"], rel=1e-12)
