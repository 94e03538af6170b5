"""Take a trained network apart."""

from __future__ import annotations

import click

from ...core.console import Console
from ..main import Verb


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.option(
    "--what",
    metavar="A,B,...",
    default="",
    help="codes, filters, features, maximize, lesion, landscape, flow, histograms.  [default: all that it allows]",
)
@click.option("--layer", metavar="NAME", help="The layer to look at, as 'gatefield show RUN' names it.")
@click.option("--count", metavar="N", type=click.IntRange(min=1), default=500, help="Pictures.  [default: 500]")
@click.option("--out", metavar="FILE", help="The page to write.  [default: RUN/dissect.html]")
@click.option("--device", metavar="D", default="auto", help="auto, cpu, cuda, cuda:1, mps.  [default: auto]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the figures and the path of the page.")
@click.pass_obj
def command(
    console: Console,
    run: str,
    what: str,
    layer: str | None,
    count: int,
    out: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Look inside the network in RUN: what its layers see, what its blocks are for, how its loss lies around it.

    Writes one page that needs no network, and prints its path.

    \b
    gatefield dissect runs/digits-1
    gatefield dissect runs/digits-1 --what codes,features --layer features.c3
    gatefield dissect runs/mine --what lesion --json
    """
    from ...tasks.dissecting import dissect
    from ...tasks.run import load

    names = [name.strip() for name in what.split(",") if name.strip()]
    loaded = load(run, device=device, console=console)
    found = dissect(loaded, names, layer, count, out, console)
    if as_json:
        console.json({"page": str(found.page), **found.findings})
    else:
        console.result(str(found.page))
