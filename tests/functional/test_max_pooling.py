"""Max pooling in native code against torch's own."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gatefield.core.errors import InputError
from gatefield.functional.max_pooling import max_pooling
from gatefield.layers.max_pooling import MaxPool2d

WINDOWS = [
    (2, 2, 0),
    (3, 2, 1),
    (2, 2, 1),
    (3, 1, 1),
    ((3, 2), (2, 3), (1, 0)),
    (2, 3, 0),
    ((1, 4), (1, 4), (0, 2)),
    (1, 1, 0),
]
SHAPES = [(2, 6, 28, 27), (3, 16, 10, 11), (1, 1, 5, 7), (2, 3, 9, 8), (2, 37, 7, 6), (1, 20, 4, 40), (5, 6, 4, 4)]


def _input(shape: tuple[int, ...], dtype: torch.dtype, last: bool) -> Tensor:
    """Small whole numbers, so that there are equal ones; some are NaN, some minus infinity."""
    x = torch.randint(-3, 3, shape).to(dtype)
    x[torch.rand(shape) < 0.03] = torch.nan
    x[torch.rand(shape) < 0.2] = -torch.inf
    return x.to(memory_format=torch.channels_last) if last else x


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_as_torch(level: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = itertools.cycle((1, 3, 2, 2, 1))
    monkeypatch.setattr("torch.get_num_threads", lambda: next(threads))
    monkeypatch.setattr("gatefield.functional.max_pooling.MANY", 0)
    for number, (shape, (kernel, stride, padding), ceil) in enumerate(
        itertools.product(SHAPES, WINDOWS, (False, True))
    ):
        last = (number // (2 * len(WINDOWS)) + number) % 2 == 0  # every window meets both layouts
        if dtype == torch.bfloat16 and kernel == 3:
            continue  # overlapping
        if dtype == torch.bfloat16 and not isinstance(kernel, int) and kernel[0] > 2:
            continue
        x = _input(shape, dtype, last)
        mine, other = x.clone().requires_grad_(), x.clone().requires_grad_()
        y = max_pooling(mine, kernel, stride, padding, ceil)
        expected = F.max_pool2d(other, kernel, stride, padding, ceil_mode=ceil)
        torch.testing.assert_close(y, expected, rtol=0, atol=0, equal_nan=True)
        assert y.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
        g = torch.randn_like(expected)
        y.backward(g)
        expected.backward(g)
        tolerance = 1e-6 if dtype == torch.float32 else 1e-14 if dtype == torch.float64 else 0
        torch.testing.assert_close(mine.grad, other.grad, rtol=tolerance, atol=tolerance)
        with torch.no_grad():
            torch.testing.assert_close(max_pooling(x, kernel, stride, padding, ceil), y, rtol=0, atol=0, equal_nan=True)


def test_nothing_beyond_the_input_is_read_and_nothing_beyond_the_output_written() -> None:
    """Poisoned cells around the input and the gradient never reach a result."""
    for channels, last in itertools.product((1, 3, 6, 17), (False, True)):
        room = torch.full((4, channels, 6, 8), torch.nan)
        layout = torch.channels_last if last else torch.contiguous_format
        room = room.contiguous(memory_format=layout)
        room[1:3] = torch.randn(2, channels, 6, 8)
        x = room[1:3].requires_grad_()
        y = max_pooling(x, 2)
        assert y.isfinite().all()
        (gradient,) = torch.autograd.grad(y, x, torch.ones_like(y))
        assert gradient.sum() == y.numel()
        assert room[[0, 3]].isnan().all()


def test_gradients_of_gradients() -> None:
    x = torch.randn(2, 3, 7, 6, dtype=torch.float64, requires_grad=True)
    for window in ((2, 2, 0), (3, 2, 1), ((1, 3), (1, 2), (0, 1))):
        assert torch.autograd.gradcheck(lambda x, w=window: max_pooling(x, *w), x)
        assert torch.autograd.gradgradcheck(lambda x, w=window: max_pooling(x, *w).sin(), x)


def test_where_native_code_does_not_reach() -> None:
    x = torch.randn(2, 3, 8, 8)
    for given, window in ((x[0], (2,)), (x.half(), (2,)), (x.bfloat16(), (3, 2)), (x, (16, 1, 8)), (x[:0], (2,))):
        torch.testing.assert_close(max_pooling(given, *window), F.max_pool2d(given, *window))
    mapped = torch.func.vmap(lambda x: max_pooling(x[None], 2)[0])(x)
    torch.testing.assert_close(mapped, F.max_pool2d(x, 2))
    with pytest.raises(RuntimeError, match="pad should be at most half"):
        max_pooling(x, 2, 2, 2)


def test_native_code_is_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEFIELD_ENGINE", "native")
    with pytest.raises(InputError, match="max poolings can only take the torch path"):
        max_pooling(torch.randn(1, 1, 4, 4, device="meta"), 2)


def test_the_layer_is_torch_s() -> None:
    x = torch.randn(2, 3, 9, 8)
    for arguments in ({"stride": 3}, {"padding": 1, "ceil_mode": True}, {"dilation": 2}):
        torch.testing.assert_close(MaxPool2d(2, **arguments)(x), torch.nn.MaxPool2d(2, **arguments)(x), rtol=0, atol=0)
    y, where = MaxPool2d(2, return_indices=True)(x)
    torch.testing.assert_close(y, x.flatten(2).gather(2, where.flatten(2)).view_as(y), rtol=0, atol=0)
