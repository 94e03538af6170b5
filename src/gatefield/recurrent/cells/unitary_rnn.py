"""A recurrence that can neither vanish nor explode: a unitary matrix (catalogue 146)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State, once_a_sequence
from ..initialization import biases, input_weights


class UnitaryRNN(Cell):
    """Complex recurrent network whose recurrent matrix is unitary by construction.

        W = D_3 R_2 F^{-1} D_2 P R_1 F D_1
        z_t = W h_{t-1} + V x_t
        h_t = modReLU(z_t) = (z_t / |z_t|) max(0, |z_t| + b)

    D = diag(e^{iw}) has the phases w; R = I - 2 v v* / |v|^2 reflects along the complex vector v; F is the unitary
    Fourier transform, P a fixed permutation. All factors are unitary, so every eigenvalue of W has modulus 1: W is
    described by 7 n real numbers and never leaves the unitary group while they are trained.

    A complex vector of n numbers is held as 2 n real ones, real parts first. So is the state, and so is what the cell
    emits: what the paper's output layer reads, [Re h_t, Im h_t].

    Args:
        input_size: features of x_t.
        hidden_size: n, complex units.

    Source: Arjovsky, Shah and Bengio 2016, "Unitary evolution recurrent neural networks", equations 6 and 8; S2.
    Departs from the paper: W is multiplied out once a sequence and h_0 starts at 0 (learned there: give ``Recurrent``
    ``initial_state="learned"``); |z| is sqrt(z z* + 1e-5), which has a derivative at 0.
    """

    name = "unitary-rnn"
    reference = "arjovsky2016"

    permutation: Tensor

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        n = hidden_size
        self.D_1, self.D_2, self.D_3 = (nn.Parameter(math.pi * (2 * torch.rand(n) - 1)) for _ in range(3))
        self.R_1, self.R_2 = (nn.Parameter(2 * torch.rand(2 * n) - 1) for _ in range(2))
        self.register_buffer("permutation", torch.randperm(n))
        self.V = input_weights(input_size, 2 * n)
        self.b = biases(n)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 4})]

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"h": (2 * self.hidden_size,)}

    def unitary(self) -> Tensor:
        """W, complex (n, n)."""

        def complex_vector(v: Tensor) -> Tensor:
            return torch.complex(*v.chunk(2))

        def turn(z: Tensor, w: Tensor) -> Tensor:
            return torch.complex(w.cos(), w.sin()).unsqueeze(1) * z

        def reflect(z: Tensor, v: Tensor) -> Tensor:
            return z - 2 * torch.outer(v, v.conj() @ z) / (v.conj() * v).sum()

        z = turn(torch.eye(self.hidden_size, dtype=self.D_1.dtype, device=self.D_1.device), self.D_1)
        z = torch.fft.fft(z, dim=0, norm="ortho")
        z = reflect(z, complex_vector(self.R_1))
        z = z[self.permutation]
        z = turn(z, self.D_2)
        z = torch.fft.ifft(z, dim=0, norm="ortho")
        z = reflect(z, complex_vector(self.R_2))
        return turn(z, self.D_3)

    @once_a_sequence
    def real_form(self) -> Tensor:
        """W as a real matrix (2n, 2n) on [Re h, Im h]."""
        W = self.unitary()
        return torch.cat([torch.cat([W.real, -W.imag], 1), torch.cat([W.imag, W.real], 1)])

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        z = F.linear(h, self.real_form()) + F.linear(x, self.V)
        re, im = z.chunk(2, 1)
        modulus = torch.sqrt(re * re + im * im + 1e-5)
        stretch = torch.relu(modulus + self.b) / modulus
        h = torch.cat([stretch * re, stretch * im], 1)
        return (h,)
