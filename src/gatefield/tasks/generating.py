"""Let a trained language model go on with a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..data.text_codec import TextCodec
from ..decoding import Beam, Decoder, Forbidden, Hypothesis, Sampling
from ..models.language.language_model import LanguageModel
from .search_tree import SearchTree

Hear = Callable[[str], None]


class Continuation(NamedTuple):
    """What a network said after a prompt.

    Attributes:
        text: what it said; prompt + text is the whole.
        symbols: how many symbols that is.
        log_probability: of them under the model itself, natural logarithm.
        finished: whether the document ended there, before the limit.
    """

    text: str
    symbols: int
    log_probability: float
    finished: bool


def generate(
    model: LanguageModel,
    codec: TextCodec,
    decoder: Decoder,
    prompt: str = "",
    length: int = 500,
    count: int = 1,
    hear: Hear | None = None,
) -> list[Continuation]:
    """Texts that go on after ``prompt``, at the beginning of a document.

    Padding and the unknown symbol are never said, and the model does without its cache. With sampling, text number i is
    the same however many there are.

    Args:
        model: in evaluation mode.
        codec: the tokens of the model; its begin symbol, said again, ends a document.
        decoder: chooses the symbols.
        length: most symbols.
        count: how many texts; several are drawn by sampling, or are the best that a beam has found.
        hear: is told each piece of the text as soon as it is chosen, where one text is made step by step: not by beam.

    Raises:
        ArgumentError: several texts of a decoder that finds one only.
        DivergenceError: the model gave NaN.
    """
    vocabulary = codec.vocabulary
    assert vocabulary.begin is not None
    prefix, silent = codec.encode(prompt), _silent(codec)
    if isinstance(decoder, Beam):
        if count > decoder.hypotheses:
            message = f"the beam returns {decoder.hypotheses} of {count} texts"
            raise ArgumentError(message, hint=f"set its hypotheses to {count}", path=("hypotheses",))
        with model.without_cache():
            state = _started(model, prefix)
            (found,) = decoder.decode(model, state, prefix[-1], vocabulary.begin, length, [silent])
        return [_continuation(codec, prefix, hypothesis) for hypothesis in found[:count]]
    if count > 1 and not isinstance(decoder, Sampling):
        message = f"the decoder '{decoder.name}' finds one text, and {count} are asked for"
        raise ArgumentError(message, hint="draw several texts by sampling", path=("count",))
    teller = _Teller(codec, prefix, hear) if hear is not None and count == 1 else None
    with model.without_cache():
        stepper = StreamStepper(model, count, teller)
        state, begin = stepper.start(prefix)
        hypotheses = [found[0] for found in decoder.decode(stepper, state, begin, vocabulary.begin, length, [silent])]
    if teller is not None:
        teller.finish(hypotheses[0].tokens)
    return [_continuation(codec, prefix, hypothesis) for hypothesis in hypotheses]


def search_tree(model: LanguageModel, codec: TextCodec, decoder: Decoder, prompt: str, length: int) -> SearchTree:
    """What ``decoder`` looked at in order to go on after ``prompt`` by at most ``length`` symbols.

    Raises:
        InputError: it is no beam.
    """
    vocabulary, prefix = codec.vocabulary, codec.encode(prompt)
    end = vocabulary.begin
    assert end is not None
    with model.without_cache():
        state = _started(model, prefix)
        return SearchTree.grow(decoder, vocabulary, model, state, prefix[-1], end, length, [_silent(codec)])


@torch.inference_mode()
def _started(model: LanguageModel, prefix: Sequence[int]) -> Any:
    """The state after all of ``prefix`` but its last symbol."""
    return model.start(torch.tensor([prefix], device=model.device)[:, :-1])


def _silent(codec: TextCodec) -> Forbidden:
    """What is never said."""
    return Forbidden([n for n in (codec.vocabulary.pad, codec.vocabulary.unknown) if n is not None])


class StreamStepper:
    """A language model's fast stream as decoding sees it: one hypothesis a text.

    Texts that have ended are read along, and nobody looks at them. The state is the rows that are still followed.

    Args:
        model: in evaluation mode.
        count: texts side by side.
        teller: hears each symbol of the first text when it is read, which is one step after it was chosen.
    """

    def __init__(self, model: LanguageModel, count: int, teller: _Teller | None = None) -> None:
        self.stream, self.count, self.teller = model.stream(count), count, teller
        self.device = model.device
        self._tokens = torch.zeros(count, dtype=torch.int64, device=self.device)
        self._steps = 0

    def start(self, prefix: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Read all of ``prefix`` but its last symbol; the state, and that symbol for each text."""
        self.stream.reset()
        for symbol in prefix[:-1]:
            self.stream.step(self._tokens.fill_(symbol))
        self._steps = 0
        return torch.arange(self.count, device=self.device), self._tokens.new_full((self.count,), prefix[-1])

    def step(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        if self._steps and self.teller is not None:
            self.teller.hear(int(tokens[0, 0]))
        self._steps += 1
        if len(state) == self.count:
            return self.stream.step(tokens[:, 0])[:, None], state
        self._tokens[state] = tokens[:, 0]
        return self.stream.step(self._tokens)[state, None], state

    def reorder(self, state: Tensor, sentences: Tensor, hypotheses: Tensor) -> Tensor:
        return state[sentences]


class _Teller:
    """Tells a text piece by piece as its symbols come."""

    NEAR = 8  # symbols before a symbol that can matter for how it is written: a space is put between words, for example

    def __init__(self, codec: TextCodec, prefix: Sequence[int], say: Hear) -> None:
        self.codec, self.say, self.heard = codec, say, 0
        self.near = list(prefix)[-self.NEAR :]

    def hear(self, symbol: int) -> None:
        before = len(self.codec.decode(self.near))
        self.near.append(symbol)
        self.say(self.codec.decode(self.near)[before:])
        self.near = self.near[-self.NEAR :]
        self.heard += 1

    def finish(self, tokens: Sequence[int]) -> None:
        """The last of ``tokens``, which no network read."""
        for symbol in tokens[self.heard :]:
            self.hear(symbol)


def _continuation(codec: TextCodec, prefix: Sequence[int], hypothesis: Hypothesis) -> Continuation:
    whole, given = codec.decode([*prefix, *hypothesis.tokens]), codec.decode(prefix)
    return Continuation(whole[len(given) :], len(hypothesis.tokens), hypothesis.log_probability, hypothesis.finished)
