"""What every verb keeps: instant help with examples, results on stdout, errors with a hint and exit code 2."""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import re
import subprocess
import sys

import click
import pytest

from gatefield.cli import commands
from gatefield.cli.main import Verb, run
from gatefield.core.console import Console

VERBS = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))


def call(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command line."""
    out, err = io.StringIO(), io.StringIO()
    code = run(list(arguments), Console(stdout=out, stderr=err))
    return code, out.getvalue(), err.getvalue()


def test_the_verbs_of_the_foundation_are_there():
    assert {"train", "evaluate", "predict", "report", "show", "list", "data", "doctor"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_verb_explains_itself_with_an_example(verb, capsys):
    command = importlib.import_module(f"gatefield.cli.commands.{verb}").command
    assert isinstance(command, Verb)
    code, _, _ = call(verb, "--help")
    assert code == 0
    assert f"gatefield {verb}" in capsys.readouterr().out.split("\n", 1)[1]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"--{parameter.name} has no help"


@pytest.mark.parametrize("verb", VERBS)
def test_unknown_option_is_the_users_error(verb):
    code, out, err = call(verb, "--no-such-option")
    assert code == 2
    assert out == ""
    assert re.search(r"^error: .*--no-such-option.*\nhint: ", err)


def test_unknown_verb_offers_the_nearest():
    code, out, err = call("trian")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no verb 'trian'\nhint: did you mean 'train'?")


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in VERBS)])
def test_help_imports_neither_torch_nor_anything_slow(arguments):
    script = (
        "import sys, io\n"
        "from gatefield.cli.main import run\nfrom gatefield.core.console import Console\n"
        f"assert run({arguments!r}, Console()) == 0\n"
        "slow = {'torch', 'numpy', 'matplotlib', 'sklearn', 'PIL', 'rich'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_is_instant():
    """The whole process in at most 150 ms: of a processor, best of several, because machines are shared."""

    def once() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-m", "gatefield", "--help"], check=True, capture_output=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(once() for _ in range(7)) < 0.150


def test_a_fault_of_ours_is_told_as_such(monkeypatch):
    from gatefield.tasks import doctor

    monkeypatch.setattr(doctor, "examine", lambda: 1 // 0)
    code, _, err = call("doctor")
    assert code == 1
    assert err.startswith("error: ZeroDivisionError")
    assert "fault of ours" in err
    with pytest.raises(ZeroDivisionError):
        call("doctor", "--debug")


def test_interruption_has_its_own_code(monkeypatch):
    from gatefield.tasks import doctor

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupt)
    code, _, err = call("doctor")
    assert code == 130
    assert "--resume" in err
