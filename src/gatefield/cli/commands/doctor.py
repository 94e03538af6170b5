"""Examine the installation."""

from __future__ import annotations

import click

from ...core.console import Console
from ..main import Verb
from ..options import json_option


@click.command(cls=Verb)
@json_option()
@click.pass_obj
def command(console: Console, as_json: bool) -> None:
    """Show versions, threads, devices, data folders and which fast paths this machine has.

    \b
    gatefield doctor
    """
    from ...tasks.doctor import examine

    findings = examine()
    if as_json:
        console.json(findings)
        return
    for section, facts in findings.items():
        console.result(section)
        width = max(map(len, facts))
        for key, value in facts.items():
            console.result(f"  {key:{width}}  {value}")
