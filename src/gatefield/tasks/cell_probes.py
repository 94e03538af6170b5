"""What the units of a character model count: the place in the line, quotes, brackets (catalogue 185)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..models.language.language_model import LanguageModel

_PIECE = 512


class Probed(NamedTuple):
    """The unit that follows a quantity best.

    Attributes:
        quantity: what is counted.
        unit: its number in the last layer.
        correlation: Pearson's r on text on which the unit was not chosen.
        activity: of the unit after each character, (time,).
        units: how many there were to choose from.
    """

    quantity: str
    unit: int
    correlation: float
    activity: Tensor
    units: int


def place_in_line(text: str) -> list[float]:
    """Characters since the line began."""
    return _counted(text, lambda count, character: 0 if character == "\n" else count + 1)


def place_in_word(text: str) -> list[float]:
    """Letters since the word began; 0 between words."""
    return _counted(text, lambda count, character: count + 1 if character.isalnum() else 0)


def inside_quotes(text: str) -> list[float]:
    """1 from a double quote to the next, else 0."""
    return _counted(text, lambda inside, character: 1 - inside if character == '"' else inside)


def open_brackets(text: str) -> list[float]:
    """Brackets that are open: none, one, many."""
    return _counted(text, lambda depth, character: max(0, depth + (character in "([{") - (character in ")]}")))


def uppercase_run(text: str) -> list[float]:
    """Capital letters since the last small one."""
    return _counted(text, lambda run, character: run + 1 if character.isupper() else 0 if character.islower() else run)


QUANTITIES: dict[str, Callable[[str], list[float]]] = {
    "the place in the line": place_in_line,
    "the place in the word": place_in_word,
    "whether quotes are open": inside_quotes,
    "how many brackets are open": open_brackets,
    "a run of capital letters": uppercase_run,
}


def _counted(text: str, step: Callable[[float, str], float]) -> list[float]:
    values, value = [], 0.0
    for character in text:
        value = float(step(value, character))
        values.append(value)
    return values


@torch.inference_mode()
def activities(model: LanguageModel, ids: Tensor) -> Tensor:
    """The output of the encoder, h_t, after each symbol of ``ids`` (time,): float32 (time, units), on the CPU."""
    state, found = None, []
    for piece in ids.to(model.device).split(_PIECE):
        h, state = model.encoder(model.embedding(piece[None]), None, state)
        found.append(h[0].float().cpu())
    return torch.cat(found)


def correlations(h: Tensor, quantity: Tensor) -> Tensor:
    """Pearson's r of each column of ``h`` (time, units) with ``quantity`` (time,); 0 where one of them is constant."""
    h, q = h.double() - h.double().mean(0), quantity.double() - quantity.double().mean()
    scale = h.norm(dim=0) * q.norm()
    return torch.where(scale > 1e-9, (q @ h) / scale.clamp(min=1e-9), 0)


def probe(model: LanguageModel, ids: Tensor, text: str) -> list[Probed]:
    """For each quantity that varies in ``text``, the unit that follows it best, found on its first half.

    Args:
        model: of characters, in evaluation mode.
        ids: int64 (time + 1,), the begin symbol and the characters of ``text``.
        text: what is read.
    """
    h = activities(model, ids)[1:]
    half = len(text) // 2
    found = []
    for name, count in QUANTITIES.items():
        quantity = torch.tensor(count(text))
        r = correlations(h[:half], quantity[:half])
        if half < 2 or not r.any():
            continue
        unit = int(r.abs().argmax())
        tested = float(correlations(h[half:, unit : unit + 1], quantity[half:])[0])
        found.append(Probed(name, unit, tested, h[:, unit], h.shape[1]))
    return found
