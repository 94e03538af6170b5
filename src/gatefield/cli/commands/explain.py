"""Show why a trained network answers as it does."""

from __future__ import annotations

import sys

import click

from ...core.console import Console
from ..main import Verb


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("inputs", nargs=-1, required=True, metavar="FILE...")
@click.option("--method", metavar="NAME", help="How; 'gatefield list explainers' names them.  [default: grad-cam]")
@click.option("--layer", metavar="NAME", help="The layer to map.  [default: the last with several places]")
@click.option("--target", metavar="CLASS", help="The class to explain.  [default: the network's answer]")
@click.option("--compare", is_flag=True, help="All methods that the network allows, side by side.")
@click.option("--out", metavar="FILE", help="A page (.html) or a picture (.png).  [default: explain.html]")
@click.option("--device", metavar="D", default="auto", help="auto, cpu, cuda, cuda:1, mps.  [default: auto]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for each FILE.")
@click.pass_obj
def command(
    console: Console,
    run: str,
    inputs: tuple[str, ...],
    method: str | None,
    layer: str | None,
    target: str | None,
    compare: bool,
    out: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Show what in each FILE counts for the answer of the network in RUN.

    Writes one page or picture, over the pictures at their own size, and prints its path. A folder stands for all files
    below it; '-' reads one file's content from stdin.

    \b
    gatefield explain runs/digits-1 seven.png
    gatefield explain runs/mine cat.jpg --target dog --method integrated-gradients --out why.png
    gatefield explain runs/mine pictures/ --compare
    """
    if compare and method is not None:
        raise click.UsageError("--compare takes all methods, --method one: give one of the two")
    from ...tasks import explaining
    from ...tasks.run import load

    path = explaining.place_for(out, "explain.html", (".html", ".png"))
    loaded = load(run, device=device, console=console)
    contents = [sys.stdin.buffer.read() if given == "-" else given for given in inputs]
    methods = explaining.all_methods() if compare else [method or "grad-cam"]
    found = []
    for explanation in explaining.explain(loaded, contents, methods, target, layer, console):
        found.append(explanation)
        if as_json:
            console.json(explanation.to_dict() | {"out": str(path)})
    explaining.write(loaded, found, path)
    if not as_json:
        console.result(str(path))
