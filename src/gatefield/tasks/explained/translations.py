"""Translations for explainers: each symbol that the network wrote, by the symbols that it read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ...decoding import Decoder
from ...explain.explainer import Explainer
from ...explain.scores import embedding
from ...functional.layer_outputs import evaluating
from ...render.attention import attention_map
from ..exhibits import Text
from ..explainable import Answer, Drawing
from ..given_texts import GivenText, given_texts
from ..translating import Alignment, Codecs, Network, alignment, translate
from .writing import ExplainableWriting, WrittenInput, asked, softmax

REMARK = (
    "Explained is the score of each symbol that the network wrote, before the softmax, given the text and the symbols "
    "that it wrote before; what it wrote is what 'gatefield predict' finds. Integrated gradients sum to the score less "
    "what it would be of a text of zero vectors."
)


@dataclass(frozen=True)
class Source(Text):
    """A text from which another was written.

    Attributes:
        backward: the network reads it from its end, and so it is explained.
        looked: where the network looked while it wrote; None if it has no attention.
    """

    caption: ClassVar[str] = "A row for each symbol that was written, a column for each that was read"
    backward: bool = False
    looked: Alignment | None = None

    def places(self, heat: Tensor, explainer: Explainer, answer: Answer) -> Tensor:
        found = super().places(heat, explainer, answer)
        return found.flip(0) if self.backward else found

    def asked(self, answer: Answer) -> str:
        return asked(answer)

    def marked(self, answer: Answer) -> int | None:
        return None  # what was written is no token of this text

    def beside(self) -> list[Drawing]:
        if self.looked is None:
            return []
        figure = attention_map(*self.looked, title="where the network looked")
        caption = "Its attention while it wrote each symbol, which need not be what the symbol is due to."
        return [Drawing(figure, caption, "map of the network's attention")]


class BackwardReader(nn.Module):
    """A translator that reads its source from the end, as a function of the symbols in the order of its reading.

    Args:
        network: turns its source round before it reads it.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, read: Tensor, lengths: Tensor, written: Tensor, written_lengths: Tensor) -> Tensor:
        """Scores of what follows each of ``written``; ``read`` (rows, time) are rows of one length, the end first."""
        return self.network(read.flip(1), lengths, written, written_lengths)


def explainable_translations(
    network: Network, codecs: Codecs, decoder: Decoder, files: Iterable[Any]
) -> ExplainableWriting:
    """What ``network`` makes of each text in ``files``, found by ``decoder``."""
    backward = getattr(network, "reverse_source", False)
    model, reader = cast(nn.Module, network), "encoder"
    if backward:
        model, reader = BackwardReader(model), "network.encoder"
    inputs = (
        _reading(network, codecs, decoder, given, number, backward) for number, given in enumerate(given_texts(files))
    )
    return ExplainableWriting(
        model,
        codecs.target.vocabulary.symbols,
        softmax,
        inputs,
        noun="symbol",
        reader=reader,
        embedding=source_embedding(model, network.device),
        cut=codecs.target.tokenizer.inside,
    )


def source_embedding(model: nn.Module, device: torch.device) -> str:
    """The layer that embeds what is read, told by a text of one symbol from which two are written.

    The numbers of symbols cannot tell it from that of what is written: each side has numbers of its own.
    """
    (read, one), (written, two) = (
        (torch.zeros(1, time, dtype=torch.int64, device=device), torch.tensor([time], device=device)) for time in (1, 2)
    )
    with evaluating(model):
        return embedding(model, (read, one, written, two))


def _reading(
    network: Network, codecs: Codecs, decoder: Decoder, given: GivenText, number: int, backward: bool
) -> WrittenInput:
    """A text as it is read, and what is written from it: the translation, and its end where the network ends it."""
    vocabulary = codecs.target.vocabulary
    assert vocabulary.begin is not None
    assert vocabulary.end is not None
    (found, *_), *_ = translate(network, codecs, decoder, [given.text], [number])
    written = [*found.symbols, *([vocabulary.end] if found.finished else [])]
    heard = [vocabulary.begin, *written[:-1]]
    read = codecs.source.encode(given.text)
    ordered = read[::-1] if backward else read
    inputs = (torch.tensor(part).to(network.device) for part in ([ordered], [len(read)], [heard], [len(heard)]))
    looked = alignment(network, codecs, given.text, found.symbols)
    if looked is not None:
        looked = Alignment(looked.source, looked.target[: len(written)], looked.weights[: len(written)])
    return WrittenInput(
        given.name,
        tuple(inputs),
        Source(codecs.source.vocabulary.tokens(read), backward, looked),
        positions=vocabulary.tokens(written),
        remark=REMARK,
        whole=f"The network writes: {found.text or '(nothing)'}",
        symbols=written,
        steps=range(len(written)),
    )
