"""Make the page of a run."""

from __future__ import annotations

import click

from ...core.console import Console
from ..main import Verb
from ..options import device_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@device_option
@click.pass_obj
def command(console: Console, run: str, device: str) -> None:
    """Write report.html into RUN: curves, mistakes, filters and tables on one page that needs no network.

    Prints the path of the page.

    \b
    gatefield report runs/digits-1
    """
    from ...tasks.run import load

    console.result(str(load(run, device=device, console=console).report()))
