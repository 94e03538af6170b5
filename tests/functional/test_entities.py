"""Entities in tagged sentences, against seqeval."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.functional.entities import Entity, entities, entity_scores, is_bio

TAGS = st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"])
PAIRS = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=8), min_size=1, max_size=6)


def test_entities_of_a_sentence():
    tags = ["B-a", "I-a", "O", "I-b", "I-a", "B-a", "B-a"]
    assert entities(tags) == [
        Entity("a", 0, 2), Entity("b", 3, 4), Entity("a", 4, 5), Entity("a", 5, 6), Entity("a", 6, 7),
    ]  # fmt: skip
    assert entities([]) == []


@given(PAIRS)
@settings(deadline=None)
def test_scores_as_seqeval_has_them(pairs):
    metrics = pytest.importorskip("seqeval.metrics")
    true = [[one for one, _ in sentence] for sentence in pairs]
    predicted = [[other for _, other in sentence] for sentence in pairs]
    found = entity_scores(true, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["precision"] == pytest.approx(metrics.precision_score(true, predicted))
        assert found["recall"] == pytest.approx(metrics.recall_score(true, predicted))
        assert found["f1"] == pytest.approx(metrics.f1_score(true, predicted))


def test_kinds_and_counts_by_hand():
    found = entity_scores([["B-a", "O", "B-b"]], [["B-a", "B-b", "B-b"]])
    assert found["kinds"]["a"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "count": 1}
    assert found["kinds"]["b"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "count": 1}
    assert found["count"] == 2


def test_as_many_sentences_on_both_sides():
    with pytest.raises(ValueError, match="shorter"):
        entity_scores([["O"], ["O"]], [["O"]])


def test_what_is_bio():
    assert is_bio(["O", "B-x", "I-x"])
    assert not is_bio(["O"])
    assert not is_bio(["NOUN", "O"])
    assert not is_bio(["B-", "O"])
    assert not is_bio(["B-x"])
