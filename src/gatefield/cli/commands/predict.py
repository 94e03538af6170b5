"""Apply a trained network to files."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import contents_of, device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--top", type=click.IntRange(min=1), default=1, help="How many answers to give, likeliest first.  [default: 1]"
)
@click.option("--out", metavar="FOLDER", help="Write answers that are pictures there: a forecast film, for example.")
@device_option
@json_option("One JSON object a line.")
@click.pass_obj
def command(
    console: Console, run: str, inputs: tuple[str, ...], top: int, out: str | None, device: str, as_json: bool
) -> None:
    """Tell what the network in RUN says about each INPUT: a file, or for networks that read text the text itself.

    A folder stands for all files below it, a file of text for each of its lines; '-' reads one from stdin.

    \b
    gatefield predict runs/digits-1 seven.png
    gatefield predict runs/mine pictures/ --top 3 --json
    cat seven.png | gatefield predict runs/digits-1 -
    gatefield predict runs/reviews-1 "a film that lingers"
    gatefield predict runs/moving-digits-1 film.gif --out forecasts
    """
    from ...tasks.run import load

    loaded = load(run, device=device, console=console)
    draw = getattr(loaded.task, "draw", None)
    if out is not None and draw is None:
        message = f"{run} is a run of the task {type(loaded.task).name}, whose answers are words"
        raise InputError(message, hint="leave --out out")
    contents = contents_of(inputs)
    for answer in loaded.predict(contents, top=top):
        if out is not None and draw is not None:
            _write(pathlib.Path(out), answer["input"], draw(answer), console)
        if as_json:
            console.json(answer)
        else:
            ranked = ", ".join(f"{item['label']} {item['probability']:.1%}" for item in answer.get("top", ()))
            console.result(f"{answer['input']}: {ranked or answer['text']}")


def _write(folder: pathlib.Path, given: str, files: Mapping[str, bytes], console: Console) -> None:
    """Write ``files``, ending -> content, named after the input they answer.

    Raises:
        InputError: one of them is there already.
        StorageError: they cannot be written.
    """
    from ...core.files import storage_errors, write_bytes

    stem = "stdin" if given == "<bytes>" else pathlib.Path(given).stem
    for ending, content in files.items():
        path = folder / f"{stem}-answer{ending}"
        if path.exists():
            raise InputError(f"{path} exists already and was left as it is", hint="give another folder with --out")
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
        console.say(f"wrote {path}")
