"""Write down what is said in recordings."""

from __future__ import annotations

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("inputs", nargs=-1, required=True, metavar="FILE.wav...")
@click.option(
    "--beam", type=click.IntRange(min=1), metavar="N", help="Follow the N likeliest texts.  [default: as the run does]"
)
@click.option("--times", is_flag=True, help="Also when each character is said, a line each.")
@device_option
@json_option("One JSON object a recording, with times and all N texts.")
@click.pass_obj
def command(
    console: Console, run: str, inputs: tuple[str, ...], beam: int | None, times: bool, device: str, as_json: bool
) -> None:
    """Tell what is said in each FILE.wav, by the recognizer in RUN.

    Recordings may have any rate and any number of channels; a folder stands for all recordings below it.

    \b
    gatefield transcribe runs/digit-strings-1 message.wav
    gatefield transcribe runs/digit-strings-1 recordings/ --beam 16
    gatefield transcribe runs/digit-strings-1 message.wav --json
    """
    if times and as_json:
        raise click.UsageError("--json has the times already: leave out --times")
    from ...tasks.run import load
    from ...tasks.transcription import Transcription

    loaded = load(run, device=device, console=console)
    task = loaded.task
    if not isinstance(task, Transcription):
        hint = "give a run of the task transcription, or use 'gatefield predict'"
        raise InputError(f"{run} is a run of the task {type(task).name}, which writes nothing down", hint=hint)
    decoder = None if beam is None else task.beam(beam)
    for answer in task.predict(loaded.session, inputs, beam or 1, decoder):
        if as_json:
            console.json(answer)
            continue
        console.result(f"{answer['input']}: {answer['text']}")
        if times:
            for symbol in answer["symbols"]:
                console.result(f"  {symbol['start']:7.2f} s  {symbol['symbol']}")
