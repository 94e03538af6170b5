"""Convolutions of few channels in native code against torch's own, in float64."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gatefield.core.errors import InputError
from gatefield.functional.few_channels import few_channel_convolution
from gatefield.layers.convolution import convolution
from gatefield.layers.few_channel_convolution import Conv2d

SHAPES = [(3, 1, 9, 8), (2, 6, 14, 14), (2, 3, 7, 11), (1, 5, 5, 5), (4, 2, 30, 33), (2, 10, 6, 6), (1, 1, 1, 20)]
KERNELS = [(6, 5, 5), (16, 5, 5), (20, 3, 3), (3, 3, 3), (32, 3, 5), (1, 5, 3), (17, 3, 1)]


def _last(*shape: int) -> Tensor:
    return torch.randn(shape).to(memory_format=torch.channels_last)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-5), (torch.bfloat16, 1.6e-2)])
def test_as_torch_in_float64(level: str, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = itertools.cycle((1, 3, 2))
    monkeypatch.setattr("torch.get_num_threads", lambda: next(threads))
    monkeypatch.setattr("gatefield.functional.few_channels.MANY", 0)
    compared = 0
    for (batch, channels, *size), (outputs, *kernel), padding in itertools.product(SHAPES, KERNELS, [(0, 0), (2, 1)]):
        if kernel[1] * channels > 32 or any(s + 2 * p < k for s, p, k in zip(size, padding, kernel)):
            continue
        x = _last(batch, channels, *size)
        weight, bias = torch.randn(outputs, channels, *kernel) / 5, torch.randn(outputs)
        given = [t.to(dtype) for t in (x, weight, bias)]
        mine = [t.clone().requires_grad_() for t in given]
        other = [t.double().requires_grad_() for t in given]
        y = few_channel_convolution(*mine, padding)
        expected = F.conv2d(*other, padding=padding)
        assert "FewChannel" in type(y.grad_fn).__name__
        assert y.is_contiguous(memory_format=torch.channels_last)
        g = torch.randn_like(y)
        y.backward(g)
        expected.backward(g.double())
        pairs = [(y, expected), *((a.grad, b.grad) for a, b in zip(mine, other))]
        for found, right in pairs:
            assert (found.double() - right).abs().max() <= tolerance * (1 + right.abs().max())
        compared += 1
    assert compared > 50


def test_only_what_is_asked_for_is_computed() -> None:
    x, weight, bias = _last(2, 2, 8, 8), torch.randn(4, 2, 3, 3), torch.randn(4)
    whole = [t.clone().requires_grad_() for t in (x, weight, bias)]
    expected = torch.autograd.grad(few_channel_convolution(*whole).square().sum(), whole)
    for asked in range(3):
        some = [t.clone().requires_grad_(k == asked) for k, t in enumerate((x, weight, bias))]
        (found,) = torch.autograd.grad(few_channel_convolution(*some).square().sum(), some[asked])
        torch.testing.assert_close(found, expected[asked], rtol=0, atol=0)
    plain = few_channel_convolution(x, weight)
    torch.testing.assert_close(plain, F.conv2d(x, weight), rtol=1e-5, atol=1e-5)


def test_nan_stays_where_its_windows_are() -> None:
    x = _last(1, 3, 8, 9)
    x[0, 1, 3, 4] = torch.nan
    weight = torch.randn(5, 3, 3, 3)
    assert torch.equal(few_channel_convolution(x, weight).isnan(), F.conv2d(x, weight).isnan())


def test_gradients_of_gradients() -> None:
    x, weight = _last(2, 2, 6, 5).requires_grad_(), torch.randn(3, 2, 3, 3, requires_grad=True)

    def second(convolve) -> list[Tensor]:
        loss = convolve(x, weight).sin().sum()
        first = torch.autograd.grad(loss, (x, weight), create_graph=True)
        return list(torch.autograd.grad(sum(each.square().sum() for each in first), (x, weight)))

    for mine, other in zip(second(few_channel_convolution), second(F.conv2d), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)


def test_autocast_rounds_factors_and_sums_in_float32() -> None:
    x, weight, bias = _last(2, 3, 8, 8), torch.randn(4, 3, 3, 3, requires_grad=True), torch.randn(4)
    with torch.autocast("cpu", torch.bfloat16):
        y = few_channel_convolution(x, weight, bias)
    assert y.dtype == torch.bfloat16
    exact = F.conv2d(*(t.bfloat16().double() for t in (x, weight, bias)))
    torch.testing.assert_close(y, exact.bfloat16(), rtol=8e-3, atol=1e-6)
    y.float().sum().backward()
    assert weight.grad.dtype == torch.float32


def test_where_native_code_does_not_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.randn(4, 3, 3, 3)
    for x, w in (
        (torch.randn(2, 3, 8, 8), weight),  # channels first
        (_last(2, 3, 8, 8).double(), weight.double()),
        (_last(2, 3, 8, 8), torch.randn(4, 3, 2, 2)),
        (_last(2, 3, 8, 8), torch.randn(64, 3, 3, 3)),
        (_last(2, 3, 8, 8)[:0], weight),
    ):
        torch.testing.assert_close(few_channel_convolution(x, w), F.conv2d(x, w))
    with pytest.raises(RuntimeError, match="expected input"):
        few_channel_convolution(_last(2, 4, 8, 8), weight)
    monkeypatch.setenv("GATEFIELD_ENGINE", "torch")
    y = few_channel_convolution(_last(2, 3, 8, 8), weight.requires_grad_())
    assert "FewChannel" not in type(y.grad_fn).__name__
    monkeypatch.setenv("GATEFIELD_ENGINE", "native")
    with pytest.raises(InputError, match="can only take the torch path"):
        few_channel_convolution(_last(2, 3, 8, 8).to("meta"), weight.to("meta"))


def test_the_layer_is_torch_s() -> None:
    for arguments in ((1, 6, 5, 1, 2), (6, 16, 5), (3, 8, (3, 3), (1, 1), (1, 0))):
        layer = convolution(*arguments)
        assert isinstance(layer, Conv2d)
        like = torch.nn.Conv2d(*arguments)
        like.load_state_dict(layer.state_dict())
        x = _last(2, arguments[0], 9, 10)
        torch.testing.assert_close(layer(x), like(x), rtol=1e-5, atol=1e-5)
    for arguments in ((64, 64, 3), (3, 8, 3, 2), (3, 9, 3, 1, 1, 1, 3), (3, 8, 3, 1, "same"), (3, 8, 7)):
        assert not isinstance(convolution(*arguments), Conv2d)
