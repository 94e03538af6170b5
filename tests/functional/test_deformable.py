"""Deformable convolution against a transcription of the paper, and against torch's convolution."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional import deformable_blocks, native
from gatefield.functional.deformable import deformable_convolution

anew = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["torch", *native.libraries()], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything holds for torch's operations and for native code of every instruction set of this processor."""
    if request.param == "torch":
        monkeypatch.setenv("GATEFIELD_ENGINE", "torch")
    else:
        library = native.libraries()[request.param]
        monkeypatch.setattr(native, "library", lambda: library)
        monkeypatch.setattr(deformable_blocks, "MANY", 0)  # threads, however little there is to do
        monkeypatch.setenv("GATEFIELD_ENGINE", "native")
    return request.param


@pytest.fixture
def compiled(engine: str) -> str:
    if engine == "torch":
        pytest.skip("about native code")
    return engine


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def by_torch(*arguments) -> Tensor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEFIELD_ENGINE", "torch")
        return deformable_convolution(*arguments)


def bilinear(image: numpy.ndarray, y: float, x: float) -> float:
    """Equations 3 and 4 of Dai et al. (2017): x(p) = sum over q of G(q, p) x(q), G = max(0, 1 - |q - p|) an axis."""
    total = 0.0
    for row in range(math.floor(y), math.floor(y) + 2):
        for column in range(math.floor(x), math.floor(x) + 2):
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                total += max(0, 1 - abs(row - y)) * max(0, 1 - abs(column - x)) * image[row, column]
    return total


def paper(x, offset, weight, mask, stride, padding, dilation, groups, offset_groups):
    """Equation 2: y(p0) = sum over n of w(p_n) x(p0 + p_n + dp_n), times dm_n in Zhu et al. (2019), equation 1."""
    batch, channels = x.shape[:2]
    to, each, height, width = weight.shape
    y = numpy.zeros((batch, to, *offset.shape[2:]))
    for b, o, i, j in numpy.ndindex(y.shape):
        for c in range(each):
            source = o // (to // groups) * each + c
            group = source // (channels // offset_groups)
            for m, n in numpy.ndindex(height, width):
                tap = group * height * width + m * width + n
                down = i * stride[0] - padding[0] + m * dilation[0] + offset[b, 2 * tap, i, j]
                right = j * stride[1] - padding[1] + n * dilation[1] + offset[b, 2 * tap + 1, i, j]
                y[b, o, i, j] += weight[o, c, m, n] * bilinear(x[b, source], down, right) * mask[b, tap, i, j]
    return y


CASES = [
    # kernel, stride, padding, dilation, groups, offset groups
    ((3, 3), (1, 1), (1, 1), (1, 1), 1, 1),
    ((2, 3), (2, 1), (0, 2), (1, 2), 1, 2),
    ((3, 2), (1, 2), (2, 1), (2, 1), 2, 1),
    ((1, 1), (2, 2), (0, 0), (1, 1), 2, 4),
    ((3, 3), (3, 2), (3, 3), (2, 2), 4, 2),
]


