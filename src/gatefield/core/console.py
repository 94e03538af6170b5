"""Where results and talk go: results on stdout for programs, talk on stderr for people, bars only on a terminal."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterator
from typing import Any, Protocol, TextIO


class Progress(Protocol):
    """A running job, as its worker sees it."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """``steps`` more are done; ``note`` is a short remark shown beside the bar."""
        ...


class _Silent:
    def advance(self, steps: int = 1, note: str = "") -> None:
        pass


class Console:
    """The environment a command talks through.

    Args:
        quiet: say nothing but results and errors.
        stdout, stderr: streams; the process's own by default.
    """

    def __init__(self, quiet: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.quiet, self._stdout, self._stderr = quiet, stdout, stderr

    @property
    def stdout(self) -> TextIO:
        return self._stdout or sys.stdout

    @property
    def stderr(self) -> TextIO:
        return self._stderr or sys.stderr

    @property
    def interactive(self) -> bool:
        """Whether a person watches: bars are drawn only then."""
        return not self.quiet and self.stderr.isatty()

    def result(self, text: str) -> None:
        """Print a result, for programs and pipes."""
        print(text, file=self.stdout, flush=True)

    def json(self, content: Any) -> None:
        """Print a result as one JSON line; a number that JSON lacks (NaN, infinity) becomes null."""
        self.result(json.dumps(_finite(content), ensure_ascii=False))

    def say(self, text: str) -> None:
        """Tell a person how it goes."""
        if not self.quiet:
            print(text, file=self.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Tell a person what may be wrong; also when quiet."""
        print(f"warning: {text}", file=self.stderr, flush=True)

    @contextlib.contextmanager
    def progress(self, title: str, total: int | None, unit: str = "step", done: int = 0) -> Iterator[Progress]:
        """A bar with rate and time left while the block runs; nothing where nobody watches.

        Args:
            title: what is being done.
            total: how many units there are, or None if unknown.
            unit: the name of one unit, for the rate.
            done: units that were done before (a resumed job).
        """
        if not self.interactive:
            yield _Silent()
            return
        from .progress_bar import bar

        with bar(self.stderr, title, total, unit, done) as progress:
            yield progress


def silent() -> Console:
    """A console that says nothing but warnings: the default of library calls."""
    return Console(quiet=True)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
