"""Show why a trained network answers as it does."""

from __future__ import annotations

import click

from ...core.console import Console
from ..main import Verb
from ..method_settings import MethodSettings, set_option
from ..options import contents_of, device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option(
    "--method",
    metavar="NAME",
    help="How; 'gatefield list explainers' names them.  [default: that of the task: grad-cam of pictures, "
    "occlusion of captions and transcripts, else mostly integrated-gradients]",
)
@set_option
@click.option("--layer", metavar="NAME", help="The layer to map.  [default: the last with several places]")
@click.option(
    "--target",
    metavar="NAME",
    help="The class, tag, word, series, key or pixel (ROW,COLUMN) to explain.  [default: the network's answer]",
)
@click.option(
    "--position",
    metavar="N",
    type=int,
    help="The word, step, frame or symbol whose answer to explain, from 1.  [default: all, or the last]",
)
@click.option("--compare", is_flag=True, help="All methods that the network allows, side by side.")
@click.option("--out", metavar="FILE", help="A page (.html) or a picture (.png).  [default: explain.html]")
@device_option
@json_option("One JSON object a line, for each answer.")
@click.pass_obj
def command(
    console: Console,
    run: str,
    inputs: tuple[str, ...],
    method: str | None,
    settings: tuple[str, ...],
    layer: str | None,
    target: str | None,
    position: int | None,
    compare: bool,
    out: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Show what in each INPUT counts for the answer of the network in RUN.

    An INPUT is what 'gatefield predict' takes: a picture, a text, a recording, a table of a series; forecasters and
    other tasks on numbers explain something of their own without one. A folder stands for all files below it; '-' reads
    one file's content from stdin. Of what a network writes, each word of its own translation, caption or transcript is
    explained. Writes one page or picture and prints its path.

    \b
    gatefield explain runs/digits-1 seven.png
    gatefield explain runs/mine cat.jpg --target dog --method integrated-gradients --out why.png
    gatefield explain runs/digits-1 seven.png --method grad-cam --set mean=false --set relu=false
    gatefield explain runs/mine pictures/ --compare
    gatefield explain runs/sst2-1 "not bad at all"
    gatefield explain runs/named-entities-1 "Grace Hopper left Yale" --position 2
    gatefield explain runs/spoken-digits-1 seven.wav --method occlusion
    gatefield explain runs/multi30k-1 "Ein Hund bellt." --position 2 --target cat
    gatefield explain runs/digit-scenes-1 scene.png
    gatefield explain runs/forecast-1 --position 3
    gatefield explain runs/moving-digits-1 film.gif --target 9,9
    """
    if compare and method is not None:
        raise click.UsageError("--compare takes all methods, --method one: give one of the two")
    if settings and method is None:
        raise click.UsageError("--set is about one method: name it with --method")
    from ...tasks import explaining
    from ...tasks.run import load

    chosen = MethodSettings(method, settings)
    path = explaining.place_for(out, "explain.html", (".html", ".png"))
    loaded = load(run, device=device, console=console)
    contents = contents_of(inputs)
    methods = explaining.all_methods() if compare else [] if method is None else [chosen.config]
    found = []
    with chosen.cited():
        for explanation in explaining.explain(loaded, contents, methods, target, layer, console, position):
            found.append(explanation)
            if as_json:
                console.json(explanation.to_dict() | {"out": str(path)})
    explaining.write(loaded, found, path)
    if not as_json:
        console.result(str(path))
