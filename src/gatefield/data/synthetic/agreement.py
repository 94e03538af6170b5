"""Sentences in which a verb agrees with a noun far before it, past nouns of the other number (catalogue 186)."""

from __future__ import annotations

import random
from typing import NamedTuple

from ...core.errors import ArgumentError
from ...core.seeding import derive

NOUNS = (("dog", "dogs"), ("cat", "cats"), ("house", "houses"), ("tree", "trees"), ("king", "kings"), ("boy", "boys"))
NOUNS += (("girl", "girls"), ("horse", "horses"), ("friend", "friends"), ("table", "tables"), ("door", "doors"))
ADJECTIVES = ("old", "new", "little", "great", "young", "poor", "good", "white", "black", "strange")
PREPOSITIONS = ("near", "behind", "with", "under", "beside", "before")
VERBS = ("is", "are")
PREDICATES = ("here", "gone", "lost", "quiet", "alone", "ready", "afraid", "dead", "free", "late")


class Agreement(NamedTuple):
    """The beginning of a sentence, and the verbs that might come.

    Attributes:
        context: "the dog near the old houses".
        right, wrong: "is" and "are".
        attractors: nouns between subject and verb.
        distance: words between them.
    """

    context: str
    right: str
    wrong: str
    attractors: int
    distance: int


def agreement_sentences(count: int, attractors: int = 3, seed: int = 0) -> list[str]:
    """Sentences like "the dog near the old houses is quiet .", drawn alike and apart.

    Sentences of k attractors come twice as often as those of k + 1; an attractor has either number with chance 1/2.

    Args:
        count: how many.
        attractors: most nouns between subject and verb.
        seed: of everything.

    Raises:
        ArgumentError: a negative number.
    """
    _require(count=count, attractors=attractors)
    draw = random.Random(derive(seed, "agreement sentences"))
    weights = [0.5**k for k in range(attractors + 1)]
    found = []
    for _ in range(count):
        (k,) = draw.choices(range(attractors + 1), weights)
        number = draw.randrange(2)
        words = _beginning(draw, number, [draw.randrange(2) for _ in range(k)])
        found.append(" ".join([*words, VERBS[number], draw.choice(PREDICATES), "."]))
    return found


def agreements(count: int, attractors: int, seed: int = 0) -> list[Agreement]:
    """Beginnings with so many ``attractors`` each, all of the number that the subject has not; singular and plural.

    Raises:
        ArgumentError: a negative number.
    """
    _require(count=count, attractors=attractors)
    draw = random.Random(derive(seed, "agreements", attractors))
    found = []
    for k in range(count):
        number = k % 2
        words = _beginning(draw, number, [1 - number] * attractors)
        subject = next(place for place, word in enumerate(words) if word in dict(NOUNS) or word in dict(NOUNS).values())
        distance = len(words) - 1 - subject
        found.append(Agreement(" ".join(words), VERBS[number], VERBS[1 - number], attractors, distance))
    return found


def _beginning(draw: random.Random, number: int, others: list[int]) -> list[str]:
    """The subject, and an attractor of each of the numbers ``others``."""
    words = _noun_phrase(draw, number)
    for other in others:
        words += [draw.choice(PREPOSITIONS), *_noun_phrase(draw, other)]
    return words


def _noun_phrase(draw: random.Random, number: int) -> list[str]:
    adjectives = [draw.choice(ADJECTIVES)] if draw.random() < 0.3 else []
    return ["the", *adjectives, draw.choice(NOUNS)[number]]


def _require(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 0:
            raise ArgumentError(f"{name} is {number}", hint="give 0 or more", path=(name,))
