"""Results go to stdout and talk to stderr; a bar is drawn only for a person, and never takes results away."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re

import pytest

from gatefield.core import progress_bar
from gatefield.core.console import Console, silent


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def wide(monkeypatch):
    """A terminal of 200 columns that understands escape codes, whatever the environment says."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when it is told to: ``clock[0] += seconds``."""
    now = [1000.0]
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: now[0])
    return now


def streams(quiet: bool = False, terminal: bool = False) -> tuple[Console, io.StringIO, io.StringIO]:
    stdout, stderr = io.StringIO(), Terminal() if terminal else io.StringIO()
    return Console(quiet, stdout, stderr), stdout, stderr


def test_results_and_talk_are_kept_apart():
    console, stdout, stderr = streams()
    console.result("runs/digits-1")
    console.say("epoch 1")
    console.warn("one class has a single picture")
    assert stdout.getvalue() == "runs/digits-1\n"
    assert stderr.getvalue() == "epoch 1\nwarning: one class has a single picture\n"


@pytest.mark.parametrize("make", [silent, lambda: Console(quiet=True)])
def test_quiet_says_nothing_but_results_and_warnings(make, capsys):
    console = make()
    console.result("runs/digits-1")
    console.say("epoch 1")
    console.warn("careful")
    assert capsys.readouterr() == ("runs/digits-1\n", "warning: careful\n")


def test_json_is_one_line_that_any_program_reads():
    console, stdout, _ = streams()
    content = {"label": "größe\n", "loss": math.nan, "all": [1.5, -math.inf, (2, {"x": math.inf})], "none": None}
    console.json(content)
    text = stdout.getvalue()
    assert text.count("\n") == 1

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    expected = {"label": "größe\n", "loss": None, "all": [1.5, None, [2, {"x": None}]], "none": None}
    assert json.loads(text, parse_constant=refuse) == expected


@pytest.mark.parametrize(
    ("quiet", "terminal", "interactive"), [(False, True, True), (True, True, False), (False, False, False)]
)
def test_a_bar_is_drawn_only_where_somebody_watches(wide, quiet, terminal, interactive):
    console, stdout, stderr = streams(quiet, terminal)
    assert console.interactive is interactive
    with console.progress("train", 10) as progress:
        for _ in range(10):
            progress.advance()
    assert bool(stderr.getvalue()) is interactive
    assert stdout.getvalue() == ""


def drawn(stderr: io.StringIO) -> str:
    """What was drawn, without escape codes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stderr.getvalue())


def test_the_bar_shows_share_rate_time_left_and_note(wide, clock):
    console, _, stderr = streams(terminal=True)
    with console.progress("train", 1000, unit="image") as progress:
        for _ in range(5):
            clock[0] += 1.0
            progress.advance(100, note="loss [0.25]")
    text = drawn(stderr)
    assert "train" in text
    assert "50%" in text
    assert "100 image/s" in text
    assert re.search(r"\d:\d\d:\d\d", text), "time left"
    assert "loss [0.25]" in text


def test_slow_work_has_a_rate_too(wide, clock):
    console, _, stderr = streams(terminal=True)
    with console.progress("train", 10, unit="epoch") as progress:
        clock[0] += 4.0
        progress.advance()
    assert "0.25 epoch/s" in drawn(stderr)


def test_what_was_done_before_counts_for_the_share_and_not_for_the_rate(wide, clock):
    console, _, stderr = streams(terminal=True)
    with console.progress("train", 1000, done=800) as progress:
        clock[0] += 2.0
        progress.advance(100)
    text = drawn(stderr)
    assert "90%" in text
    assert "50 step/s" in text


def test_an_unknown_total_and_square_brackets_are_no_trouble(wide):
    console, _, stderr = streams(terminal=True)
    with console.progress("read [/tmp]", None, unit="[file]") as progress:
        progress.advance(note="[/] a[0].png")
    assert "read [/tmp]" in drawn(stderr)
    assert "[/] a[0].png" in drawn(stderr)


def test_the_bar_is_drawn_at_most_ten_times_a_second(wide, clock):
    console, _, stderr = streams(terminal=True)
    with console.progress("train", 10_000) as progress:
        progress.advance()
        before = len(stderr.getvalue())
        for _ in range(99):
            clock[0] += 0.001
            progress.advance()
        assert len(stderr.getvalue()) == before
        clock[0] += 0.01
        progress.advance(99)
        assert len(stderr.getvalue()) > before
    assert "2%" in drawn(stderr)


def test_an_error_passes_through_the_bar(wide):
    console, _, _ = streams(terminal=True)
    with pytest.raises(ZeroDivisionError), console.progress("train", 10):
        raise ZeroDivisionError


def test_results_printed_while_a_bar_is_drawn_stay_on_stdout(wide):
    stdout, stderr = io.StringIO(), Terminal()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        console = Console()
        with console.progress("predict", 2) as progress:
            console.result('{"label": "7"}')
            progress.advance()
            console.warn("a.png is damaged")
    assert stdout.getvalue() == '{"label": "7"}\n'
    assert "warning: a.png is damaged" in drawn(stderr)
    assert "label" not in drawn(stderr)
