"""Translate texts with a trained network."""

from __future__ import annotations

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import contents_of, device_option, json_option


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("inputs", nargs=-1, required=True, metavar="TEXT...")
@click.option(
    "--beam",
    type=click.IntRange(min=1),
    metavar="N",
    help="Follow the N likeliest translations; 1 is greedy.  [default: as the recipe says]",
)
@click.option("--n-best", type=click.IntRange(min=1), metavar="K", help="Give the K best, with scores.  [default: 1]")
@click.option(
    "--must-contain",
    multiple=True,
    metavar="PHRASE",
    help="A phrase that each translation has to have, as inside a text of the other language; again for another.",
)
@click.option("--attention", metavar="FILE", help="Draw where the network looked, for one text, into a PNG file.")
@click.option("--tree", metavar="FILE", help="Draw all that the search followed, for one text, into a PNG file.")
@device_option
@json_option("One JSON object a text.")
@click.pass_obj
def command(
    console: Console,
    run: str,
    inputs: tuple[str, ...],
    beam: int | None,
    n_best: int | None,
    must_contain: tuple[str, ...],
    attention: str | None,
    tree: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Translate each TEXT with the network in RUN: one line each, in order.

    A file stands for each of its lines, '-' for those of stdin. With --n-best a line is score, tab, translation.

    \b
    gatefield translate runs/dates-1 "the 3rd of May 1997"
    gatefield translate runs/multi30k-1 captions.de --beam 5 > captions.en
    gatefield translate runs/multi30k-1 "Ein Hund rennt." --must-contain puppy
    gatefield translate runs/multi30k-1 "Ein Hund rennt." --n-best 3 --attention looked.png
    gatefield translate runs/multi30k-1 "Ein Hund rennt." --beam 3 --tree searched.png
    """
    from ...tasks.explaining import place_for
    from ...tasks.run import load
    from ...tasks.translating import draw_alignment, searching
    from ...tasks.translation import Translation

    pictures = {
        option: place_for(file, f"{option.removeprefix('--')}.png", (".png",))
        for option, file in (("--attention", attention), ("--tree", tree))
        if file is not None
    }
    if attention is not None and attention == tree:
        raise InputError(f"--attention and --tree name the same file, {tree}", hint="give two names")
    loaded = load(run, device=device, console=console)
    task = loaded.task
    if not isinstance(task, Translation):
        hint = "give a run of the task translation, or use 'gatefield predict'"
        raise InputError(f"{run} is a run of the task {type(task).name}, which does not translate", hint=hint)
    contents = contents_of(inputs)
    decoder = searching(task.decoder, beam, n_best)
    answers = task.predict(loaded.session, contents, decoder=decoder, must_contain=must_contain)
    if pictures:
        answers = list(answers)
        if len(answers) != 1:
            option = next(iter(pictures))
            message = f"{option} draws one text, and {len(answers)} are given"
            raise InputError(message, hint=f"give one text, or leave {option} out")
        source = answers[0]["source"]
        if "--attention" in pictures:
            looked = task.looked(source, answers[0]["hypotheses"][0]["symbols"])
            draw_alignment(looked, pictures["--attention"])
        if "--tree" in pictures:
            task.searched(source, decoder, must_contain).draw(pictures["--tree"])
    for answer in answers:
        if as_json:
            console.json(answer)
            continue
        if answer["unknown"]:
            names = ", ".join(map(repr, answer["unknown"]))
            console.warn(f"{answer['input']}: the network does not know {names}, and reads what is unknown instead")
        if n_best is None:
            console.result(answer["text"])
        else:
            for hypothesis in answer["hypotheses"]:
                console.result(f"{hypothesis['score']:.4f}\t{hypothesis['text']}")
