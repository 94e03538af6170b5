"""Train a network."""

from __future__ import annotations

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import device_option


@click.command(cls=Verb)
@click.argument("recipe", required=False)
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--out", metavar="DIR", help="The run folder to make.  [default: runs/<recipe>-<number>]")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of every random choice.  [default: 0]")
@device_option
@click.option(
    "--resume",
    metavar="RUN",
    is_flag=False,
    flag_value="",
    help="Go on with an unfinished run: RUN, or the folder of --out.",
)
@click.option("--no-report", is_flag=True, help="Do not draw report.html; 'gatefield report RUN' does it later.")
@click.option("--print-recipe", is_flag=True, help="Print the recipe with every default filled in, and stop.")
@click.pass_obj
def command(
    console: Console,
    recipe: str | None,
    settings: tuple[str, ...],
    out: str | None,
    seed: int | None,
    device: str,
    resume: str | None,
    no_report: bool,
    print_recipe: bool,
) -> None:
    """Train what RECIPE describes: a name from 'gatefield list recipes' or a YAML file; 'digits' by default.

    Prints the run folder, and nothing else, on stdout.

    \b
    gatefield train                                  LeNet-5 on the bundled digits
    gatefield train mnist training.epochs=5          change a setting
    gatefield train digits model=mlp model.hidden=[64,64]
    gatefield train my.yaml --out runs/mine --seed 1
    gatefield train --resume runs/mine               after an interruption
    gatefield train my.yaml --out runs/mine --resume starts, or goes on if it was started
    torchrun --nproc-per-node 2 -m gatefield train mnist
    """
    if recipe is not None and "=" in recipe:
        recipe, settings = None, (recipe, *settings)
    if resume == "" and out is None:
        raise InputError("--resume does not say which run", hint="write --resume RUN, or --out DIR --resume")
    if resume and out:
        raise InputError(f"--resume {resume} and --out {out} name two folders", hint="leave one of them out")
    from ...tasks import train as training

    if print_recipe:
        console.result(training.resolve(recipe or "digits", settings).dump().rstrip())
        return
    if resume:
        run = training.resume(resume, recipe, settings, seed=seed, device=device, report=not no_report, console=console)
    else:
        run = training.train(
            recipe or "digits",
            *settings,
            out=out,
            seed=seed,
            device=device,
            again=resume == "",
            report=not no_report,
            console=console,
        )
    if run.session.processes.leads:
        console.result(str(run.folder.path))
