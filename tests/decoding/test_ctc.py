"""CTC decoding against the sum over all paths."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_search import label_probabilities
from steppers import TreeStepper
from torch.nn import functional as F

from gatefield.core.errors import ArgumentError, DivergenceError
from gatefield.decoding import BestPath, CTCDecoder, PrefixBeam, SteppedLanguageModel


def recordings(n: int, frames: int, classes: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(n, frames, classes, generator=generator, dtype=torch.float64)).log_softmax(2)


@pytest.mark.parametrize(("frames", "classes", "blank"), [(1, 3, 0), (4, 4, 3), (5, 3, 1), (6, 3, 0)])
def test_a_wide_prefix_beam_is_exhaustive_search(frames, classes, blank):
    y = recordings(3, frames, classes, seed=frames)
    found = PrefixBeam(width=400, hypotheses=400, blank=blank).decode(y)
    for frames_of_one, hypotheses in zip(y.exp().tolist(), found):
        expected = label_probabilities(frames_of_one, blank)
        assert {h.tokens for h in hypotheses} == set(expected)
        for h in hypotheses:
            assert math.exp(h.log_probability) == pytest.approx(expected[h.tokens], abs=1e-13)
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        assert sum(math.exp(h.score) for h in hypotheses) == pytest.approx(1, abs=1e-12)


def test_probabilities_are_those_of_the_ctc_loss():
    y = recordings(4, 7, 3, seed=1)
    found = PrefixBeam(width=400, hypotheses=20).decode(y)
    for k, row in enumerate(found):
        for h in row:
            loss = F.ctc_loss(
                y[k, :, None], torch.tensor([h.tokens]), [7], [len(h.tokens)], reduction="sum", zero_infinity=False
            )
            assert h.log_probability == pytest.approx(-loss.item(), abs=1e-6)


def narrow_search(frames: list[list[float]], width: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    """Prefix search in plain Python, with dictionaries (Hannun et al., 2014, algorithm 1)."""
    beam = {(): (1.0, 0.0)}
    for y in frames:
        following: dict[tuple[int, ...], list[float]] = {}
        for prefix, (b, nb) in beam.items():
            for c, p in enumerate(y):
                if c == blank:
                    following.setdefault(prefix, [0.0, 0.0])[0] += p * (b + nb)
                    continue
                same = bool(prefix) and prefix[-1] == c
                following.setdefault((*prefix, c), [0.0, 0.0])[1] += p * (b if same else b + nb)
                if same:
                    following.setdefault(prefix, [0.0, 0.0])[1] += p * nb
        beam = dict(sorted(following.items(), key=lambda item: -sum(item[1]))[:width])
    return [(prefix, sum(p)) for prefix, p in beam.items()]


@pytest.mark.parametrize("width", [1, 2, 5, 13])
def test_a_narrow_beam_follows_the_same_prefixes_as_the_plain_search(width):
    y = recordings(5, 40, 6, seed=2)
    found = PrefixBeam(width=width, hypotheses=width).decode(y)
    for frames, row in zip(y.exp().tolist(), found):
        expected = narrow_search(frames, width, 0)
        assert [h.tokens for h in row] == [prefix for prefix, _ in expected]
        assert [h.score for h in row] == pytest.approx([math.log(p) for _, p in expected], abs=1e-10)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 5), st.integers(2, 4))
def test_zeros_in_the_probabilities(seed, frames, classes):
    """One-hot and sparse frames: nothing impossible is returned, everything possible is."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.rand(2, frames, classes, generator=generator, dtype=torch.float64)
    p *= torch.rand(2, frames, classes, generator=generator) < 0.6
    p[..., -1] += (p.sum(2) == 0).double()
    y = (p / p.sum(2, keepdim=True)).log() if frames else p
    for row, hypotheses in zip(y.exp().tolist(), PrefixBeam(400, 400).decode(y)):
        possible = {labels: value for labels, value in label_probabilities(row, 0).items() if value > 0}
        assert {h.tokens for h in hypotheses} == set(possible or {(): 1.0})
        for h in hypotheses:
            assert math.exp(h.score) == pytest.approx((possible or {(): 1.0})[h.tokens], rel=1e-9)


def test_the_best_path_is_the_best_path():
    y = recordings(6, 5, 3, seed=3)
    lengths = [5, 4, 0, 1, 3, 5]
    for blank in (0, 2):
        found = BestPath(blank).decode(y, lengths)
        for frames, length, (h,) in zip(y.tolist(), lengths, found):
            paths = itertools.product(range(3), repeat=length)
            scored = {path: sum(frames[t][c] for t, c in enumerate(path)) for path in paths}
            best = max(scored, key=lambda path: scored[path])
            labels = tuple(label for label, _ in itertools.groupby(best) if label != blank)
            assert h.tokens == labels
            assert h.score == pytest.approx(scored[best], abs=1e-12)


def test_a_blank_parts_equal_labels():
    def labels(*path: int) -> tuple[int, ...]:
        y = F.one_hot(torch.tensor([path]), 3).double().log()
        both = [decoder.decode(y)[0][0].tokens for decoder in (BestPath(), PrefixBeam(4))]
        assert both[0] == both[1]
        return both[0]

    assert labels(1, 1, 0, 1, 2, 2) == (1, 1, 2)
    assert labels(0, 1, 1, 1, 0) == (1,)
    assert labels(0, 0) == ()


