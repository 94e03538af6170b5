"""One HTML page that needs nothing but itself: no script, no request, light and dark, on screen and on paper."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentError
from ..core.files import write_text
from . import drawing, style
from .page_style import SHEET
from .pictures import encode_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUANTITY = re.compile(r"[-+±−]?\d[\d,.  ]*([eE][-+]?\d+)?\s?\S{0,6}")
# Even if a text slipped through unescaped, a browser would neither run nor fetch anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Page:
    """A report, written from top to bottom; every text is escaped.

    Args:
        title: the heading of the page.
        subtitle: one line below it.
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title, self.subtitle = title, subtitle
        self._headings: list[str] = []
        self._body: list[str] = []
        self._figures = 0

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._headings.append(text)
        self._body.append(f'<h2 id="section-{len(self._headings)}">{_text(text)}</h2>')

    def text(self, text: str) -> None:
        """A paragraph; an empty line begins another."""
        for paragraph in re.split(r"\n\s*\n", text.strip()):
            self._body.append(f"<p>{_text(paragraph)}</p>")

    def code(self, text: str) -> None:
        """Text in which every space and line counts: a recipe, a command."""
        self._body.append(f'<pre class="wide" tabindex="0"><code>{_text(text.rstrip())}</code></pre>')

    def facts(self, facts: Mapping[str, object]) -> None:
        """The key figures, name to value, as tiles."""
        tiles = "".join(
            f"<div><dt>{_text(name)}</dt><dd>{_text(_value(value))}</dd></div>" for name, value in facts.items()
        )
        self._body.append(f'<dl class="facts">{tiles}</dl>')

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> None:
        """A table; columns of quantities are set flush right.

        Raises:
            ArgumentError: a row that is longer or shorter than ``columns``.
        """
        cells = [[_value(value) for value in row] for row in rows]
        for number, row in enumerate(cells):
            if len(row) != len(columns):
                message = f"row {number} of a table has {len(row)} cells for {len(columns)} columns"
                raise ArgumentError(message, hint="give every row one cell a column")
        right = [
            bool(filled) and all(_QUANTITY.fullmatch(text) for text in filled)
            for filled in ([row[index] for row in cells if row[index]] for index in range(len(columns)))
        ]
        right[:1] = [False] * len(right[:1])  # the first column names the row
        head = "".join(_cell("th", text, flush, "col") for text, flush in zip(columns, right))
        body = "".join(
            f"<tr>{_cell('th', row[0], False, 'row')}"
            + "".join(_cell("td", text, flush) for text, flush in zip(row[1:], right[1:]))
            + "</tr>"
            for row in cells
        )
        title = f"<caption>{_text(caption)}</caption>" if caption else ""
        name = _text(caption or "table")
        self._body.append(
            f'<div class="wide" tabindex="0" role="region" aria-label="{name}"><table>{title}'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def figure(self, figure: Figure, caption: str, alt: str) -> None:
        """A drawing with its caption; ``alt`` says in words what it shows."""
        self._figures += 1
        markup = drawing.draw(figure, _clean(alt), f"figure-{self._figures}-")
        self._body.append(
            f'<figure class="card"><div class="wide">{markup}</div><figcaption>{_text(caption)}</figcaption></figure>'
        )

    def pictures(self, images: Any, captions: Sequence[str]) -> None:
        """Pictures side by side, as many as the width holds; a picture's caption is its alternative text as well.

        Args:
            images: uint8 (number, channels, height, width), 1 or 3 channels.
            captions: one each; the first line stands out.

        Raises:
            ArgumentError: another shape or type of images, or another number of captions.
        """
        if len(images) != len(captions):
            message = f"there are {len(images)} pictures and {len(captions)} captions"
            raise ArgumentError(message, hint="give one caption for each picture")
        items = "".join(_picture(encode_png(image), caption) for image, caption in zip(images, captions))
        self._body.append(f'<ul class="pictures">{items}</ul>')

    def animations(self, gifs: Sequence[bytes], captions: Sequence[str]) -> None:
        """Animated GIFs side by side; a caption is its alternative text as well, and its first line stands out.

        Raises:
            ArgumentError: another number of captions.
        """
        if len(gifs) != len(captions):
            message = f"there are {len(gifs)} animations and {len(captions)} captions"
            raise ArgumentError(message, hint="give one caption for each animation")
        items = "".join(_picture(gif, caption, "gif") for gif, caption in zip(gifs, captions))
        self._body.append(f'<ul class="pictures animations">{items}</ul>')

    def html(self) -> str:
        """The whole document."""
        light = "".join(f"{name}: {color};" for color, name in drawing.VARIABLES.items())
        dark = "".join(f"{name}: {style.DARK[color]};" for color, name in drawing.VARIABLES.items())
        links = "".join(
            f'<a href="#section-{number}">{_text(text)}</a>' for number, text in enumerate(self._headings, start=1)
        )
        contents = f'<nav aria-label="Contents">{links}</nav>' if len(self._headings) > 2 else ""
        subtitle = f'<p class="subtitle">{_text(self.subtitle)}</p>' if self.subtitle else ""
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(self.title)}</title>
<style>
:root {{ color-scheme: light dark; {light} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
{SHEET}</style>
</head>
<body>
<header><h1>{_text(self.title)}</h1>{subtitle}{contents}</header>
<main>
{chr(10).join(self._body)}
</main>
</body>
</html>
"""

    def write(self, path: str | pathlib.Path) -> None:
        """Write the document to ``path``, atomically.

        Raises:
            StorageError: the disk is full, read-only or gone.
        """
        write_text(pathlib.Path(path), self.html())


def _clean(text: str) -> str:
    """``text`` without characters that no document may hold: control characters and lone surrogates."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _text(text: object) -> str:
    return escape(_clean(str(text)))


def _value(value: object) -> str:
    """A cell's text: whole numbers with thousands set off, others to four places or digits, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.4g}"
    return str(value)


def _cell(tag: str, text: str, right: bool, scope: str = "") -> str:
    number = ' class="number"' if right else ""
    heads = f' scope="{scope}"' if scope else ""
    return f"<{tag}{number}{heads}>{_text(text)}</{tag}>"


def _picture(content: bytes, caption: str, kind: str = "png") -> str:
    first, _, rest = caption.partition("\n")
    more = f"<span>{_text(rest)}</span>" if rest else ""
    alt = escape(_clean(caption.replace("\n", ", ")))
    return (
        f'<li><figure><img src="{drawing.data_address(content, kind)}" alt="{alt}">'
        f"<figcaption><b>{_text(first)}</b>{more}</figcaption></figure></li>"
    )
