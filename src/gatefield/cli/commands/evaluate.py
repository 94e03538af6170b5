"""Measure a trained network."""

from __future__ import annotations

import click

from ...core.console import Console
from ..main import Verb
from ..options import device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("settings", nargs=-1, metavar="[data.KEY=VALUE]...")
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    help="The part of the data to measure on.  [default: test, or validation where there is no test part]",
)
@device_option
@json_option()
@click.pass_obj
def command(
    console: Console, run: str, settings: tuple[str, ...], split: str | None, device: str, as_json: bool
) -> None:
    """Measure how good the network in RUN is.

    The data are those it was trained from; data.KEY=VALUE names others.

    \b
    gatefield evaluate runs/digits-1
    gatefield evaluate runs/mine --split validation --json
    gatefield evaluate runs/mine data.path=newer/pictures
    """
    from ...tasks.run import load

    loaded = load(run, *settings, device=device, console=console)
    metrics = loaded.evaluate(split)
    if as_json:
        console.json(metrics)
    else:
        console.result(loaded.task.describe(metrics))
