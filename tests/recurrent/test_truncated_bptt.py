"""Truncated back-propagation through time: what each gradient sees."""

from __future__ import annotations

import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.recurrent import GRU, LSTM, Recurrent, detach_state, truncated_bptt

DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def _gradients(layer):
    found = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    return found


def _loss(weights):
    return lambda output, steps: (output * weights[:, steps]).sum()


def test_untruncated_is_the_whole_gradient():
    layer = Recurrent([LSTM(3, 4), GRU(4, 4)], initial_state="learned").double()
    x, weights = torch.randn(2, 7, 3, dtype=DOUBLE), torch.randn(2, 7, 4, dtype=DOUBLE)
    output, state = layer(x)
    (output * weights).sum().backward()
    expected = _gradients(layer)
    (part,) = truncated_bptt(layer, x, _loss(weights), k1=7, k2=7)
    for found, right in zip(_gradients(layer), expected):
        torch.testing.assert_close(found, right, rtol=0, atol=1e-10)
    torch.testing.assert_close(part.state[0].c, state[0].c)
    assert not part.state[0].c.requires_grad


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (2, 2), (2, 4), (2, 5), (3, 3), (3, 7), (1, 20), (20, 20)])
def test_each_gradient_sees_the_last_steps(k1, k2):
    """The loss of the newest k1 steps, with a state that is a constant k2 (or a few more) steps ago."""
    layer = Recurrent(LSTM(3, 4)).double()
    T = 9
    x, weights = torch.randn(2, T, 3, dtype=DOUBLE), torch.randn(2, T, 4, dtype=DOUBLE)
    ends = [*range(k1, T, k1), T]
    parts = truncated_bptt(layer, x, _loss(weights), k1, k2)
    whole, _ = layer(x)
    total = torch.zeros((), dtype=DOUBLE)
    for stop, part in zip(ends, parts, strict=True):
        found = _gradients(layer)
        new = (stop - 1) // k1 * k1
        start = max(0, stop - k2) // k1 * k1  # the nearest kept state at least k2 steps ago
        _, before = layer(x[:, :start])
        output, _ = layer(x[:, start:stop], detach_state(before))
        (output[:, new - start :] * weights[:, new:stop]).sum().backward()
        for gradient, right in zip(found, _gradients(layer)):
            torch.testing.assert_close(gradient, right, rtol=0, atol=1e-10)
        total = total + part.loss
    torch.testing.assert_close(total, (whole * weights).sum().detach())


def test_rows_end_where_they_end():
    layer = Recurrent(GRU(3, 4)).double()
    x, weights = torch.randn(3, 8, 3, dtype=DOUBLE), torch.randn(3, 8, 4, dtype=DOUBLE)
    lengths = [8, 3, 0]
    *_, last = truncated_bptt(layer, x, _loss(weights), 2, 2, lengths=lengths)
    _, state = layer(x, lengths=lengths)
    torch.testing.assert_close(last.state[0].h, state[0].h.detach())


def test_weights_may_change_on_the_way():
    """A net learns to repeat what came three steps ago, although no gradient spans the sequence."""
    layer = Recurrent(GRU(1, 16))
    readout = torch.nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], lr=0.01)
    losses = []
    for _ in range(25):
        x = torch.rand(16, 60, 1)
        delayed = torch.cat([torch.zeros(16, 3, 1), x[:, :-3]], 1)

        def loss(output, steps, delayed=delayed):
            return (readout(output) - delayed[:, steps]).pow(2).mean()

        for part in truncated_bptt(layer, x, loss, k1=5, k2=10):
            optimizer.step()
            optimizer.zero_grad()
            losses.append(part.loss.item())
    assert sum(losses[-12:]) / 12 < 0.5 / 12  # half the variance, which is what knowing nothing costs


def test_nothing_to_do():
    layer = Recurrent(GRU(3, 4))
    assert list(truncated_bptt(layer, torch.zeros(2, 0, 3), _loss(torch.zeros(2, 0, 4)), 1, 1)) == []


def test_what_cannot_be_truncated():
    x = torch.zeros(1, 4, 3)
    with pytest.raises(ArgumentError, match="k1 = 3 and k2 = 2"):
        list(truncated_bptt(Recurrent(GRU(3, 4)), x, _loss(x), 3, 2))
    with pytest.raises(ArgumentError, match="bidirectional"):
        list(truncated_bptt(Recurrent(GRU(3, 4), bidirectional=True), x, _loss(x), 1, 1))
