"""What a language model knows beside letters: two ways to go on, of which one is right (catalogue 185, 186)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from ..data.synthetic.agreement import agreements
from ..data.text_codec import TextCodec
from ..decoding import Sampling, forced
from ..models.language.language_model import LanguageModel
from .generating import generate

#: Beginnings that are read together.
BATCH = 64
#: Most nouns between a subject and its verb, and sentences for each number of them.
ATTRACTORS, SENTENCES = 3, 200


class Contrast(NamedTuple):
    """A beginning, and two ways to go on.

    Attributes:
        probe: what is asked about.
        group: within that, what is counted together.
        context: the beginning.
        right, wrong: how it may and may not go on; a space at the end says that the word ends there.
    """

    probe: str
    group: str
    context: str
    right: str
    wrong: str


class Finding(NamedTuple):
    """How a group of contrasts came out.

    Attributes:
        probe, group: as `Contrast` has them.
        count: how many could be asked; others have tokens that the model does not know.
        right: the share in which the right way is the likelier, in [0, 1].
        margin: mean of log p(right) - log p(wrong), natural logarithm.
    """

    probe: str
    group: str
    count: int
    right: float
    margin: float


def contrasts() -> list[Contrast]:
    """The questions, for models of English text."""
    return [*_agreement(), *_far_words(), *_brackets(), *_endings()]


def _agreement() -> list[Contrast]:
    """ "The dog(s) in that house is/are": S3; Linzen, Dupoux and Goldberg (2016) for the nouns between."""
    return [
        Contrast("agreement", f"{k} nouns between", one.context, f" {one.right} ", f" {one.wrong} ")
        for k in range(ATTRACTORS + 1)
        for one in agreements(SENTENCES, k)
    ]


def _far_words() -> list[Contrast]:
    """Words that only what was said long before can tell: S3."""
    found = [
        Contrast("far words", "near", f"the clouds are in the {before}", "sky ", f"{other} ")
        for before in ("", "blue ", "dark ")
        for other in ("house", "table", "door")
    ]
    tongues = {"Italy": "Italian", "France": "French", "Spain": "Spanish", "Germany": "German", "England": "English"}
    for country, right in tongues.items():
        for wrong in tongues.values():
            if wrong != right:
                context = f"I grew up in {country} with my friends. Now I speak "
                found.append(Contrast("far words", "far", context, right, wrong))
    return found


def _brackets() -> list[Contrast]:
    """Which bracket closes: none, one, many (S4)."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    found = []
    for word in ("x", "name", "the old house", "a, b"):
        for one, other in (("(", "["), ("[", "("), ("{", "("), ("(", "{")):
            two = f"{one}{word} {other}{word}"
            found += [
                Contrast("brackets", "none open", f"{word} and {word} ", one, pairs[one]),
                Contrast("brackets", "one open", f"{one}{word}", pairs[one], pairs[other]),
                Contrast("brackets", "two open", two, pairs[other], pairs[one]),
                Contrast("brackets", "one closed of two", two + pairs[other], pairs[one], pairs[other]),
            ]
    return found


def _endings() -> list[Contrast]:
    """Words that nobody has heard have endings all the same: "Sheila thrunges" (S4)."""
    stems = ("thrunge", "blick", "spow", "glorp", "narf", "trelk")
    found = []
    for stem in stems:
        for one, several in (("he", "they"), ("she", "we"), ("it", "you")):
            found.append(Contrast("endings of new words", "verbs, one", f" {one} {stem}", "s ", " "))
            found.append(Contrast("endings of new words", "verbs, several", f" {several} {stem}", " ", "s "))
        found.append(Contrast("endings of new words", "nouns, one", f" this {stem}", " ", "s "))
        found.append(Contrast("endings of new words", "nouns, several", f" these {stem}", "s ", " "))
    return found


@torch.inference_mode()
def margins(model: LanguageModel, codec: TextCodec, asked: Sequence[Contrast]) -> list[float | None]:
    """log p(right) - log p(wrong) after each context at the beginning of a document; None where a token is unknown.

    Args:
        model: in evaluation mode.
        codec: its symbols.
    """
    found: list[float | None] = [None] * len(asked)
    readable = [(place, symbols) for place, one in enumerate(asked) if (symbols := _symbols(codec, one)) is not None]
    for first in range(0, len(readable), BATCH):
        some = readable[first : first + BATCH]
        prefixes = [prefix for _, (prefix, _) in some]
        lengths = torch.tensor([len(prefix) - 1 for prefix in prefixes])
        rows = torch.zeros(len(some), int(lengths.max()), dtype=torch.int64)
        for row, prefix in zip(rows, prefixes):
            row[: len(prefix) - 1] = torch.tensor(prefix[:-1])
        state = model.start(rows.to(model.device), lengths)
        last = torch.tensor([prefix[-1] for prefix in prefixes], device=model.device)
        scored = forced(model, state, [ways for _, (_, ways) in some], last, None)
        for (place, _), (right, wrong) in zip(some, scored):
            found[place] = right.log_probability - wrong.log_probability
    return found


def _symbols(codec: TextCodec, one: Contrast) -> tuple[list[int], list[list[int]]] | None:
    """The context and both ways to go on; None if the model does not know a token, or cuts the texts elsewhere."""
    prefix = codec.encode(one.context)
    ways = []
    for way in (one.right, one.wrong):
        whole = codec.encode(one.context + way)
        if whole[: len(prefix)] != prefix or codec.vocabulary.unknown in whole or len(whole) == len(prefix):
            return None
        ways.append(whole[len(prefix) :])
    return None if ways[0] == ways[1] else (prefix, ways)


def probe_contrasts(model: LanguageModel, codec: TextCodec, asked: Sequence[Contrast]) -> list[Finding]:
    """What comes of ``asked``, a row for each group in their order; groups that cannot be asked are left out."""
    groups: dict[tuple[str, str], list[float]] = {}
    for one, margin in zip(asked, margins(model, codec, asked)):
        if margin is not None:
            groups.setdefault((one.probe, one.group), []).append(margin)
    return [
        Finding(probe, group, len(values), sum(value > 0 for value in values) / len(values), sum(values) / len(values))
        for (probe, group), values in groups.items()
    ]


def sample_text(model: LanguageModel, codec: TextCodec, length: int) -> str:
    """What the model writes, drawn symbol by symbol from what it finds possible."""
    return generate(model, codec, Sampling(), length=length)[0].text


def known_words(text: str, corpus: Iterable[str]) -> tuple[int, float]:
    """How many words, runs of letters of any case, ``text`` has, and the share of them that ``corpus`` has too."""
    known = {word for document in corpus for word in _words(document)}
    words = _words(text)
    return len(words), sum(word in known for word in words) / max(len(words), 1)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())
