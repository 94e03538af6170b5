"""Entities in sentences that are tagged B-x (begin), I-x (inside), O (outside)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Entity(NamedTuple):
    """Words ``start`` to ``stop`` - 1 of a sentence are one ``kind`` of thing."""

    kind: str
    start: int
    stop: int


def is_bio(tags: Iterable[str]) -> bool:
    """Whether all ``tags`` are O, B-x or I-x, and some are not O."""
    given = set(tags)
    return given > {"O"} and all(tag == "O" or (tag[:2] in ("B-", "I-") and len(tag) > 2) for tag in given)


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of one sentence, in order.

    An I-x that does not go on an x begins one, as in the evaluation of CoNLL-2000.
    """
    found: list[Entity] = []
    kind, start = "", 0
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, own = tag.partition("-")
        if kind and not (prefix == "I" and own == kind):
            found.append(Entity(kind, start, place))
            kind = ""
        if prefix != "O" and not kind:
            kind, start = own, place
    return found


def entity_scores(true: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Precision, recall and F1 of exactly found entities, over all and by kind; 0 where there is nothing to divide by.

    Args:
        true, predicted: the tags of each sentence, as many of both.

    Returns:
        ``{"precision", "recall", "f1", "count", "kinds": {kind: the same}}``; ``count`` is of the true ones.

    Source: Tjong Kim Sang and Buchholz (2000), section 3.
    """
    right, wanted, answered = Counter[str](), Counter[str](), Counter[str]()
    for one, other in zip(true, predicted, strict=True):
        expected, given = set(entities(one)), set(entities(other))
        right.update(entity.kind for entity in expected & given)
        wanted.update(entity.kind for entity in expected)
        answered.update(entity.kind for entity in given)
    kinds = {
        kind: _scores(right[kind], wanted[kind], answered[kind]) for kind in sorted(wanted.keys() | answered.keys())
    }
    return {**_scores(right.total(), wanted.total(), answered.total()), "kinds": kinds}


def _scores(right: int, wanted: int, answered: int) -> dict[str, Any]:
    precision, recall = right / answered if answered else 0.0, right / wanted if wanted else 0.0
    f1 = 2 * right / (wanted + answered) if wanted + answered else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "count": wanted}
