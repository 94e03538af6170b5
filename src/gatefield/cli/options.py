"""What several verbs share: options, and inputs that may come from stdin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

device_option = click.option(
    "--device", metavar="D", default="auto", help="auto, cpu, cuda, cuda:1, mps.  [default: auto]"
)


def json_option(what: str = "One JSON object.") -> Callable[[Any], Any]:
    """``--json``, which gives ``what``."""
    return click.option("--json", "as_json", is_flag=True, help=what)


def contents_of(inputs: Sequence[str]) -> list[str | bytes]:
    """What a person gives behind the run, ``-`` being the content of stdin."""
    return [sys.stdin.buffer.read() if given == "-" else given for given in inputs]