@pytest.mark.parametrize("decoder", [BestPath(), PrefixBeam(6, 3), PrefixBeam(6, 3, bonus=0.7)])
def test_padding_and_the_batch_change_nothing(decoder):
    y, lengths = recordings(7, 20, 5, seed=4), torch.tensor([20, 0, 7, 1, 19, 12, 3])
    padded = y.masked_fill(torch.arange(20)[None, :, None] >= lengths[:, None, None], math.nan)
    together = decoder.decode(padded, lengths)
    for k, length in enumerate(lengths.tolist()):
        (alone,) = decoder.decode(y[k : k + 1, :length])
        assert [h.tokens for h in together[k]] == [h.tokens for h in alone]
        assert [h.score for h in together[k]] == pytest.approx([h.score for h in alone], abs=1e-12)
    assert [h.tokens for h in together[1]] == [()]


def test_nothing_to_decode():
    for decoder in (BestPath(), PrefixBeam()):
        assert decoder.decode(torch.zeros(0, 4, 3)) == []
        assert [[(h.tokens, h.score) for h in row] for row in decoder.decode(torch.zeros(2, 0, 3))] == [[((), 0.0)]] * 2


# --------------------------------------------------------------------------------------------------- language model


def reranked(frames: list[list[float]], model: TreeStepper, begin: int, weight: float, bonus: float) -> dict:
    """log p + weight log P(l) + bonus |l| of every label sequence."""
    scores = {}
    for labels, p in label_probabilities(frames, 0).items():
        read, language = (begin,), 0.0
        for label in labels:
            language += model.after(0, read)[label]
            read = (*read, label)
        scores[labels] = math.log(p) + weight * language + bonus * len(labels)
    return scores


@pytest.mark.parametrize(("weight", "bonus"), [(0.8, 0.0), (1.5, 0.6), (0.4, -0.3)])
def test_a_language_model_ranks_label_sequences(weight, bonus):
    y, model, begin = recordings(3, 5, 3, seed=5), TreeStepper(3, seed=7), 0
    beam = PrefixBeam(width=300, hypotheses=300, weight=weight, bonus=bonus)
    stepped = SteppedLanguageModel(model, model.start([0]), begin)
    by_stepper = beam.decode(y, language_model=stepped)
    by_function = beam.decode(y, language_model=lambda prefix: model.after(0, (begin, *prefix)))
    assert by_stepper == by_function
    for frames, hypotheses in zip(y.exp().tolist(), by_stepper):
        expected = reranked(frames, model, begin, weight, bonus)
        assert {h.tokens: h.score for h in hypotheses} == pytest.approx(expected, abs=1e-10)
        assert hypotheses[0].tokens == max(expected, key=lambda labels: expected[labels])


def test_a_language_model_of_single_words_forbids_the_others():
    words = {(1, 2), (2,), (2, 1)}
    beginnings = {word[:k] for word in words for k in range(len(word) + 1)}

    def language_model(prefix: tuple[int, ...]) -> list[float]:
        return [0.0 if (*prefix, c) in beginnings else -math.inf for c in range(3)]

    y = recordings(1, 5, 3, seed=6)
    (found,) = PrefixBeam(100, 100, weight=1.0).decode(y, language_model=language_model)
    assert {h.tokens for h in found} == beginnings
    expected = label_probabilities(y[0].exp().tolist(), 0)
    for h in found:
        assert math.exp(h.score) == pytest.approx(expected[h.tokens], rel=1e-9)


def test_states_of_a_stepped_language_model_are_kept():
    model = TreeStepper(4, seed=1)
    stepped = SteppedLanguageModel(model, model.start([0]), 0)
    assert stepped((1, 2, 3)).tolist() == model.after(0, (0, 1, 2, 3))
    assert stepped((1, 2)).tolist() == model.after(0, (0, 1, 2))
    assert stepped((1, 3)).tolist() == model.after(0, (0, 1, 3))
    assert stepped(()).tolist() == model.after(0, (0,))
    assert model.steps_run == 5  # (), 1, 12, 123 and 13


# -------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("decoder", [BestPath(), PrefixBeam()])
def test_bad_input(decoder):
    y = recordings(2, 4, 3)
    for arguments, message in (
        ((y[0],), r"shape \(4, 3\)"),
        ((y.long(),), "type torch.int64"),
        ((y, [4, 5]), r"lengths \[4, 5\] do not fit"),
        ((y, [4, -1]), "do not fit"),
        ((y, [4]), "do not fit"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            decoder.decode(*arguments)
        assert caught.value.hint
    with pytest.raises(ArgumentError, match="the blank 3 is not among 3 classes"):
        type(decoder)(blank=3).decode(y)
    for value, message in (
        (math.nan, "hold NaN in frame 2 of recording 1"),
        (-math.inf, "every symbol has probability 0 in frame 2 of recording 1"),
        (3.0, "a log-probability is 3, above 0, in frame 2 of recording 1"),
    ):
        broken = y.clone()
        broken[1, 2] = value
        with pytest.raises(DivergenceError, match=message):
            decoder.decode(broken)
        decoder.decode(broken, [4, 2])  # what is padding does not matter


def test_settings_that_contradict_each_other():
    y = recordings(1, 4, 3)
    with pytest.raises(ArgumentError, match="belong together"):
        PrefixBeam(weight=0.5).decode(y)
    with pytest.raises(ArgumentError, match="belong together"):
        PrefixBeam().decode(y, language_model=lambda prefix: [0.0] * 3)
    with pytest.raises(ArgumentError, match="8 hypotheses cannot come of a beam of 4"):
        PrefixBeam(4, 8)
    for answer, message in (([0.0] * 4, r"the shape \(4,\)"), ([math.nan] * 3, "NaN")):
        with pytest.raises(ArgumentError, match=f"answered {message} after the labels"):
            PrefixBeam(weight=1.0).decode(y, language_model=lambda prefix, answer=answer: answer)
    assert PrefixBeam.from_config({"name": "prefix-beam", "width": 3}).width == 3
    assert CTCDecoder.from_config("best-path").config() == {"name": "best-path", "blank": 0}
