"""Let a trained network translate."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy
import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..core.files import write_bytes
from ..data.corpus import TextPair
from ..data.ragged import Ragged
from ..data.text_codec import TextCodec
from ..decoding import Beam, Constraint, Decoder, Forbidden, MustContain, UnnormalizedBeam
from ..render.attention import attention_map
from ..render.drawing import figure_png
from .given_texts import GivenText
from .search_tree import SearchTree

#: Sentences that are decoded together.
BATCH = 64
#: Symbols that every translation may have beside those that the length of its source allows.
SPARE = 10


class Network(Protocol):
    """A model that translates: what decoding sees of it, where it looks, and the device it is on."""

    @property
    def device(self) -> torch.device: ...
    def start(self, source: tuple[Tensor, Tensor | None], /) -> Any: ...
    def step(self, tokens: Tensor, state: Any, /) -> tuple[Tensor, Any]: ...
    def reorder(self, state: Any, sentences: Tensor, hypotheses: Tensor, /) -> Any: ...


class Translated(NamedTuple):
    """One way to say a text in the other language.

    Attributes:
        text: it.
        symbols: its symbols, numbers of the target's vocabulary, without begin and end.
        score: what translations of one text are ranked by.
        log_probability: under the network, natural logarithm.
        finished: whether the network ended it, before the limit.
    """

    text: str
    symbols: tuple[int, ...]
    score: float
    log_probability: float
    finished: bool


class Codecs(NamedTuple):
    """How texts become numbers on both sides.

    Attributes:
        source, target: of texts and their translations; the target has begin and end.
        stretch: symbols of a translation for each of its source: as many as almost all training pairs have at most.
    """

    source: TextCodec
    target: TextCodec
    stretch: float

    @classmethod
    def of(cls, source: TextCodec, target: TextCodec, pairs: Sequence[TextPair]) -> Self:
        """With the stretch that all but one in a thousand of ``pairs`` stay below."""
        read, said = (
            codec.encode_all(texts).lengths
            for codec, texts in zip((source, target), zip(*((pair.source, pair.target) for pair in pairs)))
        )
        return cls(source, target, float(numpy.quantile((said / read).numpy(), 0.999)))

    def limit(self, symbols: int) -> int:
        """Most symbols of a translation of so many; the end symbol counts."""
        return int(self.stretch * symbols) + SPARE


def translate(
    model: Network,
    codecs: Codecs,
    decoder: Decoder,
    texts: Sequence[str],
    numbers: Sequence[int] | None = None,
    must_contain: Sequence[str] = (),
) -> list[list[Translated]]:
    """The translations of each text, best first; see `translate_symbols`."""
    return translate_symbols(model, codecs, decoder, codecs.source.encode_all(texts), numbers, must_contain)


@torch.inference_mode()
def translate_symbols(
    model: Network,
    codecs: Codecs,
    decoder: Decoder,
    rows: Ragged,
    numbers: Sequence[int] | None = None,
    must_contain: Sequence[str] = (),
) -> list[list[Translated]]:
    """The translations of each row of source symbols, best first; what one gets does not depend on the others.

    Padding, the begin and the unknown symbol are never said.

    Args:
        model: in evaluation mode.
        rows: as the source's codec encodes texts.
        numbers: of each text in its whole data set, after which random streams are named; 0, 1, ... by default.
        must_contain: phrases that every translation has, as they stand inside a text, token by token; it may then be
            longer by as many.

    Raises:
        DivergenceError: the model gave NaN.
        ArgumentError: phrases, and a decoder that cannot keep to them.
        InputError: a phrase has no tokens, or some that are unknown.
    """
    vocabulary = codecs.target.vocabulary
    assert vocabulary.begin is not None
    phrases = [_phrase(codecs.target, phrase) for phrase in must_contain]
    limits = [codecs.limit(length) + sum(map(len, phrases)) for length in rows.lengths.tolist()]
    found: list[list[Translated]] = [[] for _ in limits]
    for places in torch.argsort(rows.lengths, stable=True).split(BATCH) if limits else ():
        source, lengths = rows.padded(places)
        state = model.start((source.to(model.device), lengths.to(model.device)))
        mine = places.tolist()
        decoded = decoder.decode(
            model,
            state,
            vocabulary.begin,
            vocabulary.end,
            [limits[place] for place in mine],
            _constraints(codecs.target, phrases, len(mine)),
            mine if numbers is None else [numbers[place] for place in mine],
        )
        for place, hypotheses in zip(mine, decoded):
            found[place] = [
                Translated(codecs.target.decode(h.tokens), h.tokens, h.score, h.log_probability, h.finished)
                for h in hypotheses
            ]
    return found


def described(codecs: Codecs, given: GivenText, found: Sequence[Translated]) -> dict[str, Any]:
    """The translations ``found`` of a text, best first, and its tokens that the network has never seen, as JSON."""
    source, target = codecs.source, codecs.target.vocabulary
    tokens = dict.fromkeys(source.tokenizer.tokens(given.text))
    return {
        "input": given.name,
        "source": given.text,
        "text": found[0].text,
        "hypotheses": [{**each._asdict(), "symbols": target.tokens(each.symbols)} for each in found],
        "unknown": [token for token in tokens if token not in source.vocabulary],
    }


def search_tree(
    model: Network, codecs: Codecs, decoder: Decoder, text: str, must_contain: Sequence[str] = ()
) -> SearchTree:
    """What ``decoder`` looked at in order to translate ``text``.

    Raises:
        InputError: it is no beam, or a phrase has no tokens, or some that are unknown.
    """
    vocabulary = codecs.target.vocabulary
    assert vocabulary.begin is not None
    assert vocabulary.end is not None
    phrases = [_phrase(codecs.target, phrase) for phrase in must_contain]
    source = torch.tensor([codecs.source.encode(text)], device=model.device)
    with torch.inference_mode():
        state = model.start((source, torch.tensor([source.shape[1]])))
    limit = codecs.limit(source.shape[1]) + sum(map(len, phrases))
    constraints = _constraints(codecs.target, phrases, 1)
    return SearchTree.grow(decoder, vocabulary, model, state, vocabulary.begin, vocabulary.end, limit, constraints)


def _constraints(codec: TextCodec, phrases: list[list[int]], count: int) -> list[Constraint]:
    """What ``count`` translations may say, and must."""
    vocabulary = codec.vocabulary
    unsaid = [number for number in (vocabulary.pad, vocabulary.unknown, vocabulary.begin) if number is not None]
    must = [MustContain([phrases] * count, vocabulary.end)] if phrases else []
    return [Forbidden(unsaid), *must]


def _phrase(codec: TextCodec, phrase: str) -> list[int]:
    """The symbols of ``phrase``, without begin and end."""
    return known_symbols(codec, codec.tokenizer.inside(phrase), f"phrase {phrase!r}")


def known_symbols(codec: TextCodec, tokens: Sequence[str], called: str) -> list[int]:
    """The symbols of ``tokens``, which shall be in a translation.

    Raises:
        InputError: there are none, or some that the network does not know; ``called`` names them.
    """
    strange = [token for token in tokens if token not in codec.vocabulary]
    if strange or not tokens:
        what = f"has {strange[0]!r}, which the network does not know" if strange else "is empty"
        hint = "a translation can contain what the training translations are made of"
        raise InputError(f"the {called} {what}", hint=hint)
    return codec.vocabulary.ids(tokens)


class Alignment(NamedTuple):
    """Where a network looked.

    Attributes:
        source, target: the symbols, those of begin and end as they are written.
        weights: (target, source); each row sums to 1.
    """

    source: list[str]
    target: list[str]
    weights: Tensor


@torch.inference_mode()
def alignment(model: Network, codecs: Codecs, text: str, symbols: Sequence[int]) -> Alignment | None:
    """Where the network looks in ``text`` while it says ``symbols`` and the end; None if it has no attention."""
    look = getattr(model, "attention", None)
    vocabulary = codecs.target.vocabulary
    assert vocabulary.begin is not None
    assert vocabulary.end is not None
    source = codecs.source.encode(text)
    state = model.start((torch.tensor([source], device=model.device), torch.tensor([len(source)])))
    weights = []
    for symbol in (vocabulary.begin, *symbols):
        _, state = model.step(torch.tensor([[symbol]], device=model.device), state)
        try:
            if look is None:
                return None
            weights.append(look(state)[0][0, 0].float().cpu())
        except ArgumentError:  # this kind of model can have attention, this one has none
            return None
    target = vocabulary.tokens([*symbols, vocabulary.end])
    return Alignment(codecs.source.vocabulary.tokens(source), target, torch.stack(weights))


def draw_alignment(found: Alignment, path: pathlib.Path) -> None:
    """Write a picture of ``found`` to ``path``, a PNG file.

    Raises:
        StorageError: the disk is full, read-only or gone.
    """
    write_bytes(path, figure_png(attention_map(found.source, found.target, found.weights), dpi=160))


def searching(decoder: Decoder, width: int | None, hypotheses: int | None) -> Decoder:
    """``decoder`` with another beam, or returning other than its number of hypotheses; None leaves a number as it is.

    Raises:
        ArgumentError: more hypotheses than the beam follows.
    """
    if width is None and hypotheses is None:
        return decoder
    beam = decoder if isinstance(decoder, (Beam, UnnormalizedBeam)) else Beam()
    wanted = 1 if hypotheses is None else hypotheses
    width = max(beam.width, wanted) if width is None else width
    if wanted > width:
        message = f"a beam of {width} cannot find {wanted} translations"
        raise ArgumentError(message, hint=f"widen the beam to {wanted} or more", path=("hypotheses",))
    return type(beam).from_config({**beam.config(), "width": width, "hypotheses": wanted})
