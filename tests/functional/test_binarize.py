"""Signs, scales and straight-through gradients against the paper, and packed signs against floats."""

from __future__ import annotations

import numpy
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.functional.binarize import binary_weight, input_scale, signs, straight_through_sign, weight_scale
from gatefield.functional.packed_signs import (
    pack_kernels,
    pack_signs,
    sign_convolution,
    unpack_kernels,
    unpack_signs,
)

many = settings(deadline=None, max_examples=80, derandomize=True)


def test_zero_counts_as_positive_and_nan_stays():
    assert signs(torch.tensor([-2.0, -0.0, 0.0, 0.5])).tolist() == [-1, 1, 1, 1]
    assert signs(torch.tensor([torch.nan])).isnan().all()


def test_gradient_of_the_sign():
    x = torch.tensor([-1.5, -1.0, -0.2, 0.0, 0.9, 1.0, 1.1], requires_grad=True)
    straight_through_sign(x).backward(torch.full_like(x, 3))
    assert x.grad.tolist() == [0, 3, 3, 3, 3, 3, 0]


def test_gradient_of_a_binary_weight_is_the_paper_s():
    """Rastegari et al. (2016), section 3.1, weight by weight, in NumPy."""
    w = torch.randn(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    of_estimate = torch.randn_like(w)  # dL/dw~
    sign, alpha = binary_weight(w)
    scale = alpha.view(-1, 1, 1, 1)
    (sign * scale).backward(of_estimate)
    expected = numpy.empty(w.shape)
    values, incoming = w.detach().numpy(), of_estimate.numpy()
    for index in numpy.ndindex(w.shape):
        n = values[index[0]].size
        a = numpy.abs(values[index[0]]).sum() / n
        expected[index] = incoming[index] * (1 / n + (abs(values[index]) <= 1) * a)
    torch.testing.assert_close(w.grad, torch.from_numpy(expected), rtol=1e-12, atol=1e-12)


def test_a_filter_of_zeros_has_finite_gradients():
    w = torch.zeros(2, 3, requires_grad=True)
    sign, alpha = binary_weight(w)
    (sign * alpha[:, None]).sum().backward()
    assert w.grad.isfinite().all()


def test_the_scale_is_the_best():
    """Equation 6: alpha minimizes |W - alpha B|^2, and B = sign(W) does among all signs."""
    w = torch.randn(1, 6, dtype=torch.float64)
    alpha, best = weight_scale(w).item(), torch.inf
    for code in range(64):
        b = unpack_signs(torch.tensor([[code]], dtype=torch.uint8), 6, torch.float64)
        scale = max((w * b).sum().item() / 6, 0)
        best = min(best, (w - scale * b).square().sum().item())
    assert (w - alpha * signs(w)).square().sum().item() == pytest.approx(best)
    assert (w - (alpha + 1e-3) * signs(w)).square().sum() > best


@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 0, 1), (2, 1, 2)])
def test_input_scale_is_the_mean_under_each_window(stride, padding, groups):
    """Equation 11 and figure 2: K = A * k. Padding counts as zeros."""
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    k = input_scale(x, (3, 2), stride, padding, groups=groups)
    padded = F.pad(x, [padding] * 4).abs()
    for b, g, i, j in numpy.ndindex(*k.shape):
        each = 4 // groups
        window = padded[b, g * each : (g + 1) * each, i * stride : i * stride + 3, j * stride : j * stride + 2]
        assert k[b, g, i, j].item() == pytest.approx(window.mean().item(), abs=1e-14)


@many
@given(st.integers(0, 70), st.integers(0, 3))
def test_packing_is_numpy_s_and_comes_back(count, rows):
    x = torch.randn(rows, count)
    packed = pack_signs(x)
    expected = numpy.packbits(x.numpy() >= 0, axis=-1, bitorder="little")
    assert numpy.array_equal(packed.numpy(), expected)
    assert torch.equal(unpack_signs(packed, count), signs(x))


@many
@given(st.integers(1, 20), *[st.integers(1, 3)] * 3, st.integers(0, 3), st.integers(1, 3))
def test_packed_convolution_is_the_float_one(channels, height, width, stride, padding, groups):
    x, w = torch.randn(2, channels * groups, 7, 8), torch.randn(2 * groups, channels, height, width)
    expected = F.conv2d(signs(x), signs(w), None, stride, padding, 1, groups)
    kernels = pack_kernels(w)
    assert kernels.shape == (2 * groups, height, width, -(-channels // 8))
    assert torch.equal(unpack_kernels(kernels, channels), signs(w))
    ours = sign_convolution(x, kernels, stride, padding, groups)
    assert ours.dtype == torch.int32
    assert torch.equal(ours, expected.int())


@many
@given(st.integers(1, 300), st.integers(1, 4), st.integers(1, 5))
def test_it_is_xnor_and_popcount(count, rows, columns):
    """n - 2 popcount(w xor s), with the bits counted by NumPy."""
    left, right = torch.randn(rows, count), torch.randn(columns, count)
    differing = (pack_signs(left).numpy()[:, None] ^ pack_signs(right).numpy()[None]).astype(numpy.uint8)
    expected = count - 2 * numpy.bitwise_count(differing).sum(-1, dtype=int)
    kernels = pack_kernels(right[:, :, None, None])
    assert numpy.array_equal(sign_convolution(left[:, :, None, None], kernels)[:, :, 0, 0].numpy(), expected)
