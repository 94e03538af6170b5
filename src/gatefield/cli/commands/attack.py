"""See how little it takes to mislead a trained network."""

from __future__ import annotations

import sys

import click

from ...core.console import Console
from ..main import Verb


@click.command(cls=Verb)
@click.argument("run", metavar="RUN")
@click.argument("inputs", nargs=-1, metavar="[FILE]...")
@click.option("--method", metavar="NAME", default="fgsm", help="'gatefield list attacks' names them.  [default: fgsm]")
@click.option("--epsilon", type=float, metavar="E", help="The budget in grey levels of 255.  [default: 8]")
@click.option("--target", metavar="CLASS", help="What the network shall answer.  [default: anything wrong]")
@click.option(
    "--count", type=click.IntRange(min=1), default=500, help="How many test images to attack at most.  [default: 500]"
)
@click.option("--out", metavar="FILE", help="Write a page (.html) with the curve over epsilon and pictures.")
@click.option("--device", metavar="D", default="auto", help="auto, cpu, cuda, cuda:1, mps.  [default: auto]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(
    console: Console,
    run: str,
    inputs: tuple[str, ...],
    method: str,
    epsilon: float | None,
    target: str | None,
    count: int,
    out: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Change pictures a little, so that the network in RUN is wrong about them.

    Without a FILE, the test part of the run's own data is attacked, and accuracy before and after is told. A folder
    stands for all files below it; '-' reads one file's content from stdin.

    \b
    gatefield attack runs/digits-1
    gatefield attack runs/digits-1 --method pgd --epsilon 4 --out attack.html
    gatefield attack runs/mine cat.jpg --method minimum-norm --target dog --json
    """
    from ...tasks import attacking, attacking_page
    from ...tasks.explaining import place_for
    from ...tasks.run import load

    path = None if out is None else place_for(out, "attack.html", (".html",))
    loaded = load(run, device=device, console=console)
    contents = [sys.stdin.buffer.read() if given == "-" else given for given in inputs]
    attacked = attacking.attack(loaded, contents, method, epsilon, target, count, console)
    if path is not None:
        attacking_page.page(loaded, attacked).write(path)
    if as_json:
        console.json(attacked.to_dict() | ({} if path is None else {"out": str(path)}))
        return
    console.result(attacking_page.describe(attacked))
    if path is not None:
        console.result(str(path))
