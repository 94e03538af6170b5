"""Back-propagation through time of the vanilla RNN, worked out by hand (catalogue 152-154).

    h_t = tanh(W_xh x_t + W_hh h_{t-1} + b_h)
    y^_t = softmax(W_hy h_t + b_y)
    L = sum_t L_t,    L_t = CE(y^_t, y_t), summed over the rows of the batch

Everything here is written to be read, and compared with `Recurrent`; it is not the way to train.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class VanillaRNN(NamedTuple):
    """The parameters of the net, or a gradient with respect to each of them."""

    W_xh: Tensor  # (hidden, inputs)
    W_hh: Tensor  # (hidden, hidden)
    W_hy: Tensor  # (classes, hidden)
    b_h: Tensor  # (hidden,)
    b_y: Tensor  # (classes,)
    h_0: Tensor  # (hidden,), the learned initial state

    def states(self, x: Tensor) -> list[Tensor]:
        """[h_0, h_1, ..., h_T], each (batch, hidden), for ``x`` (time, batch, inputs)."""
        h = [self.h_0.expand(x.shape[1], -1)]
        for x_t in x:
            h.append(torch.tanh(x_t @ self.W_xh.T + h[-1] @ self.W_hh.T + self.b_h))
        return h

    def output(self, h: Tensor) -> Tensor:
        """y^_t (batch, classes)."""
        return torch.softmax(h @ self.W_hy.T + self.b_y, 1)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """L for ``x`` (time, batch, inputs) and the right classes ``y`` (time, batch)."""
        h = torch.stack(self.states(x)[1:])
        return F.cross_entropy((h @ self.W_hy.T + self.b_y).flatten(0, 1), y.flatten(), reduction="sum")


def gradient_by_autograd(net: VanillaRNN, x: Tensor, y: Tensor) -> VanillaRNN:
    """The gradient as torch finds it."""
    leaves = VanillaRNN(*(parameter.detach().requires_grad_() for parameter in net))
    return VanillaRNN(*torch.autograd.grad(leaves.loss(x, y), leaves))


@torch.no_grad()
def gradient_by_hand(net: VanillaRNN, x: Tensor, y: Tensor) -> VanillaRNN:
    """The gradient in one sweep back through time (S4 "Backpropagation through Vanilla RNN").

    With z_t the argument of tanh and a_t that of softmax:

        dL/da_t = y^_t - y_t
        dL/dW_hy = sum_t dL/da_t h_t^T
        dL/dh_t = W_hy^T dL/da_t + W_hh^T dL/dz_{t+1}
        dL/dz_t = (1 - h_t^2) * dL/dh_t
        dL/dW_hh = sum_t dL/dz_t h_{t-1}^T,    dL/dW_xh = sum_t dL/dz_t x_t^T,    dL/dh_0 = W_hh^T dL/dz_1
    """
    h = net.states(x)
    d = VanillaRNN(*(torch.zeros_like(parameter) for parameter in net))
    d_z = torch.zeros_like(h[0])
    for t in range(len(x), 0, -1):
        d_a = net.output(h[t]) - F.one_hot(y[t - 1], len(net.b_y))
        d.W_hy.add_(d_a.T @ h[t])
        d.b_y.add_(d_a.sum(0))
        d_z = (1 - h[t] ** 2) * (d_a @ net.W_hy + d_z @ net.W_hh)
        _collect(d, d_z, h[t - 1], x[t - 1])
    d.h_0.add_((d_z @ net.W_hh).sum(0))
    return d


@torch.no_grad()
def gradient_by_unrolling(net: VanillaRNN, x: Tensor, y: Tensor) -> VanillaRNN:
    """The gradient by Kelleher's Algorithm 3: unroll anew for every t, send E_t back through t steps, add it all up.

    The same sum in another order, and T / 2 times the work (S3; Kelleher et al. 2020; catalogue 153).
    """
    d = VanillaRNN(*(torch.zeros_like(parameter) for parameter in net))
    for t in range(1, len(x) + 1):
        h = net.states(x[:t])
        d_a = net.output(h[t]) - F.one_hot(y[t - 1], len(net.b_y))
        d.W_hy.add_(d_a.T @ h[t])
        d.b_y.add_(d_a.sum(0))
        d_h = d_a @ net.W_hy
        for i in range(t, 0, -1):
            d_z = (1 - h[i] ** 2) * d_h
            _collect(d, d_z, h[i - 1], x[i - 1])
            d_h = d_z @ net.W_hh
        d.h_0.add_(d_h.sum(0))
    return d


def _collect(d: VanillaRNN, d_z: Tensor, h_before: Tensor, x_t: Tensor) -> None:
    """What one unfolded step adds to the gradients of the weights that all steps share."""
    d.W_hh.add_(d_z.T @ h_before)
    d.W_xh.add_(d_z.T @ x_t)
    d.b_h.add_(d_z.sum(0))
