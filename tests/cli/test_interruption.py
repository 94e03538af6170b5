"""A run killed at any instant goes on to the same bits; several processes train as one."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from command_line import gatefield
from safetensors.torch import load_file

pytestmark = pytest.mark.slow

SETTINGS = ("data.size=16", "model=mlp", "model.hidden=[16]", "model.dropout=0.2", "training.epochs=4")


def start(folder: pathlib.Path) -> subprocess.Popen:
    """``gatefield train`` with a checkpoint after every update, in a process of its own."""
    settings = (*SETTINGS, "training.checkpoint_seconds=0")
    command = [sys.executable, "-m", "gatefield", "train", "digits", *settings, "--out", str(folder), "--resume"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def kill_when(process: subprocess.Popen, instant) -> bool:
    """SIGKILL the process as soon as ``instant()`` holds; False if it ended before."""
    while process.poll() is None:
        if instant():
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return True
        time.sleep(0.0002)
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    return False


def after(seconds: float):
    """An instant so many seconds after it is first asked for."""
    began: list[float] = []

    def over() -> bool:
        began.append(time.monotonic())
        return began[-1] - began[0] > seconds

    return over


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    process = start(folder)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()
    return folder


def test_killed_at_any_instant_it_resumes_to_the_same_bits(unbroken, tmp_path):
    folder = tmp_path / "run"
    draw = random.Random(0)

    def in_a_write() -> bool:
        return bool(list(folder.glob("checkpoints/.*.tmp")))

    instants = [folder.exists, in_a_write, in_a_write, *(after(2.5 + draw.random()) for _ in range(3))]
    killed = [kill_when(start(folder), instant) for instant in instants]
    assert killed[1] or killed[2], "no kill fell into a checkpoint write"
    process = start(folder)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()
    for name in ("model.safetensors", "config.json", "recipe.yaml"):
        assert (folder / name).read_bytes() == (unbroken / name).read_bytes(), name
    timeless = [
        [{key: value for key, value in record.items() if "second" not in key} for record in records]
        for records in (
            [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
            for path in (folder, unbroken)
        )
    ]
    assert timeless[0] == timeless[1]
    assert not list(folder.glob("checkpoints/.*.tmp"))


def test_resuming_a_finished_run_changes_nothing(unbroken):
    before = (unbroken / "model.safetensors").read_bytes()
    assert gatefield("train", "--resume", unbroken).code == 0
    assert (unbroken / "model.safetensors").read_bytes() == before


def test_data_that_changed_are_refused(tmp_path):
    from PIL import Image

    for label in "ab":
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for index in range(8):
            Image.new("L", (4, 4), 20 * index + (label == "b")).save(tmp_path / "pictures" / label / f"{index}.png")
    settings = ("data=image-folder", f"data.path={tmp_path / 'pictures'}", "model=softmax-regression", "augment=[]")
    out = tmp_path / "run"
    assert gatefield("train", "digits", *settings, "training.epochs=1", "--out", out).code == 0
    (out / "config.json").unlink()
    for index in range(8):
        Image.new("L", (4, 4), 255).save(tmp_path / "pictures" / "a" / f"{index}.png")
    outcome = gatefield("train", "--resume", out)
    assert outcome.code == 2
    assert "are not those" in outcome.err


def test_two_processes_train_as_one(tmp_path):
    """Half the batch each, and a last batch that does not divide evenly: the same weights to 1e-6."""
    settings = ("data.size=null", "augment=[]", "model=mlp", "model.hidden=[16]", "training.epochs=2")
    rule = ("training.optimizer=sgd", "training.optimizer.learning_rate=0.05", "training.batch_size=50")
    run = ["-m", "gatefield", "train", "digits", *settings, *rule, "--out"]
    alone = subprocess.run([sys.executable, *run, tmp_path / "one"], env=environment(), capture_output=True, text=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    together = subprocess.run([*launcher, *run, tmp_path / "two"], env=environment(), capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    assert together.returncode == 0, together.stderr
    assert together.stdout == f"{tmp_path / 'two'}\n"
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-6)
    assert json.loads((tmp_path / "two" / "environment.json").read_text())["processes"] == 2