def draw(kernel, stride, padding, dilation, groups, offset_groups, spread=1.5):
    source = torch.Generator().manual_seed(sum(kernel) + groups)
    x = torch.randn(2, 4, 6, 7, generator=source, dtype=torch.float64)
    weight = torch.randn(4, 4 // groups, *kernel, generator=source, dtype=torch.float64)
    rows, columns = F.conv2d(x, weight, None, stride, padding, dilation, groups).shape[2:]
    taps = offset_groups * kernel[0] * kernel[1]
    offset = spread * torch.randn(2, 2 * taps, rows, columns, generator=source, dtype=torch.float64)
    mask = torch.rand(2, taps, rows, columns, generator=source, dtype=torch.float64)
    return x, offset, weight, mask


@pytest.mark.parametrize("case", CASES)
def test_equals_the_paper(case):
    x, offset, weight, mask = draw(*case)
    ones = torch.ones_like(mask)
    for modulation, passed in ((ones, None), (mask, mask)):
        expected = paper(*(t.numpy() for t in (x, offset, weight, modulation)), *case[1:])
        y = deformable_convolution(x, offset, weight, None, passed, *case[1:4])
        torch.testing.assert_close(y, torch.from_numpy(expected), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_gradients(case):
    x, offset, weight, mask = (tensor[:1].requires_grad_() if i != 2 else tensor.requires_grad_()
                               for i, tensor in enumerate(draw(*case)))  # fmt: skip
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)

    def compute(x, offset, weight, bias, mask):
        return deformable_convolution(x, offset, weight, bias, mask, *case[1:4])

    assert torch.autograd.gradcheck(compute, (x, offset, weight, bias, mask), fast_mode=True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_offsets_are_an_ordinary_convolution(case, dtype):
    x, offset, weight, _ = (tensor.to(dtype) for tensor in draw(*case, spread=0.0))
    expected = F.conv2d(x, weight, None, *case[1:5])
    y = deformable_convolution(x, offset, weight, None, None, *case[1:4])
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("size", [5, 8, 33, 56])
def test_whole_moves_read_cells_exactly(size):
    """Also in float32, where shares of a size that is not a power of two would be rounded."""
    x = torch.randn(1, 1, size, size)
    one = torch.ones(1, 1, 1, 1)
    moves = torch.zeros(1, 2, size, size)
    assert torch.equal(deformable_convolution(x, moves, one), x)
    moves[:, 0], moves[:, 1] = 2, -1
    expected = F.pad(x, (1, 0, 0, 2))[:, :, 2:, :size]
    assert torch.equal(deformable_convolution(x, moves, one), expected)


def test_far_away_is_zero():
    x, moves = torch.randn(1, 2, 5, 5), torch.full((1, 2, 5, 5), 1e6)
    assert not deformable_convolution(x, moves, torch.ones(3, 2, 1, 1)).any()


def test_half_precision_counts_cells_in_single():
    x, offset, weight, mask = draw(*CASES[0])
    exact = deformable_convolution(x, offset, weight, None, mask, padding=1)
    half = [tensor.to(torch.bfloat16) for tensor in (x, offset, weight, mask)]
    y = deformable_convolution(half[0], half[1], half[2], None, half[3], padding=1)
    assert y.dtype == torch.bfloat16
    assert (y - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize(
    ("offset", "weight", "mask", "path"),
    [
        ((1, 17, 5, 5), (2, 4, 3, 3), None, "offset"),
        ((1, 18, 4, 5), (2, 4, 3, 3), None, "offset"),
        ((1, 54, 5, 5), (2, 4, 3, 3), None, "offset"),
        ((1, 18, 5, 5), (2, 3, 3, 3), None, "weight"),
        ((1, 18, 5, 5), (2, 4, 3, 3), (1, 18, 5, 5), "mask"),
    ],
)
def test_shapes_that_do_not_fit(offset, weight, mask, path):
    given = None if mask is None else torch.zeros(mask)
    with pytest.raises(ArgumentError) as caught:
        deformable_convolution(torch.zeros(1, 4, 7, 7), torch.zeros(offset), torch.zeros(weight), None, given)
    assert caught.value.path == (path,)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple:
    """Any convolution: x, offset, weight, bias, mask, stride, padding, dilation."""
    groups, offset_groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    channels = math.lcm(groups, offset_groups) * draw(st.sampled_from([1, 2, 5, 16, 17]))
    kernel, stride, padding, dilation = (
        (draw(st.integers(least, most)), draw(st.integers(least, most)))
        for least, most in ((1, 3), (1, 3), (0, 2), (1, 2))
    )
    size = [max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 6)) for k, d, p in zip(kernel, dilation, padding)]
    torch.manual_seed(draw(st.integers(0, 1000)))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    x = torch.randn(draw(st.integers(0, 4)), channels, *size, dtype=dtype)
    if draw(st.booleans()):
        x = x.to(memory_format=torch.channels_last)
    weight = torch.randn(groups * draw(st.integers(1, 3)), channels // groups, *kernel, dtype=dtype)
    y = F.conv2d(x, weight, None, stride, padding, dilation, groups)
    taps = offset_groups * kernel[0] * kernel[1]
    spread = draw(st.sampled_from([0.0, 0.5, 3.0, 100.0]))
    offset = spread * torch.randn(len(x), 2 * taps, *y.shape[2:], dtype=dtype)
    mask = torch.randn(len(x), taps, *y.shape[2:], dtype=dtype) if draw(st.booleans()) else None
    bias = torch.randn(len(weight), dtype=dtype) if draw(st.booleans()) else None
    return x, offset, weight, bias, mask, stride, padding, dilation


@given(case=convolutions(), block=st.sampled_from([1, 2000, 1 << 20]))
@anew
def test_native_code_equals_torch(compiled, threads, case, block):
    """Outputs and all gradients, however small the blocks, and with as many threads as there are."""
    arguments = [value.requires_grad_() if isinstance(value, Tensor) else value for value in case]
    tensors = [value for value in arguments if isinstance(value, Tensor)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deformable_blocks, "BLOCK", block)
        mine, other = deformable_convolution(*arguments), by_torch(*arguments)
        slope = torch.randn_like(other)
        mine_gradients, other_gradients = (torch.autograd.grad(y, tensors, slope) for y in (mine, other))
    tolerance = 1e-4 if mine.dtype == torch.float32 else 1e-11
    for a, b in zip((mine, *mine_gradients), (other, *other_gradients)):
        largest = float(b.detach().abs().max()) if b.numel() else 0.0
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * max(1.0, largest))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_keeps_the_memory_format(compiled, memory_format):
    x, offset, weight, mask = draw(*CASES[0])
    y = deformable_convolution(x.to(memory_format=memory_format), offset, weight, None, mask, padding=1)
    assert y.is_contiguous(memory_format=memory_format)


def test_only_wanted_gradients_are_given():
    """An offset that is not trained, say, or frozen weights."""
    tensors = draw(*CASES[1])
    expected = dict(enumerate(_gradients(tensors, [0, 1, 2, 3])))
    for wanted in ([0], [2], [1, 3]):
        for place, gradient in zip(wanted, _gradients(tensors, wanted)):
            torch.testing.assert_close(gradient, expected[place])


def _gradients(tensors, wanted):
    x, offset, weight, mask = leaves = [t.clone().requires_grad_(i in wanted) for i, t in enumerate(tensors)]
    y = deformable_convolution(x, offset, weight, None, mask, *CASES[1][1:4])
    return torch.autograd.grad(y.square().sum(), [leaves[place] for place in wanted])


@pytest.mark.parametrize("name", ["x", "offset", "mask"])
def test_a_nan_is_seen(name):
    tensors = dict(zip(("x", "offset", "weight", "mask"), draw(*CASES[0])))
    tensors[name][0, 0, 2, 2] = math.nan
    assert deformable_convolution(**tensors, padding=1).isnan().any()


def test_autocast_multiplies_in_half_precision():
    x, offset, weight, mask = (tensor.float().requires_grad_() for tensor in draw(*CASES[0]))
    with torch.autocast("cpu", torch.bfloat16):
        y = deformable_convolution(x, offset, weight, None, mask, padding=1)
    assert y.dtype == torch.bfloat16
    exact = deformable_convolution(x, offset, weight, None, mask, padding=1)
    for mine, right in zip(
        *(torch.autograd.grad(z.float().square().sum(), (x, offset, weight, mask)) for z in (y, exact))
    ):
        assert mine.dtype == torch.float32
        assert (mine - right).norm() < 0.03 * right.norm()


def test_what_has_no_memory_takes_the_torch_path(compiled, monkeypatch):
    tensors = dict(zip(("x", "offset", "weight", "mask"), draw(*CASES[0])))
    on_meta = {name: tensor.to("meta") for name, tensor in tensors.items()}
    with pytest.raises(InputError, match="deformable convolutions can only take the torch path"):
        deformable_convolution(**on_meta, padding=1)
    monkeypatch.delenv("GATEFIELD_ENGINE")
    assert deformable_convolution(**on_meta, padding=1).shape == (2, 4, 6, 7)

    def compute(x):
        return deformable_convolution(**{**tensors, "x": x}, padding=1).square().sum()

    x = tensors["x"].clone().requires_grad_()
    torch.testing.assert_close(torch.func.grad(compute)(tensors["x"]), *torch.autograd.grad(compute(x), x))
