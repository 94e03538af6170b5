"""Names of layers where there is little room: their end says most."""

from __future__ import annotations

from collections.abc import Iterable

from . import style


def layer_name(name: object, length: int = 24) -> str:
    """``name`` as one line of at most ``length`` characters, shortened at its front: ``…block2.residual.conv1``."""
    text = style.label(name, 1000)
    return text if len(text) <= length else "…" + text[1 - length :].lstrip(".")


def layer_names(names: Iterable[object], length: int = 24) -> list[str]:
    """Each of ``names`` as `layer_name`; those that would look alike with the part that differs: ``decoder…0.cell``."""
    texts = [style.label(name, 1000) for name in names]
    short = [layer_name(text, length) for text in texts]
    for alike in {text for text in short if short.count(text) > 1}:
        places = [place for place, text in enumerate(short) if text == alike]
        parts = [texts[place].split(".") for place in places]
        differs = next((number for number, column in enumerate(zip(*parts)) if len(set(column)) > 1), None)
        if differs is None:  # one name several times
            continue
        for place, own in zip(places, parts):
            head = f"{own[differs]}…"
            whole = alike[-max(length - len(head), 1) :].partition(".")[2]  # without a part that is cut
            short[place] = layer_name(head + whole, length)
    return short
