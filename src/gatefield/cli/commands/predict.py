"""Apply a trained network to files."""

from __future__ import annotations

import sys

import click

from ...core.console import Console
from ..main import Verb


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--top", type=click.IntRange(min=1), default=1, help="How many answers to give, likeliest first.  [default: 1]"
)
@click.option("--device", metavar="D", default="auto", help="auto, cpu, cuda, cuda:1, mps.  [default: auto]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def command(console: Console, run: str, inputs: tuple[str, ...], top: int, device: str, as_json: bool) -> None:
    """Tell what the network in RUN says about each INPUT: a file, or for networks that read text the text itself.

    A folder stands for all files below it, a file of text for each of its lines; '-' reads one from stdin.

    \b
    gatefield predict runs/digits-1 seven.png
    gatefield predict runs/mine pictures/ --top 3 --json
    cat seven.png | gatefield predict runs/digits-1 -
    gatefield predict runs/reviews-1 "a film that lingers"
    """
    from ...tasks.run import load

    loaded = load(run, device=device, console=console)
    contents = [sys.stdin.buffer.read() if given == "-" else given for given in inputs]
    for answer in loaded.predict(contents, top=top):
        if as_json:
            console.json(answer)
        else:
            ranked = ", ".join(f"{item['label']} {item['probability']:.1%}" for item in answer.get("top", ()))
            console.result(f"{answer['input']}: {ranked or answer['text']}")
