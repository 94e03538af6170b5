"""Names of layers where there is little room: their end says most."""

from __future__ import annotations

from . import style


def layer_name(name: object, length: int = 24) -> str:
    """``name`` as one line of at most ``length`` characters, shortened at its front: ``…block2.residual.conv1``."""
    text = style.label(name, 1000)
    return text if len(text) <= length else "…" + text[1 - length :].lstrip(".")
