"""Call the command line in this process, as a shell would."""

from __future__ import annotations

import io
from typing import NamedTuple

from gatefield import train
from gatefield.cli.main import run
from gatefield.core.console import Console


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def gatefield(*arguments: object) -> Outcome:
    """Exit code, stdout and stderr of ``gatefield`` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    code = run([str(argument) for argument in arguments], Console(stdout=out, stderr=err))
    return Outcome(code, out.getvalue(), err.getvalue())


def refused(*arguments: object) -> str:
    """The message of a command line that must be refused: exit code 2, nothing on stdout, a hint."""
    outcome = gatefield(*arguments)
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    *_, message, hint = outcome.err.rstrip().split("\n")
    assert message.startswith("error: "), outcome.err
    assert hint.startswith("hint: ")
    assert len(hint) > len("hint: ")
    return f"{message}\n{hint}"


def trained_sample(factory, task):
    """The run of the small instance that ``task`` offers the contract suite."""
    folder = factory.mktemp(task.name)
    (folder / "data").mkdir()
    return train(task.sample(folder / "data"), out=folder / "run", report=False)
