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
    help="'gatefield list attacks' names them; of texts, hot-flip.  [default: fgsm, of texts hot-flip]",
)
@click.option(
    "--epsilon",
    type=float,
    metavar="E",
    help="The budget: grey levels of 255, or an amplitude of at most 1.  [default: 8, of sounds 0.001]",
)
@set_option
@click.option("--target", metavar="CLASS", help="What the network shall answer.  [default: anything wrong]")
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
    """Change pictures, recordings or texts a little, so that the network in RUN is wrong about them.

    Without an INPUT, the test part of the run's own data is attacked, and accuracy before and after is told beside that
    of mere chance. An INPUT is what 'gatefield predict' takes; a folder stands for all files below it, and '-' reads
    one file's content from stdin.

    \b
    gatefield attack runs/digits-1
    gatefield attack runs/digits-1 --method pgd --epsilon 4 --set steps=40 --out attack.html
    gatefield attack runs/mine cat.jpg --method minimum-norm --target dog --json
    gatefield attack runs/spoken-digits-1 --epsilon 0.002 --out attack.html
    gatefield attack runs/sst2-1 "not bad at all" --set replacements=2
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
