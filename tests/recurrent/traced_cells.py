"""Small cells with everything that a step may contain, and the comparison of two ways to run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gatefield.recurrent.cell import Cell, State

INPUTS = 4


class Sample(Cell):
    """Parameters for the cells below: W (gates x input), U (gates x state), b."""

    gates = 1
    fixed: Tensor

    def __init__(self, hidden_size: int = 5, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.input_size, self.hidden_size = INPUTS, hidden_size
        H = hidden_size
        generator = torch.Generator().manual_seed(3)

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(
                (torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5).to(dtype) * 2 / H**0.5
            )

        self.W, self.U, self.b = weight(self.gates * H, INPUTS), weight(self.gates * H, H), weight(self.gates * H)
        self.v, self.row, self.scalar = weight(H), weight(1, H), weight(1)
        self.register_buffer("fixed", weight(H).detach() + 2)


class Simple(Sample):
    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (torch.tanh(F.linear(x, self.W, self.b) + F.linear(h, self.U)),)


class Peephole(Sample):
    gates = 4
    states = ("h", "c")

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        i, f, g, o = (F.linear(x, self.W, self.b) + F.linear(h, self.U)).chunk(4, 1)
        i, f = torch.sigmoid(i + self.v * c), torch.sigmoid(f + self.row * c)
        c = f * c + i * torch.tanh(g)
        return torch.sigmoid(o + self.scalar * c) * torch.tanh(c), c


class ResetBefore(Sample):
    gates = 3

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        H = self.hidden_size
        xr, xz, xn = F.linear(x, self.W, self.b).split(H, 1)
        hr, hz = F.linear(h, self.U[: 2 * H]).split(H, 1)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        n = torch.tanh(xn + F.linear(r * h, self.U[2 * H :]))
        return ((1 - z) * n + z * h,)


class ResetAfter(Sample):
    gates = 3

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        xr, xz, xn = F.linear(x, self.W, self.b).chunk(3, 1)
        hr, hz, hn = F.linear(h, self.U, self.b * 0.5).chunk(3, 1)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        return ((1 - z) * torch.tanh(xn + r * hn) + z * h,)


class Normalized(Sample):
    gates = 4
    states = ("h", "c")

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        H = self.hidden_size
        a = F.linear(x, self.W) + F.layer_norm(F.linear(h, self.U), (4 * H,), self.b, self.b)
        i, f, g, o = a.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(F.layer_norm(c, (H,), self.v, None)), c


class Multiplicative(Sample):
    """Two products in sequence, one of them of the input alone."""

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        m = F.linear(x, self.W) * F.linear(h, self.U)
        return (torch.tanh(F.linear(m, self.U.t(), self.b)) + 0.5 * h,)


class Leaky(Sample):
    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        a = torch.sigmoid(self.scalar)
        return ((1 - a) * h + a * F.relu(F.linear(x, self.W, self.b) + F.linear(h, self.U)),)


class Mixed(Sample):
    """Odds and ends: slices, stacks of columns, comparisons, clamps, constants, powers."""

    states = ("h", "c", "n")

    def step(self, x: Tensor, state: State) -> State:
        h, c, n = state
        H = self.hidden_size
        a = F.linear(x, self.W, self.b) + F.linear(h, self.U)
        k = (H + 1) // 2
        b = torch.cat([a[:, k:].sin(), a[:, :k].cos()], 1)
        c = (
            torch.where(a > 0, b, 0.1 * c).clamp(-0.8, 0.9)
            + F.softplus(a) / (2 + a.pow(2))
            - (0.1 + a.abs()).sqrt() * 0.1
        )
        h = F.leaky_relu(c, 0.1) * torch.maximum(a, b) + F.elu(b) * torch.rsqrt(1 + a * a) - F.silu(a) * self.fixed
        return h / (1 + h.abs()), c, 2.0 - n.exp().clamp(max=3.0)


class Statistics(Sample):
    """Sums over the features."""

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        a = F.linear(x, self.W, self.b) + F.linear(h, self.U)
        a.mul_(0.5)
        weights = F.softmax(a, 1)
        return (torch.tanh(a - a.mean(1, keepdim=True)) * weights + h * weights.sum(1, keepdim=True) * 0.5,)


class Twins(Sample):
    """Two states that are one tensor, one that never changes, and one that is the input's."""

    states = ("h", "g", "k", "s")

    def step(self, x: Tensor, state: State) -> State:
        h, g, k, _ = state
        new = torch.tanh(F.linear(x, self.W, self.b) + F.linear(h, self.U) + 0.3 * g * k)
        return new, new, k, F.linear(x, self.W)


