"""The bar a person watches: share done, rate, time left, and a remark; drawn at most ten times a second."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TextIO

import rich.console
import rich.progress


class _Bar:
    def __init__(self, progress: rich.progress.Progress, task: rich.progress.TaskID, unit: str) -> None:
        self._progress, self._task, self._unit = progress, task, unit
        self._pending, self._done, self._note = 0, 0, ""
        self._started, self._drawn = time.monotonic(), 0.0

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._pending += steps
        self._note = note or self._note
        now = time.monotonic()
        if now - self._drawn >= 0.1:
            self.flush(now)

    def flush(self, now: float) -> None:
        """Hand what came in since the last drawing to rich."""
        self._done += self._pending
        rate = self._done / max(now - self._started, 1e-9)
        shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2f}"
        self._progress.update(
            self._task, advance=self._pending, rate=f"{shown} {self._unit}/s", note=self._note, refresh=True
        )
        self._pending, self._drawn = 0, now


@contextlib.contextmanager
def bar(stream: TextIO, title: str, total: int | None, unit: str, done: int) -> Iterator[_Bar]:
    """A bar on ``stream`` for ``total`` units of which ``done`` were done before."""
    columns = [
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TextColumn("{task.fields[rate]}", markup=False),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("{task.fields[note]}", markup=False),
    ]
    console = rich.console.Console(file=stream)
    # Results must not be drawn above the bar when stdout is a file or a pipe: rich would send them to ``stream``.
    with rich.progress.Progress(
        *columns, console=console, transient=True, auto_refresh=False, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        task = progress.add_task(title, total=total, completed=done, rate="", note="")
        running = _Bar(progress, task, unit)
        yield running
        running.flush(time.monotonic())
