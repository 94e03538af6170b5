"""Put tagged sentences together, and mend their BIO tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.errors import DataError
from .corpus import Parts, TaggedSentence
from .labels import sorted_names


def tagged_parts(parts: Mapping[str, Sequence[TaggedSentence]], notes: Sequence[str] = ()) -> Parts[TaggedSentence]:
    """``parts`` (``train``, ``validation``, ``test``) with the tags of all of them as classes.

    Tags that the training part does not have are told in the notes: no model can learn them.
    """
    tags = {part: {tag for sentence in sentences for tag in sentence.tags} for part, sentences in parts.items()}
    unseen = sorted_names(set().union(*tags.values()) - tags["train"])
    told = [f"tags that are not in the training part: {', '.join(unseen[:20])}"] if unseen else []
    return Parts(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        sorted_names(set().union(*tags.values())),
        (*notes, *told),
    )


def begun(tags: list[str], places: Sequence[str]) -> tuple[list[str], int]:
    """``tags`` with ``B-`` at the begin of every span, also where they were written as IOB1; how many were changed.

    A span of type x is ``B-x I-x I-x``; outside is ``O``.

    Raises:
        DataError: a tag of another form; names its place.
    """
    result: list[str] = []
    before = "O"
    changed = 0
    for tag, place in zip(tags, places):
        mark, _, kind = tag.partition("-")
        if tag != "O" and (mark not in ("B", "I") or not kind or "," in kind):
            raise DataError(
                f"{place}: {tag!r} is not a BIO tag", hint="tags are O, B-x and I-x; set scheme=any for other tags"
            )
        if mark == "I" and before.partition("-")[2] != kind:
            tag, changed = f"B-{kind}", changed + 1
        result.append(tag)
        before = tag
    return result, changed
