"""Texts under attack that a network translates."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...data.corpus import TextPair
from ...data.ragged import Ragged
from ...data.sequence_set import IGNORED
from ...decoding import Decoder
from ...explain.attacks.loss_symbol_victim import LossSymbolVictim, SymbolLosses
from ...functional.layer_outputs import find_layer
from ...models.model import Model
from ...render.page import Page
from ..explained.translations import source_embedding
from ..translating import Codecs, Network, known_symbols, translate_symbols
from .symbols import CANDIDATES, AttackedSymbols, Symbols, as_read, as_text, ordinary


class ForwardReader(nn.Module):
    """A translator that turns its source round, as a function of symbols that are embedded in their own order.

    Args:
        network: reads the source from its end.
        inner: its layer that embeds the source.
    """

    def __init__(self, network: nn.Module, inner: Any) -> None:
        super().__init__()
        self.network, self._inner = network, [inner]  # in a list: it is no layer of this one
        self.embedding = nn.Embedding.from_pretrained(inner.weight.detach())

    def forward(self, source: Tensor, lengths: Tensor, heard: Tensor, heard_lengths: Tensor) -> Tensor:
        places, ends = torch.arange(source.shape[1], device=source.device), lengths.to(source.device)[:, None]
        backward = torch.where(places < ends, ends - 1 - places, places)
        e = self.embedding(source)
        turned = e.gather(1, backward[:, :, None].expand_as(e))
        hook = self._inner[0].register_forward_hook(lambda *_: turned)
        try:
            return self.network(source, lengths, heard, heard_lengths)
        finally:
            hook.remove()


def words_lost(translation: str, reference: str) -> float:
    """The share of the words of ``reference``, and of its punctuation, that ``translation`` does not have."""
    said, wanted = (Counter(re.findall(r"\w+|[^\w\s]", text)) for text in (translation, reference))
    return (wanted - said).total() / wanted.total() if wanted else float(translation != reference)


@dataclass(frozen=True)
class AttackedTranslations(AttackedSymbols):
    """What became of each text; answers are its translations."""

    inputs: Translations

    legend = (
        "Blue is what was replaced, orange what took its place, symbol by symbol as the network reads them; below each "
        "text stands its translation. The words were chosen for the network alone: a text that means something else "
        "is rightly translated into something else."
    )

    def draw(self, page: Page, index: int) -> None:
        said = [said[index] or "(nothing)" for said in (self.answers, self.answers_after)]
        reference = self.inputs.references[index]
        first = f"{said[0]}" if self.inputs.split is None else f"{said[0]} (reference: {reference})"
        told = f"{said[1]} ({self.inputs.quantity} {self.change(index)})"
        self.strips(page, index, ("before the attack", first), ("after the attack", told))

    def row(self, index: int) -> dict[str, Any]:
        said = zip(
            ("translation", "translation_attacked", "translation_of_noise"),
            (self.answers, self.answers_after, self.answers_of_noise),
        )
        row = super().row(index) | {key: each[index] for key, each in said}
        return row | {"reference": self.inputs.references[index]}


@dataclass(frozen=True)
class Translations(Symbols):
    """Texts that a network translates; the loss is the mean cross-entropy of a symbol of what is right.

    The error of a text is the share of words of its reference that its translation lacks, in any order.

    Attributes:
        network, codecs, decoder: how texts are translated.
        references: what is right; of files, whose translations nobody told, what the network made of them before.
    """

    network: Network
    codecs: Codecs
    decoder: Decoder
    references: Sequence[str]

    note = "A symbol is what the network reads in one step: a word, a piece of one or a character, as it was trained."
    result = AttackedTranslations

    @classmethod
    def of(
        cls, network: Network, codecs: Codecs, decoder: Decoder, split: str | None, items: Sequence[TextPair]
    ) -> Translations:
        """What a translator of ``items`` offers; where ``split`` is None nobody knows their translations."""
        rows, vocabulary = codecs.source.encode_all(item.source for item in items), codecs.source.vocabulary
        references, targets = [item.target for item in items], codecs.target.encode_all(item.target for item in items)
        quantity = "share of reference words lost"
        if split is None:
            found = [ranked[0] for ranked in translate_symbols(network, codecs, decoder, rows)]
            begin, end = codecs.target.vocabulary.begin, codecs.target.vocabulary.end
            assert begin is not None
            assert end is not None
            references = [each.text for each in found]
            targets = Ragged.from_rows([[begin, *each.symbols, *[end] * each.finished] for each in found])
            quantity = "share of the translation's words lost"
        writable = ordinary(vocabulary).to(network.device)
        fixed = torch.tensor([vocabulary.is_special(number) for number in range(len(vocabulary))]).to(network.device)
        model = cast(Model, network)
        inner = find_layer(model, source_embedding(model, network.device))
        reader, layer = model, inner
        if getattr(network, "reverse_source", False):
            reader = ForwardReader(model, inner).eval()
            layer = reader.embedding
        return cls(
            split,
            [item.place for item in items],
            quantity,
            LossSymbolVictim(reader, _losses(reader, targets), writable, layer, fixed),
            rows,
            [as_read(codecs.source, item.source) for item in items],
            vocabulary.symbols,
            network,
            codecs,
            decoder,
            references,
            options={"replacements": 2, "candidates": CANDIDATES},
        )

    def wanted(self, target: str) -> str:
        tokens = self.codecs.target.tokenizer.tokens(target)
        known_symbols(self.codecs.target, tokens, f"translation {target!r}")
        return target

    def towards(self, target: str) -> Self:
        count = len(self.symbols)
        victim, targets = self.victim, self.codecs.target.encode_all([target] * count)
        losses = _losses(victim.model, targets)
        return dataclasses.replace(
            self,
            victim=LossSymbolVictim(victim.model, losses, victim.writable, victim.embedding, victim.fixed),
            references=[target] * count,
            quantity="share of the wanted words missing",
        )

    def answers(self, symbols: Tensor, lengths: Tensor, numbers: Tensor) -> Sequence[str]:
        rows = Ragged.from_rows([row[:length] for row, length in zip(symbols.cpu(), lengths.tolist())])
        found = translate_symbols(self.network, self.codecs, self.decoder, rows, numbers.tolist())
        return [ranked[0].text for ranked in found]

    def error(self, answer: Any, number: int, stands: Tensor) -> float:
        return words_lost(answer, self.references[number])

    def text(self, symbols: Sequence[str]) -> str:
        return as_text(self.codecs.source, symbols)


def _losses(model: nn.Module, targets: Ragged) -> SymbolLosses:
    """The mean cross-entropy of a symbol of each of ``targets``, the right ones heard before it."""
    before, after = targets.without_last(), targets.without_first()

    def losses(symbols: Tensor, lengths: Tensor, numbers: Tensor) -> Tensor:
        told = numbers.cpu()
        heard, ends = (part.to(symbols.device) for part in before.padded(told))
        right = after.padded(told, IGNORED)[0].to(symbols.device)
        logits = model(symbols, lengths.to(symbols.device), heard, ends)
        found = functional.cross_entropy(logits.transpose(1, 2), right, ignore_index=IGNORED, reduction="none")
        return found.sum(1) / ends

    return losses
