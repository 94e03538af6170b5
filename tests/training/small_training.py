"""A small training on random tensors for the tests, and the program that kills or distributes it.

python small_training.py kill FOLDER         trains in forked children that are killed with SIGKILL at many instants
torchrun small_training.py distributed FOLDER   trains in several processes, each with its part of every batch
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gatefield.core.errors import DivergenceError
from gatefield.core.seeding import generator
from gatefield.training.checkpoint import Checkpoints
from gatefield.training.distributed import Processes, processes
from gatefield.training.history import History
from gatefield.training.loop import fit
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.settings import Training
from gatefield.training.weights import save_weights


class TensorBatch(NamedTuple):
    inputs: Tensor
    targets: Tensor
    indices: Tensor
    size: int
    share: float


class TensorBatches:
    """Shuffled batches of tensors in memory."""

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        batch_size: int,
        rank: int = 0,
        count: int = 1,
        at_batch: Callable[[], Any] = lambda: None,
    ) -> None:
        self.inputs, self.targets, self.batch_size = inputs, targets, batch_size
        self.rank, self.count, self.at_batch = rank, count, at_batch

    def sizes(self, epoch: int) -> list[int]:
        count = len(self.targets)
        return [min(self.batch_size, count - first) for first in range(0, count, self.batch_size)]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[TensorBatch]:
        order = torch.randperm(len(self.targets), generator=generator(0, "order", epoch))
        for first in range(start * self.batch_size, len(order), self.batch_size):
            self.at_batch()
            indices = order[first : first + self.batch_size]
            mine = indices.tensor_split(self.count)[self.rank]
            share = len(mine) / len(indices)
            mine = mine if len(mine) else indices[:1]
            yield TensorBatch(self.inputs[mine], self.targets[mine], mine, len(indices), share)


def images(count: int, dtype: torch.dtype = torch.float32, stream: str = "images") -> tuple[Tensor, Tensor]:
    """Random images (count, 1, 6, 6) of three classes that can be learned."""
    g = generator(0, stream)
    targets = torch.randint(3, (count,), generator=g)
    inputs = torch.randn(count, 1, 6, 6, generator=g, dtype=dtype) + targets[:, None, None, None]
    return inputs, targets


def network(dtype: torch.dtype = torch.float32, random_parts: bool = True) -> nn.Module:
    """A convolutional net; its random parts are dropout and batch normalization."""
    torch.manual_seed(0)
    parts = [nn.BatchNorm2d(4), nn.Dropout(0.3)] if random_parts else []
    return nn.Sequential(nn.Conv2d(1, 4, 3), *parts, nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)).to(dtype)


# ------------------------------------------------------------------------------------------------- killed with SIGKILL


class Killer:
    """Counts the instants of a run and kills the process at one of them."""

    def __init__(self, instant: int) -> None:
        self.left, self.passed = instant, 0

    def __call__(self) -> bool:
        self.passed += 1
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.left == 1

    def watch_files(self) -> None:
        """Make instants of each half-written file, and of what comes before and after each fsync and rename."""
        write_bytes = pathlib.Path.write_bytes

        def write(path: pathlib.Path, content: Any) -> int:
            if self():
                write_bytes(path, content[: len(content) // 2])
                self()
            return write_bytes(path, content)

        pathlib.Path.write_bytes = write  # type: ignore[method-assign, assignment]
        for name in ("fsync", "replace", "unlink"):
            setattr(os, name, self._around(getattr(os, name)))

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self()
            result = function(*args, **kwargs)
            self()
            return result

        return call


def train_with(killer: Killer, folder: pathlib.Path) -> History:
    """The training that is killed: dropout, accumulation, clipping, validation, a checkpoint after every update."""
    settings = Training(
        epochs=3,
        optimizer={"name": "adam", "learning_rate": 0.02},  # type: ignore[arg-type]
        schedule={"name": "warmup", "epochs": 1, "then": {"name": "plateau", "patience": 0}},  # type: ignore[arg-type]
        accumulate=2,
        clip_norm=1.0,
        checkpoint_seconds=0,
    )
    folder.mkdir(parents=True, exist_ok=True)
    model = network()
    killer.watch_files()
    batches = TensorBatches(*images(41), 8, at_batch=killer)
    validation = TensorBatches(*images(20, stream="validation"), 8, at_batch=killer)
    history = fit(model, CrossEntropy(), settings, batches, validation, Checkpoints(folder), seed=5)
    save_weights(model, folder / "model.safetensors")
    return history


def in_child(instant: int, folder: pathlib.Path) -> tuple[bool, int]:
    """Train in a forked process; whether it finished, and how many instants it saw if so."""
    counter = folder.parent / "instants"
    child = os.fork()
    if child == 0:
        killer = Killer(instant)
        train_with(killer, folder)
        counter.write_text(str(killer.passed))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False, instant
    assert status == 0, f"the child failed with status {status}"
    return True, int(counter.read_text())


def kill_everywhere(folder: pathlib.Path) -> None:
    """Kill one run at every third instant, and some runs many times over; all must end like the unbroken one."""
    torch.set_num_threads(1)
    torch.optim.SGD(network().parameters())  # imports two seconds' worth of modules: once, not in every child
    _, instants = in_child(0, folder / "unbroken")
    unbroken = (folder / "unbroken" / "model.safetensors").read_bytes()
    choose = random.Random(0)
    plans = [[instant] for instant in range(1, instants + 1, 3)]
    plans += [[choose.randrange(1, 60) for _ in range(20)] for _ in range(3)]
    kills = 0
    for number, plan in enumerate(plans):
        run = folder / str(number)
        finished = False
        for instant in [*plan, 0]:
            finished, _ = in_child(instant, run)
            kills += not finished
            if finished:
                break
        assert finished
        assert (run / "model.safetensors").read_bytes() == unbroken, f"other bits after kills at {plan}"
        leftovers = sorted(path.name for path in run.iterdir() if path.name.endswith(".tmp"))
        assert not leftovers, f"left behind after kills at {plan}: {leftovers}"
    print(f"{instants} instants, {len(plans)} runs, {kills} kills")


# ---------------------------------------------------------------------------------------------------------- distributed


def train_distributed(
    folder: pathlib.Path, group: Processes, accumulate: int, spoil: bool = False
) -> tuple[nn.Module, History]:
    """43 samples in batches of 6: the last has one sample, so that a second process gets a dummy. Resumed once."""
    inputs, targets = images(43, torch.float64)
    if spoil:
        inputs[17] = torch.nan
    batches = TensorBatches(inputs, targets, 6, group.rank, group.count)
    validation = TensorBatches(*images(23, torch.float64, "validation"), 6, group.rank, group.count)
    folder.mkdir(parents=True, exist_ok=True)
    for epochs in (1, 3):
        settings = Training(
            epochs=epochs,
            optimizer={"name": "momentum", "learning_rate": 0.05},  # type: ignore[arg-type]
            accumulate=accumulate,
            clip_norm=0.5,
            checkpoint_seconds=0,
        )
        model = network(torch.float64, random_parts=False)
        history = fit(model, CrossEntropy(), settings, batches, validation, Checkpoints(folder), processes=group)
    return model, history


def distribute(folder: pathlib.Path) -> None:
    torch.set_num_threads(1)
    with processes(torch.device("cpu")) as group:
        shared = group.share_text(f"told by {group.rank} ü")
        (folder / f"told-{group.rank}.txt").write_text(shared, encoding="utf-8")
        for accumulate in (1, 3):
            model, history = train_distributed(folder / f"run-{accumulate}", group, accumulate)
            save_weights(model, folder / f"weights-{accumulate}-{group.rank}.safetensors")
            losses = [(record["train_loss"], record["validation_loss"]) for record in history.records]
            (folder / f"losses-{accumulate}-{group.rank}.txt").write_text(repr(losses))
        try:
            train_distributed(folder / "spoiled", group, 1, spoil=True)
        except DivergenceError as error:
            (folder / f"divergence-{group.rank}.txt").write_text(error.message)
    threads = sorted(path.read_text().strip() for path in pathlib.Path("/proc/self/task").glob("*/comm"))
    (folder / f"threads-{group.rank}.txt").write_text(" ".join(threads))


if __name__ == "__main__":
    {"kill": kill_everywhere, "distributed": distribute}[sys.argv[1]](pathlib.Path(sys.argv[2]))
