"""Probes of language models: margins against reading symbol by symbol, and what can be asked of whom."""

from __future__ import annotations

import pytest
import torch

from gatefield.data.text_codec import TextCodec
from gatefield.data.tokens import Tokenizer
from gatefield.models.language.language_model import LanguageModel
from gatefield.tasks.probing import Contrast, Finding, contrasts, known_words, margins, probe_contrasts, sample_text


def model_of(texts: list[str], tokens: str) -> tuple[LanguageModel, TextCodec]:
    codec = TextCodec.fit(Tokenizer.from_config({"name": tokens}), texts, begin=True)
    torch.manual_seed(2)
    encoder = {"name": "recurrent", "cell": "gru", "hidden": [6]}
    model = LanguageModel(len(codec.vocabulary), 5, encoder)  # type: ignore[arg-type]
    with torch.no_grad():
        model.bias.normal_()
    return model.eval(), codec


@pytest.mark.parametrize("tokens", ["characters", "whitespace"])
def test_margins_are_those_of_reading_symbol_by_symbol(tokens):
    model, codec = model_of(["the dog is here and the old dogs are lost ."], tokens)
    asked = [
        Contrast("agreement", "0", "the dog", " is ", " are "),
        Contrast("agreement", "1", "the old dogs and the dog", " are ", " is "),
        Contrast("agreement", "0", "dogs", " are ", " is "),
    ]
    for one, found in zip(asked, margins(model, codec, asked)):
        totals = []
        for way in (one.right, one.wrong):
            ids, before = codec.encode(one.context + way), len(codec.encode(one.context))
            with torch.no_grad():
                log_p = model(torch.tensor([ids]))[0][0].log_softmax(1)
            totals.append(sum(float(log_p[k - 1, ids[k]]) for k in range(before, len(ids))))
        assert found == pytest.approx(totals[0] - totals[1], abs=1e-4)


def test_what_is_unknown_is_left_out():
    model, codec = model_of(["the dog is here , they are lost ."], "whitespace")
    asked = [
        Contrast("agreement", "0", "the dog", " is ", " are "),
        Contrast("agreement", "0", "the wolf", " is ", " are "),
        Contrast("agreement", "1", "the dog", " was ", " were "),
        Contrast("endings", "0", "the do", "g ", "gs "),  # no boundary of tokens
    ]
    assert [margin is None for margin in margins(model, codec, asked)] == [False, True, True, True]
    (finding,) = probe_contrasts(model, codec, asked)
    assert finding[:3] == ("agreement", "0", 1)
    assert probe_contrasts(model, codec, []) == []


def test_findings_count_what_is_likelier():
    """A model that prefers 'a' to 'b' by 2 nats, whatever was read."""
    model, codec = model_of(["ab cd"], "characters")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.bias[codec.vocabulary.ids(["a"])[0]] = 2.0
    asked = [Contrast("x", "y", context, *ways) for context in ("c", "dd", "") for ways in (("a", "b"),)]
    asked += [Contrast("x", "y", "c", "b", "a"), Contrast("x", "z", "c", "b", "a")]
    first, second = probe_contrasts(model, codec, asked)
    assert first == Finding("x", "y", 4, 0.75, pytest.approx(1.0))
    assert second == Finding("x", "z", 1, 0.0, pytest.approx(-2.0))


def test_the_questions():
    asked = contrasts()
    assert len({(one.context, one.right, one.wrong) for one in asked}) > 600
    assert {one.probe for one in asked} == {"agreement", "far words", "brackets", "endings of new words"}
    assert all(one.right != one.wrong for one in asked)
    closes = {"(": ")", "[": "]", "{": "}"}
    for one in asked:
        if one.probe == "brackets":
            stack = []
            for sign in one.context:
                if sign in closes:
                    stack.append(closes[sign])
                elif sign in closes.values():
                    assert stack.pop() == sign
            assert one.right == stack[-1] if stack else one.right in closes


def test_words_that_the_text_has():
    count, share = known_words("The cat, the c4t & a DOG!", ["a dog and the cat", "c"])
    assert (count, share) == (7, pytest.approx(6 / 7))  # the, cat, the, c, t, a, dog
    assert known_words("123", ["a"]) == (0, 0)
    model, codec = model_of(["ab cd"], "characters")
    assert len(sample_text(model, codec, 30)) <= 30
    assert sample_text(model, codec, 30) == sample_text(model, codec, 30)
