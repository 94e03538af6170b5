"""Forecast what comes after a series."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.option("--horizon", type=click.IntRange(min=1), metavar="N", help="Steps to forecast.  [default: as trained]")
@click.option(
    "--data", metavar="FILE.csv", help="Another series of the same columns; '-' is stdin.  [default: the trained one]"
)
@click.option("--out", metavar="FILE", help="Write a table (.csv) or a drawing (.png) there; never over a file.")
@device_option
@json_option()
@click.pass_obj
def command(
    console: Console, run: str, horizon: int | None, data: str | None, out: str | None, device: str, as_json: bool
) -> None:
    """Forecast the steps after the series that the network in RUN was trained on, or after another one.

    The network's forecasts come with intervals, and with what the baselines say. The training data need not be there.
    Steps beyond the horizon of training have no interval.

    \b
    gatefield forecast runs/sunspots-1
    gatefield forecast runs/sales-1 --horizon 24 --json
    gatefield forecast runs/sales-1 --data newer.csv --out forecast.csv
    gatefield forecast runs/sales-1 --out forecast.png
    """
    target = None if out is None else _free(pathlib.Path(out))
    from ...tasks.forecasting import Forecasting
    from ...tasks.run import load

    loaded = load(run, device=device, console=console)
    task = loaded.task
    if not isinstance(task, Forecasting):
        hint = "give a run of the task forecasting, or use 'gatefield predict'"
        raise InputError(f"{run} is a run of the task {type(task).name}, which does not forecast", hint=hint)
    outlook = task.forecast(loaded.session, horizon, sys.stdin.buffer.read() if data == "-" else data)
    if outlook.calibrated < len(outlook.stamps):
        console.warn(f"intervals were measured for {outlook.calibrated} steps; those after have none")
    answer = task.answer(outlook)
    if target is not None:
        task.write(outlook, target)
        console.say(f"wrote {target}")
    if as_json:
        console.json(answer)
    elif target is None:
        console.result(_table(answer))


def _free(path: pathlib.Path) -> pathlib.Path:
    """``path``, if a table or drawing may be written there.

    Raises:
        InputError: another ending, or something is there already.
    """
    if path.suffix.lower() not in (".csv", ".png"):
        hint = "end the name with .csv for a table or with .png for a drawing"
        raise InputError(f"--out {path} does not say what to write", hint=hint)
    if path.exists():
        raise InputError(f"{path} exists already and was left as it is", hint="choose another name")
    return path


def _table(answer: dict[str, Any]) -> str:
    rows = [["stamp", "series", "forecast", "lower", "upper"]]
    for row in answer["forecast"]:
        numbers = ["–" if row[key] is None else f"{row[key]:.6g}" for key in ("value", "lower", "upper")]
        rows.append([row["stamp"], row["series"], *numbers])
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join(f"{cell:{'<' if i < 2 else '>'}{w}}" for i, (cell, w) in enumerate(zip(row, widths))) for row in rows
    ]
    lines.append(f"intervals are meant to hold {answer['coverage']:.0%} of the values ({answer['interval']})")
    return "\n".join(lines)
