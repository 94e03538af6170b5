"""Convolutional sequence to sequence: its equations, its steps with windows, and how far it sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stepper_contract import PairContract, cases
from stepper_contract import case as build_case

from gatefield.core.errors import ArgumentError, InputError
from gatefield.models.language.convolutional_seq2seq import ConvolutionalSeq2Seq

SMALL = {"source_vocabulary": 11, "target_vocabulary": 9, "embedding": 4, "width": 5, "positions": 12}


class TestConvolutionalSeq2Seq(PairContract):
    @pytest.fixture(params=cases(ConvolutionalSeq2Seq))
    def case(self, request):
        return build_case(*request.param)


def build(**options) -> ConvolutionalSeq2Seq:
    torch.manual_seed(0)
    return ConvolutionalSeq2Seq(**{**SMALL, **options}).double().eval().requires_grad_(False)


def softmax(e: np.ndarray) -> np.ndarray:
    powers = np.exp(e - e.max())
    return powers / powers.sum()


@pytest.mark.parametrize("kernel_size", [2, 3, 5])
def test_is_its_equations(kernel_size):
    """A transcription of sections 3.1 to 3.5 in NumPy, output by output."""
    model = build(levels=2, kernel_size=kernel_size)
    w = {key: value.numpy() for key, value in model.state_dict().items()}
    source, target, half = [3, 1, 4, 1, 5], [1, 2, 6, 5], np.sqrt(0.5)

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def gated(name: str, h: np.ndarray, before: int) -> np.ndarray:
        """v(W [h_{i - before} ... h_{i - before + k - 1}] + b), zeros outside"""
        rows = []
        for i in range(len(h)):
            y = w[f"{name}.conv.bias"].copy()
            for j in range(kernel_size):
                place = i - before + j
                if 0 <= place < len(h):
                    y += w[f"{name}.conv.weight"][:, :, j] @ h[place]
            a, b = np.split(y, 2)
            rows.append(a / (1 + np.exp(-b)))
        return np.array(rows)

    e = w["source_embedding.weight"][source] + w["source_places.weight"][: len(source)]
    h = linear("widen_source", e)
    for level in range(2):
        h = (gated(f"encoder.{level}", h, (kernel_size - 1) // 2) + h) * half
    z = linear("narrow_source", h)
    g = w["target_embedding.weight"][target] + w["target_places.weight"][: len(target)]
    h = linear("widen_target", g)
    for level in range(2):
        y = gated(f"decoder.{level}", h, kernel_size - 1)
        d = (linear(f"queries.{level}", y) + g) * half
        c = np.array([softmax(z @ query) @ ((z + e) * half) for query in d]) * np.sqrt(len(source))
        h = ((y + linear(f"contexts.{level}", c)) * half + h) * half
    expected = linear("classifier", linear("narrow_target", h))
    found = model(torch.tensor([source]), None, torch.tensor([target]))[0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-10)


def test_sees_the_past_within_its_kernels_and_no_future():
    model = build(levels=2, kernel_size=3)
    source, target = torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 12, dtype=torch.int64)
    expected = model(source, None, target)
    for place in range(12):
        other = target.clone()
        other[0, place] = 2
        changed = (model(source, None, other) - expected).abs().sum(2)[0] > 1e-12
        assert changed.nonzero().flatten().tolist() == list(range(place, min(place + 5, 12)))


def test_longer_than_its_places():
    model = build(levels=1)
    with pytest.raises(InputError, match="13 symbols, this model places for 12") as caught:
        model(torch.ones(1, 13, dtype=torch.int64), None, torch.ones(1, 1, dtype=torch.int64))
    assert "positions" in caught.value.hint


def test_a_kernel_that_sees_no_neighbor():
    with pytest.raises(ArgumentError, match="no step but the present"):
        build(kernel_size=1)
