"""Take a trained network apart."""

from __future__ import annotations

import click

from ...core.console import Console
from ..main import Verb
from ..options import contents_of, device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option(
    "--what",
    metavar="A,B,...",
    default="",
    help="Of pictures: codes, filters, features, maximize, lesion, landscape, flow, histograms. Of sequences: gates, "
    "units, attention, lags, landscape, flow, histograms.  [default: all that it allows]",
)
@click.option(
    "--layer",
    metavar="NAME",
    help="The layer to look at; to a wrong name the nearest are told.  [default: each section's own choice]",
)
@click.option(
    "--count", metavar="N", type=click.IntRange(min=1), help="Pictures or sequences.  [default: 500, or 48 sequences]"
)
@click.option("--out", metavar="FILE", help="The page to write.  [default: RUN/dissect.html]")
@device_option
@json_option("One JSON object with the figures and the path of the page.")
@click.pass_obj
def command(
    console: Console,
    run: str,
    inputs: tuple[str, ...],
    what: str,
    layer: str | None,
    count: int | None,
    out: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Look inside the network in RUN: what its layers see, what its blocks are for, how its loss lies around it.

    A run on sequences shows what its gates do over a text, what excites its units, where it looks, and how far back
    gradients reach; with an INPUT, what 'gatefield explain' takes, it is looked at over that one. Writes one page that
    needs no network, and prints its path.

    \b
    gatefield dissect runs/digits-1
    gatefield dissect runs/digits-1 --what codes,features --layer features.c3
    gatefield dissect runs/mine --what lesion --json
    gatefield dissect runs/shakespeare-1 "To be or not to be" --what gates,units
    """
    from ...tasks.dissecting import dissect
    from ...tasks.run import load

    names = [name.strip() for name in what.split(",") if name.strip()]
    loaded = load(run, device=device, console=console)
    contents = contents_of(inputs)
    found = dissect(loaded, names, layer, count, out, console, contents)
    if as_json:
        console.json({"page": str(found.page), **found.findings})
    else:
        console.result(str(found.page))
