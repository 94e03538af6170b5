"""Show an architecture."""

from __future__ import annotations

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import json_option


@click.command(cls=Verb)
@click.argument("name")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--input",
    "input_shape",
    metavar="CxHxW",
    help="Shape of one input; TIMExFEATURES of a sequence.  [default: as in the paper, or the run's data]",
)
@click.option("--classes", type=click.IntRange(min=1), help="Number of classes.")
@json_option()
@click.pass_obj
def command(
    console: Console, name: str, settings: tuple[str, ...], input_shape: str | None, classes: int | None, as_json: bool
) -> None:
    """Show the layers of a model or a run: output shapes, parameters, multiply-adds, receptive fields.

    \b
    gatefield show lenet5
    gatefield show lenet5-1998 --input 1x28x28
    gatefield show mlp hidden=[300,100] --classes 26
    gatefield show runs/digits-1
    """
    from ...tasks import anatomy

    summary = anatomy.show(name, settings, input_shape=_shape(input_shape), classes=classes)
    if as_json:
        console.json(summary.to_dict())
    else:
        console.result(str(summary))


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.lower().replace(",", "x").split("x")
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"--input {text} is not a shape", hint="write channels, height and width: --input 3x32x32")
    return tuple(int(part) for part in parts)
