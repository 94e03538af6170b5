"""Running text under attack: symbols are exchanged, and a network foretells what comes behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ...core.errors import InputError
from ...data.ragged import Ragged
from ...data.text_codec import TextCodec
from ...explain.attacks.loss_symbol_victim import LossSymbolVictim
from ...functional.layer_outputs import evaluating
from ...functional.spread import spread_over
from ...models.language.language_model import LanguageModel
from ...render.page import Page
from ...render.token_strip import token_strip
from ..given_texts import GivenText
from .symbols import CANDIDATES, AttackedSymbols, Symbols, as_read, as_text, ordinary

#: Symbols of a passage of the data: the first half may change, the second is foretold.
PASSAGE = 128
#: So few symbols, of which one may be that of the beginning, are none.
LEAST = 2


class Passage(NamedTuple):
    """A piece of text, and what it is called; its symbols as numbers and for people."""

    name: str
    ids: Sequence[int]
    symbols: Sequence[str]


def given_passage(codec: TextCodec, given: GivenText) -> Passage:
    """A text that a person gives."""
    return passage(given.name, codec.encode(given.text), as_read(codec, given.text))


@dataclass(frozen=True)
class AttackedWriting(AttackedSymbols):
    """What became of each passage; answers are what each symbol of its second half costs, in bits or nats."""

    inputs: Writing

    legend = (
        "The first half of each passage before and after: blue is what was replaced, orange what took its place. Below "
        "them the second half, which stays: orange are the symbols that cost more than before, blue those that cost "
        "less. Every passage is read from a fresh state. What stands right before the second half counts most, and "
        "random symbols stand anywhere in the first. A network that remembers long is misled by changes further back "
        "too, which is no fault: it believes what it read."
    )

    @property
    def distances(self) -> Tensor:
        """How many symbols before the second half each replacement stands; 1 is the last before it."""
        found = [half(len(before)) - self.marks(index).nonzero().flatten() for index, before in enumerate(self.before)]
        return torch.cat(found)

    def to_dict(self) -> dict[str, Any]:
        distances = self.distances
        return super().to_dict() | {"median_distance": float(distances.median()) if len(distances) else None}

    def facts(self) -> dict[str, str]:
        distances = self.distances
        if not len(distances):
            return super().facts()
        return super().facts() | {"symbols back where they were replaced, median": str(int(distances.median()))}

    def draw(self, page: Page, index: int) -> None:
        name, before, after = self.inputs.names[index], self.before[index], self.after[index]
        middle, marks = half(len(before)), self.marks(index)
        rise = torch.tensor(self.answers_after[index]) - torch.tensor(self.answers[index])
        page.figure(token_strip(before[:middle], -marks[:middle], "before the attack"), "", f"{name}, before")
        page.figure(token_strip(after[:middle], marks[:middle], "after the attack"), "", f"{name}, after")
        strip = token_strip(before[middle:], rise, "what follows, by how much more each symbol costs")
        page.figure(strip, f"{name}: {self.inputs.quantity} {self.change(index)}", f"{name}, what follows")


@dataclass(frozen=True)
class Writing(Symbols):
    """Passages of running text; the loss, and the error, is what a symbol of the second half costs in the mean.

    Attributes:
        network: foretells each symbol from those before it.
        codec: cuts texts.
        cost: nats of a unit of the quantity: log 2 of bits.
    """

    network: LanguageModel
    codec: TextCodec
    cost: float

    noun = "passages"
    note = (
        "The first half of a passage may change, and told is how well the network then foretells the second. A symbol "
        "is what it reads in one step."
    )
    result = AttackedWriting

    @classmethod
    def of(
        cls, network: LanguageModel, codec: TextCodec, called: str, split: str | None, passages: Sequence[Passage]
    ) -> Writing:
        """What a language model offers of ``passages``; a symbol is ``called`` a character, a word or a token."""
        vocabulary, device = codec.vocabulary, network.device
        special = torch.tensor([vocabulary.is_special(number) for number in range(len(vocabulary))])
        unit, cost = ("bits", math.log(2)) if called == "character" else ("nats", 1.0)

        def losses(symbols: Tensor, lengths: Tensor, numbers: Tensor) -> Tensor:
            costs, counts = foretold(network, symbols, lengths)
            return costs.masked_fill(~counts, 0).sum(1) / counts.sum(1).clamp(min=1)

        return cls(
            split,
            [passage.name for passage in passages],
            f"{unit} a {called}",
            LossSymbolVictim(
                network, losses, ordinary(vocabulary).to(device), network.embedding, special.to(device), half
            ),
            Ragged.from_rows([passage.ids for passage in passages]),
            [passage.symbols for passage in passages],
            vocabulary.symbols,
            network,
            codec,
            cost,
            options={"candidates": CANDIDATES},
        )

    def answers(self, symbols: Tensor, lengths: Tensor, numbers: Tensor) -> Sequence[list[float]]:
        with evaluating(self.network), torch.no_grad():
            costs, counts = foretold(self.network, symbols, lengths)
        return [(row[there] / self.cost).tolist() for row, there in zip(costs.cpu(), counts.cpu())]

    def error(self, answer: Any, number: int, stands: Tensor) -> float:
        return sum(answer) / len(answer)

    def text(self, symbols: Sequence[str]) -> str:
        return as_text(self.codec, symbols)


def half(length: Any) -> Any:
    """How many of so many symbols may change."""
    return (length + 1) // 2


def foretold(network: LanguageModel, symbols: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """What symbols cost, -log p, and which of them are those of the second half, (rows, steps).

    The steps are those from the first second half on.
    """
    first, longest = int(half(lengths.min())), symbols.shape[1]
    logits, _ = network(symbols, lengths)
    logits, right = logits[:, first - 1 : -1], symbols[:, first:]
    costs = functional.cross_entropy(logits.flatten(0, 1), right.flatten(), reduction="none").view(right.shape)
    place, ends = torch.arange(first, longest, device=symbols.device), lengths.to(symbols.device)[:, None]
    return costs, (place >= half(ends)) & (place < ends)


def passages(ids: Tensor, codec: TextCodec, split: str, count: int) -> list[Passage]:
    """At most ``count`` passages, spread over the running text ``ids``.

    Raises:
        InputError: there are too few symbols.
    """
    starts = (spread_over(max(len(ids) // PASSAGE, 1), count) * PASSAGE).tolist()
    cut = [(start, ids[start : start + PASSAGE].tolist()) for start in starts]
    names = [f"{split} text from symbol {start}" for start, _ in cut]
    return [passage(name, part, codec.vocabulary.tokens(part)) for name, (_, part) in zip(names, cut)]


def passage(name: str, ids: Sequence[int], symbols: Sequence[str]) -> Passage:
    """A passage of ``ids``, for people ``symbols``.

    Raises:
        InputError: it has no two halves.
    """
    if len(ids) <= LEAST:
        message = f"'{name}' has too few symbols to foretell some from others"
        raise InputError(message, hint="give a longer text: its first half may change, its second is foretold")
    return Passage(name, ids, symbols)
