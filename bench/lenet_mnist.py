"""One epoch of LeNet-5 on MNIST: Gatefield against what people run today.

    python bench/lenet_mnist.py             seconds an epoch and ratios, two or three minutes on two cores
    python bench/lenet_mnist.py --json      the same as one line for programs

Contestants, all with the same network, Adam at 0.001, the same normalized pixels and a new random order each epoch.
Gatefield's LeNet-5 pools before it activates, which comes to the same; the two bare loops train the network as
tutorials write it:

    pil items        a torchvision-style data set with PIL items, read by a DataLoader without workers
    float loop       a bare loop over one float32 tensor in memory; contiguous, Adam as torch defaults it
    keras fit        Keras 3 ``fit`` on the torch backend; left out where Keras is not installed
    gatefield        ``training.loop.fit`` over ``data.batching.Batches``, as ``gatefield train`` runs them

A round takes a quarter of an epoch of each: short enough that whatever slows the machine slows all of a round alike.

Sizes: batches of 64 in float32; and at batches of 256 the float loop in float32 against Gatefield in bfloat16. Both of
Gatefield's runs lay images out channels-last, which is its default.

Exit status: 0 measured and within every limit, 1 a test or comparison failed before measuring or a limit was missed,
2 the data are missing. The folder of data sets is named by ``GATEFIELD_DATA`` (by default ``../shared/data``).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import importlib.util
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Literal

import numpy
import torch
from alternate import Timings, alternate
from limits import Limit, Verdict, judge
from pil_items import PilItems
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from gatefield.core.console import Console
from gatefield.core.errors import GatefieldError
from gatefield.data.batching import Batches
from gatefield.data.image_set import ImageTensor
from gatefield.data.preparation import Preparation
from gatefield.data.readers.mnist import Mnist
from gatefield.models.vision.lenet5 import LeNet5
from gatefield.training.checkpoint import Checkpoints
from gatefield.training.loop import fit
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.settings import Training

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = (
    "tests/data/test_batching.py",
    "tests/data/test_preparation.py",
    "tests/training",
    "tests/models/test_lenet5.py",
)
LEARNING_RATE = 0.001
EVERYTHING = 60_000
QUARTER = EVERYTHING // 4
Precision = Literal["float32", "bfloat16"]


LIMITS = (
    Limit("gatefield, 64", "float loop, 64", 0.88),
    Limit("gatefield, 64", "pil items, 64", 0.5),
    Limit("gatefield, 64", "keras fit, 64", 0.45),
    Limit("gatefield bfloat16, 256", "float loop, 256", 0.7),
)


class Mismatch(Exception):
    """Two contestants do not do the same work."""


class Contest:
    """The data in each contestant's form, and an epoch of each."""

    def __init__(self, train: ImageTensor) -> None:
        self.train = train
        self.preparation = Preparation.fit(train)
        self.floats = self.preparation(train.images)
        mean, std = self.preparation.mean[0] / 255, self.preparation.std[0] / 255
        self.items = PilItems(train.images.squeeze(1), train.labels, mean, std)

    def pil_items(self, batch_size: int) -> None:
        loader = DataLoader(self.items, batch_size, shuffle=True, num_workers=0)
        _plain_epoch(_tutorial_network(), iter(loader))

    def float_loop(self, batch_size: int) -> None:
        order = torch.randperm(len(self.floats))
        _plain_epoch(_tutorial_network(), self.float_batches(order, batch_size))

    def float_batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            yield self.floats[chosen], self.train.labels[chosen]

    def gatefield(self, batch_size: int, precision: Precision = "float32", network: LeNet5 | None = None) -> None:
        settings = Training(epochs=1, batch_size=batch_size, precision=precision)
        with tempfile.TemporaryDirectory(prefix="gatefield-bench-") as folder:
            fit(network or _network(), CrossEntropy(), settings, self.batches(batch_size), None, Checkpoints(folder))

    def batches(self, batch_size: int) -> Batches:
        return Batches(self.train, batch_size, seed=0, shuffle=True, preparation=self.preparation)


def _network() -> LeNet5:
    torch.manual_seed(0)
    return LeNet5(input_shape=(1, 28, 28), classes=10)


