"""Look at data sets, and fetch them."""

from __future__ import annotations

import click

from ...core.console import Console
from ...core.errors import InputError
from ..main import Verb
from ..options import json_option


@click.command(cls=Verb)
@click.argument("reader", required=False)
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--fetch", is_flag=True, help="Download the data set into the cache, checked against its published checksums."
)
@click.option("--picture", metavar="FILE.png", help="Write a sheet of examples of every class.")
@json_option()
@click.pass_obj
def command(
    console: Console, reader: str | None, settings: tuple[str, ...], fetch: bool, picture: str | None, as_json: bool
) -> None:
    """Show what a data set holds; without READER, which data sets can be read.

    \b
    gatefield data
    gatefield data mnist
    gatefield data mnist --fetch
    gatefield data image-folder path=pictures size=64 --picture sheet.png
    """
    from ...tasks import datasets

    if reader is None:
        if fetch or picture:
            raise InputError("no data set is named", hint="write for example: gatefield data mnist --fetch")
        rows = datasets.overview()
        if as_json:
            console.json(rows)
            return
        width = max(map(len, rows))
        for name, row in rows.items():
            console.result(f"{name:{width}}  {row['where']:14}  {row['licence'] or 'your own files'}")
        return
    if fetch:
        datasets.fetch(reader, console)
    description = datasets.describe(reader, settings, picture)
    for note in description["notes"]:
        console.warn(note)
    if as_json:
        console.json(description)
        return
    shape = f" of shape {tuple(description['shape'])}" if "shape" in description else ""
    for part, facts in description["parts"].items():
        more = dict(facts)
        count, classes = more.pop("count"), more.pop("classes", {})
        each = ", ".join(f"{key} {value}" for key, value in {**more, **classes}.items())
        console.result(f"{part}: {count}{shape}" + (f": {each}" if each else ""))
    for key in ("names", "covariates"):
        if description.get(key):
            console.result(f"{key}: {', '.join(description[key])}")
