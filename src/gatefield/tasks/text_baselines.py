"""Simple classifiers of texts, to be measured beside a network (catalogue 128-130)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..data.corpus import LabelledText

Cut = Callable[[str], list[str]]


def text_baselines(cut: Cut, train: Sequence[LabelledText], items: Sequence[LabelledText]) -> dict[str, Any]:
    """Accuracy on ``items`` of the commonest class, and of logistic regression on bags of tokens and of n-grams.

    Args:
        cut: gives the tokens of a text.
        train: what they learn from.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    shared: dict[str, Any] = {"tokenizer": cut, "token_pattern": None, "lowercase": False}
    methods = {
        "majority": make_pipeline(CountVectorizer(**shared), DummyClassifier(strategy="most_frequent")),
        "bag of tokens": make_pipeline(CountVectorizer(**shared), LogisticRegression(max_iter=2000)),
        "bag of n-grams, n to 3": make_pipeline(
            TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True, **shared), LogisticRegression(C=10, max_iter=2000)
        ),
    }
    texts, labels = [item.text for item in train], [item.label for item in train]
    asked, right = [item.text for item in items], [item.label for item in items]
    return {
        name: {"accuracy": float(method.fit(texts, labels).score(asked, right))} for name, method in methods.items()
    }
