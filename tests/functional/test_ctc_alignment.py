"""The most probable path of a labelling, against a search through all paths."""

from __future__ import annotations

import itertools

import pytest
import torch

from gatefield.core.errors import InputError
from gatefield.functional.ctc_alignment import Span, aligned
from gatefield.functional.ctc_paths import paths


def log_y(time: int, symbols: int, seed: int) -> torch.Tensor:
    return torch.randn(time, symbols, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).log_softmax(1)


def spelled(spans: list[Span], labels: list[int], time: int) -> list[int]:
    """The path that the spans describe."""
    path = [0] * time
    for span, label in zip(spans, labels):
        path[span.start : span.stop] = [label] * (span.stop - span.start)
    return path


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("labels", [[1], [1, 2], [2, 2], [1, 1, 2], [3, 1, 3]])
def test_it_is_the_best_of_all_paths(labels, seed):
    y = log_y(6, 4, seed)
    best = max(paths(labels, 6, 4), key=lambda path: float(y[range(6), list(path)].sum()))
    assert spelled(aligned(y, labels), labels, 6) == list(best)


def test_no_labels_and_as_many_frames_as_needed():
    assert aligned(log_y(3, 2, 0), []) == []
    assert aligned(log_y(0, 2, 0), []) == []
    assert aligned(log_y(3, 3, 0), [1, 2, 1]) == [Span(0, 1), Span(1, 2), Span(2, 3)]
    assert aligned(log_y(3, 3, 0), [1, 1]) == [Span(0, 1), Span(2, 3)]


@pytest.mark.parametrize(("time", "labels"), [(0, [1]), (2, [1, 1]), (2, [1, 2, 1])])
def test_too_few_frames(time, labels):
    with pytest.raises(InputError, match=f"{time} frames"):
        aligned(log_y(time, 3, 0), labels)


def test_impossible_symbols():
    y = log_y(5, 3, 0)
    y[:, 2] = -torch.inf
    assert len(list(itertools.chain(*aligned(y, [1])))) == 2
    with pytest.raises(InputError):
        aligned(y, [1, 2])