def _tutorial_network() -> nn.Module:
    """The same network with the same weights, written as tutorials do."""
    first, second = (nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)), (nn.Conv2d(6, 16, 5), nn.ReLU())
    features = nn.Sequential(*first, *second, nn.MaxPool2d(2), nn.Flatten())
    classifier = nn.Sequential(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    network = nn.Sequential(features, classifier)
    for mine, ours in zip(network.parameters(), _network().parameters()):
        mine.data.copy_(ours.data)
    return network


def _plain_epoch(network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
    """The training loop that every tutorial has."""
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for inputs, targets in batches:
        optimizer.zero_grad()
        cross_entropy(network(inputs), targets).backward()
        optimizer.step()


def require_green() -> None:
    """Run the tests of what is measured.

    Raises:
        Mismatch: one fails.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", *TESTS]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise Mismatch(f"the tests are red\n{finished.stdout[-2000:]}{finished.stderr[-2000:]}")


def require_equal_work(contest: Contest) -> None:
    """Check that items have the same pixels everywhere, and that both loops, in one order, learn the same weights.

    Raises:
        Mismatch: they differ.
    """
    for index in (0, 1, len(contest.train) - 1):
        item, target = contest.items[index]
        if target != int(contest.train.labels[index]) or not torch.allclose(item, contest.floats[index], atol=1e-5):
            raise Mismatch(f"item {index} differs between the contestants")
    few = Contest(contest.train.subset(torch.arange(min(20 * 64, len(contest.train)))))
    order = torch.cat([batch.indices for batch in few.batches(64).epoch(0)])
    ours, plain = _network(), _tutorial_network()
    few.gatefield(64, network=ours)
    _plain_epoch(plain, few.float_batches(order, 64))
    for (name, mine), other in zip(ours.named_parameters(), plain.parameters()):
        difference = float((mine - other).detach().abs().max())
        if not difference < 1e-4:
            raise Mismatch(f"after 20 equal updates '{name}' differs by {difference:.2g} between the two loops")


@contextlib.contextmanager
def keras_epoch(contest: Contest, batch_size: int) -> Iterator[Callable[[], None]]:
    """An epoch of Keras, in a process that waits for its turn."""
    with tempfile.TemporaryDirectory(prefix="gatefield-bench-") as folder:
        arrays = pathlib.Path(folder) / "mnist.npz"
        numpy.savez(arrays, images=contest.floats.numpy(), labels=contest.train.labels.numpy())
        script = pathlib.Path(__file__).with_name("keras_lenet.py")
        command = [sys.executable, str(script), str(arrays), str(batch_size)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stdout
            asked, answers = process.stdin, process.stdout
            _expect(answers.readline().strip() == "ready")

            def epoch() -> None:
                asked.write("epoch\n")
                asked.flush()
                _expect(float(answers.readline() or "nan") < 2.3)  # below the loss of guessing

            yield epoch
            asked.close()


def _expect(holds: bool) -> None:
    if not holds:
        raise Mismatch("the Keras process failed, or did not learn")


def measure(contest: Contest, rounds: int, console: Console) -> Timings:
    """Time every contestant that can run here."""
    contestants: dict[str, Callable[[], None]] = {
        "gatefield, 64": functools.partial(contest.gatefield, 64),
        "float loop, 64": functools.partial(contest.float_loop, 64),
        "pil items, 64": functools.partial(contest.pil_items, 64),
        "gatefield bfloat16, 256": functools.partial(contest.gatefield, 256, "bfloat16"),
        "float loop, 256": functools.partial(contest.float_loop, 256),
    }
    with contextlib.ExitStack() as open_processes:
        if importlib.util.find_spec("keras"):
            contestants["keras fit, 64"] = open_processes.enter_context(keras_epoch(contest, 64))
        else:
            console.say("Keras is not installed: left out")
        return alternate(contestants, rounds, console.say)


def table(timings: Timings, verdicts: list[Verdict], images: int) -> str:
    """What was measured, for people."""
    medians = {name: timings.median(name) * EVERYTHING / images for name in sorted(timings.seconds)}
    lines = [f"{'contestant, batch':26}  s/epoch  epochs/min"]
    lines += [f"{name:26}  {median:7.3f}  {60 / median:10.1f}" for name, median in medians.items()]
    lines += ["", f"{'ratio of times within a round':48}  median      spread  limit", *map(str, verdicts)]
    missing = [limit.other for limit in LIMITS if limit.other not in medians]
    return "\n".join([*lines, *(f"not measured: {name}" for name in missing)])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=12, help="rounds that count (default 12)")
    parser.add_argument("--images", type=int, default=QUARTER, help="images a round trains on (default a quarter)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the table on stderr")
    options = parser.parse_args()
    console = Console()
    os.environ.setdefault("GATEFIELD_DATA", str(ROOT.parent / "shared" / "data"))
    try:
        train = Mnist().read().train
    except GatefieldError as error:
        console.warn(str(error))
        return error.exit_code
    assert isinstance(train, ImageTensor)
    contest = Contest(train.subset(torch.arange(options.images)) if options.images < len(train) else train)
    try:
        console.say("checking that what is measured is right")
        require_green()
        require_equal_work(contest)
        timings = measure(contest, options.rounds, console)
    except Mismatch as mismatch:
        console.warn(f"nothing is reported: {mismatch}")
        return 1
    verdicts = judge(LIMITS, timings, counts=len(contest.train) >= QUARTER)
    if options.json:
        console.say(table(timings, verdicts, len(contest.train)))
        machine = {"threads": torch.get_num_threads(), "torch": torch.__version__, "python": platform.python_version()}
        medians = {name: timings.median(name) for name in timings.seconds}
        facts = {"bench": "lenet-mnist", "images": len(contest.train), "rounds": options.rounds, **machine}
        console.json(facts | {"seconds": medians, "ratios": [dataclasses.asdict(v) for v in verdicts]})
    else:
        console.result(table(timings, verdicts, len(contest.train)))
    return int(any(verdict.passed is False for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