class Truncated(Sample):
    """Gradients that autograd is told not to follow."""

    states = ("h", "c")

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        a = F.linear(x, self.W, self.b) + F.linear(h.detach(), self.U)
        with torch.no_grad():
            gate = torch.sigmoid(a)
        c = gate * c + torch.tanh(a)
        return c * 0.5, c


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        return a.sign()

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> Tensor:  # type: ignore[override]
        return d * 0.5


class Binary(Sample):
    """A gradient of its own."""

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (_Straight.apply(F.linear(x, self.W, self.b) + F.linear(h, self.U)) * 0.5 + 0.2 * h,)


class Convolutional(Sample):
    """States that are maps."""

    def __init__(self, hidden_size: int = 5, dtype: torch.dtype = torch.float64) -> None:
        super().__init__(hidden_size, dtype)
        self.kernel = nn.Parameter(torch.randn(hidden_size, 2, 3, dtype=dtype) * 0.3)
        self.inner = nn.Parameter(torch.randn(hidden_size, hidden_size, 3, dtype=dtype) * 0.2)

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"h": (self.hidden_size, 2)}

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        a = F.conv1d(x.view(len(x), 2, 2), self.kernel, self.b[: self.hidden_size], padding=1)
        return (torch.tanh(a + F.conv1d(h, self.inner, padding=1)),)


class Frames(Sample):
    """Gates of maps: parts of their channels, maps side by side, weights for every pixel, taps that lie apart."""

    states = ("h", "c")
    lengths, dilation, size = (3, 1), (2, 1), (2, 2)

    def __init__(self, hidden_size: int = 5, dtype: torch.dtype = torch.float64) -> None:
        super().__init__(hidden_size, dtype)
        generator = torch.Generator().manual_seed(4)

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter((torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5).to(dtype))

        self.kernel = weight(3 * hidden_size, hidden_size + 1, *self.lengths)
        self.pixel, self.bias = weight(hidden_size, *self.size), weight(3 * hidden_size)

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(self.states, (self.hidden_size, *self.size))

    def convolve(self, x: Tensor) -> Tensor:
        padding = tuple(d * (k // 2) for d, k in zip(self.dilation, self.lengths))
        convolution = (F.conv1d, F.conv2d, F.conv3d)[len(self.size) - 1]
        return convolution(x, self.kernel, self.bias, padding=padding, dilation=self.dilation)

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        f, g, o = self.convolve(torch.cat([x.view(len(x), 1, *self.size), h], 1)).chunk(3, 1)
        f = torch.sigmoid(f + self.pixel * c)
        c = f * c + (1 - f) * torch.tanh(g)
        return torch.sigmoid(o) * torch.cat([c[:, 1:], -c[:, :1]], 1), c


class Grouped(Convolutional):
    """Convolutions of every channel by itself, which the native kernel does not have."""

    def step(self, x: Tensor, state: State) -> State:
        (h,) = super().step(x, state)
        return (h + 0.5 * F.conv1d(state[0], self.inner[:, :1], padding=1, groups=self.hidden_size),)


FAST = [
    Simple, Peephole, ResetBefore, ResetAfter, Normalized, Multiplicative, Leaky, Mixed, Statistics, Twins, Truncated,
    Binary, Convolutional, Frames, Grouped,
]  # fmt: skip
TORCH_ONLY = (Grouped,)
"""Cells with an operation that the native kernel lacks."""


def sample(cell: Sample, T: int, B: int, requires: bool = True) -> tuple[Tensor, State]:
    generator = torch.Generator().manual_seed(5)
    dtype = cell.W.dtype

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_(requires)

    x = random(T, B, INPUTS)
    return x, tuple(random(B, *shape) for shape in cell.state_shapes((INPUTS,)).values())


def results(run: Any, cell: Sample, x: Tensor, state: State, active: list[int] | None) -> list[Tensor | None]:
    """States, last state, and gradients of a loss that reads them all."""
    states, final = run(cell, x, state, active)
    generator = torch.Generator().manual_seed(7)
    loss: Any = sum(
        (s * torch.randn(s.shape, generator=generator, dtype=torch.float64).to(s.dtype)).sum()
        for s in (*states, *final)
    )
    leaves = [t for t in (*cell.parameters(), x, *state) if t.requires_grad]
    return [*states, *final, *torch.autograd.grad(loss, leaves, allow_unused=True)]


def assert_same(found: Sequence[Tensor | None], right: Sequence[Tensor | None], dtype: torch.dtype) -> None:
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    for k, (a, b) in enumerate(zip(found, right, strict=True)):
        if b is None or a is None:
            assert all(t is None or not t.any() for t in (a, b)), k
            continue
        scale = max(b.abs().nan_to_num(0, 0, 0).max().item(), 0.3) if b.numel() else 1.0
        torch.testing.assert_close(
            a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True, msg=lambda m, k=k: f"{k}: {m}"
        )
