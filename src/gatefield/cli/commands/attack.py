"""See how little it takes to mislead a trained network."""

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
    help="'gatefield list attacks' names them.  [default: fgsm, of piano rolls flip, of words and symbols hot-flip]",
)
@click.option(
    "--epsilon",
    type=float,
    metavar="E",
    help="The budget: grey levels of 255, an amplitude of at most 1, standard deviations of a series, or a part of 1 "
    "of keys and of numbers to be added.  [default: 8, of sounds 0.001, of all others 0.1]",
)
@set_option
@click.option(
    "--target",
    metavar="ANSWER",
    help="What the network shall answer: a class, or what it shall hear, say or translate.  [default: anything wrong]",
)
@click.option(
    "--count", type=click.IntRange(min=1), default=500, help="How many test inputs to attack at most.  [default: 500]"
)
@click.option("--out", metavar="FILE", help="Write a page (.html) with the curve over the budget and inputs.")
@device_option
@json_option()
@click.pass_obj
def command(
    console: Console,
    run: str,
    inputs: tuple[str, ...],
    method: str | None,
    epsilon: float | None,
    settings: tuple[str, ...],
    target: str | None,
    count: int,
    out: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Change what the network in RUN reads a little, so that it is wrong about it.

    Pixels, samples and values are moved, keys of piano rolls struck, words and symbols written anew. Without an INPUT,
    the test part of the run's own data is attacked, and what the network makes of it before and after is told beside
    that of mere chance. An INPUT is what 'gatefield predict' takes; a folder stands for all files below it, and '-'
    reads one file's content from stdin.

    \b
    gatefield attack runs/digits-1
    gatefield attack runs/digits-1 --method pgd --epsilon 4 --set steps=40 --out attack.html
    gatefield attack runs/mine cat.jpg --method minimum-norm --target dog --json
    gatefield attack runs/spoken-digits-1 --epsilon 0.002 --out attack.html
    gatefield attack runs/digit-strings-1 a.wav --target 1234 --method pgd --epsilon 0.01 --set steps=400
    gatefield attack runs/sst2-1 "not bad at all" --set replacements=2
    gatefield attack runs/airline-1 --epsilon 0.1 --out attack.html
    """
    from ...tasks import attacking, attacking_page
    from ...tasks.explaining import place_for
    from ...tasks.run import load

    chosen = MethodSettings(method, settings)
    path = None if out is None else place_for(out, "attack.html", (".html",))
    loaded = load(run, device=device, console=console)
    contents = contents_of(inputs)
    with chosen.cited():
        attacked = attacking.attack(loaded, contents, chosen.config, epsilon, target, count, console)
    if path is not None:
        attacking_page.page(loaded, attacked).write(path)
    if as_json:
        console.json(attacked.to_dict() | ({} if path is None else {"out": str(path)}))
        return
    console.result(attacking_page.describe(attacked))
    if path is not None:
        console.result(str(path))
