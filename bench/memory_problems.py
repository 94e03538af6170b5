"""What six networks remember: the adding problem over 200 steps and copy memory over 100 blanks (claims 4 and 5).

    python bench/memory_problems.py                       both tables; some tens of minutes on one core
    python bench/memory_problems.py --problem copy        one of them
    python bench/memory_problems.py --only lstm,tcn       some of the networks
    python bench/memory_problems.py --seeds 3             the median of three runs decides

Every network has the same number of updates on a problem, each on new sequences, and is measured on 1,000 sequences
that are the same for all. The learning rate is each network's own, as the papers have it; but for the IRNN's updates
nothing else is. That one must go slowly on the adding problem, or it loses the identity that it starts from, and has
three times as many. Units are chosen for parameters of one order.

Claim 4 (Le, Jaitly and Hinton 2015; Bai, Kolter and Koltun 2018): the mean squared error of IRNN, LSTM, GRU and TCN
falls below 0.01, that of the tanh network stays above 0.15; saying 1 always has 0.167.
Claim 5 (Bai, Kolter and Koltun 2018): the TCN's loss falls below a tenth of guessing's, 10 ln 8 / (T + 20); those of
LSTM and GRU stay above 0.7 of it in the same budget.

What does not come true is printed as not reproduced. Exit status: 0, whatever came out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from typing import Any, Literal, NamedTuple

from gatefield import train
from gatefield.core.console import Console
from gatefield.tasks.memory_problems import MemoryProblem

Problem = Literal["adding", "copy"]


def recurrent(cell: str, units: int) -> dict[str, Any]:
    return {"name": "recurrent", "cell": cell, "hidden": [units]}


class Contestant(NamedTuple):
    """An encoder, its learning rate on each problem, and how many times the updates of the others it has on adding."""

    encoder: dict[str, Any]
    adding: float
    copy: float
    patience: int = 1


class Setting(NamedTuple):
    """How long, and how many updates of how many sequences."""

    length: int
    updates: int
    batch_size: int


SETTINGS: dict[Problem, Setting] = {"adding": Setting(200, 4000, 50), "copy": Setting(100, 3000, 32)}
CONTESTANTS = {
    "rnn": Contestant(recurrent("elman", 100), adding=1e-3, copy=1e-3),
    "irnn": Contestant(recurrent("irnn", 100), adding=1e-4, copy=1e-3, patience=3),
    "urnn": Contestant(recurrent("unitary-rnn", 64), adding=1e-3, copy=1e-3),
    "lstm": Contestant(recurrent("lstm", 64), adding=5e-3, copy=1e-3),
    "gru": Contestant(recurrent("gru", 64), adding=5e-3, copy=1e-3),
    "tcn": Contestant({"name": "tcn", "channels": [24] * 4, "kernel_size": 8}, adding=2e-3, copy=2e-3),
}


class Result(NamedTuple):
    """The measured error of one network, of one without a memory, its parameters, and the seconds it took."""

    error: float
    without_memory: float
    parameters: int
    seconds: float


def run(problem: Problem, name: str, seed: int, updates: int | None, console: Console) -> Result:
    setting, contestant = SETTINGS[problem], CONTESTANTS[name]
    updates = (updates or setting.updates) * (contestant.patience if problem == "adding" else 1)
    epochs = max(1, updates // 200)
    training = {
        "epochs": epochs,
        "batch_size": setting.batch_size,
        "optimizer": {"name": "adam", "learning_rate": getattr(contestant, problem)},
        "schedule": "cosine",
        "clip_norm": 1.0,
    }
    task = MemoryProblem(
        problem,
        setting.length,
        samples=setting.batch_size * (updates // epochs),
        encoder=contestant.encoder,  # type: ignore[arg-type]
        training=training,  # type: ignore[arg-type]
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        finished = train(task, out=f"{folder}/run", seed=seed, console=console)
        metrics = finished.evaluate()
    seconds = time.perf_counter() - start
    error = metrics.get("mean_squared_error", metrics["loss"])
    factor = error / metrics["loss"]
    parameters = sum(parameter.numel() for parameter in task.model.parameters())
    return Result(error, factor * metrics["without_memory"], parameters, seconds)


def holds(problem: Problem, name: str, result: Result) -> bool | None:
    """Whether the claim's part about this network came true; None where it says nothing."""
    if problem == "adding":
        return result.error > 0.15 if name == "rnn" else result.error < 0.01 if name != "urnn" else None
    share = result.error / result.without_memory
    return share < 0.1 if name == "tcn" else share > 0.7 if name in ("lstm", "gru") else None


VERDICTS = {True: "reproduced", False: "NOT REPRODUCED", None: "reported"}


def table(problem: Problem, results: dict[str, list[Result]]) -> str:
    setting = SETTINGS[problem]
    without = next(iter(results.values()))[0].without_memory
    what = "mean squared error" if problem == "adding" else "loss"
    lines = [f"{problem}, T = {setting.length}; without a memory: {what} {without:.4f}"]
    lines.append(f"{'':6}{what:>22}{'share':>9}{'parameters':>12}{'seconds':>9}")
    for name, runs in results.items():
        middle = sorted(runs)[len(runs) // 2]
        seconds = statistics.median(result.seconds for result in runs)
        share = middle.error / middle.without_memory
        row = f"{name:6}{middle.error:22.6f}{share:9.3f}{middle.parameters:12,}{seconds:9.0f}"
        lines.append(f"{row}  {VERDICTS[holds(problem, name, middle)]}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--problem", choices=sorted(SETTINGS), help="one of the two (default: both)")
    parser.add_argument("--only", default=",".join(CONTESTANTS), help="networks, with commas between")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each network (default 1)")
    parser.add_argument("--updates", type=int, help="fewer or more updates than the tables have")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the tables on stderr")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(CONTESTANTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CONTESTANTS)}")
    console, found = Console(), {}
    for problem in [options.problem] if options.problem else SETTINGS:
        results: dict[str, list[Result]] = {}
        for name in names:
            results[name] = [run(problem, name, seed, options.updates, console) for seed in range(options.seeds)]
            console.say(table(problem, results))
        found[problem] = {name: [result._asdict() for result in runs] for name, runs in results.items()}
        if not options.json:
            console.result(table(problem, results))
    if options.json:
        console.json({"bench": "memory_problems", "results": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
