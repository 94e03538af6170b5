"""Linear layers whose products are rounded by the tiles of the processor under autocast."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gatefield.layers.linear import Linear
from gatefield.recurrent import native
from gatefield.recurrent.rounded_products import rounded

LIBRARY = native.library()
TILES = pytest.mark.skipif(LIBRARY is None or not LIBRARY.tiles, reason="no tiles on this processor")


def _twins() -> tuple[Linear, nn.Linear]:
    mine, other = Linear(33, 20), nn.Linear(33, 20)
    other.load_state_dict(mine.state_dict())
    return mine, other


def test_without_autocast_it_is_torch_s() -> None:
    mine, other = _twins()
    for shape in ((7, 33), (2, 3, 33), (33,), (0, 33)):
        x = torch.randn(shape)
        assert torch.equal(mine(x), other(x))


@TILES
@pytest.mark.parametrize("shape", [(7, 33), (2, 3, 33), (33,), (0, 33), (1, 33)])
def test_products_of_rounded_factors_and_their_gradients(shape: tuple[int, ...]) -> None:
    mine, _ = _twins()
    x = torch.randn(shape, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = mine(x)
    assert y.dtype == torch.float32
    W, b = mine.weight.detach(), mine.bias.detach()
    expected = rounded(x.detach()).double() @ rounded(W).double().T + b
    torch.testing.assert_close(y.double(), expected.double(), rtol=1e-5, atol=1e-5)
    g = torch.randn(y.shape)
    y.backward(g)
    rows, slopes = x.detach().reshape(-1, 33), g.reshape(-1, 20)
    pairs: list[tuple[Tensor, Tensor]] = [
        (x.grad.reshape(-1, 33), rounded(slopes) @ rounded(W)),
        (mine.weight.grad, rounded(slopes).T @ rounded(rows)),
        (mine.bias.grad, slopes.sum(0)),
    ]
    for found, right in pairs:
        torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-4)


@TILES
def test_second_derivatives_exist() -> None:
    mine, _ = _twins()
    x = torch.randn(4, 33, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = mine(x).square().sum()
    (first,) = torch.autograd.grad(loss, x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    exact = 8 * (x.detach() @ mine.weight.T.detach() + mine.bias.detach()) @ mine.weight.detach()
    exact = exact @ mine.weight.T.detach() @ mine.weight.detach()
    assert (second - exact).norm() < 0.05 * exact.norm()


def test_elsewhere_autocast_is_torch_s(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = _twins()
    monkeypatch.setattr("gatefield.layers.linear.library", lambda: None)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mine(torch.ones(3, 33)), other(torch.ones(3, 33)))
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            mine(torch.ones(3, 32))
