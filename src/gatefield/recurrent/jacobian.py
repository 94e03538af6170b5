"""How much of the past a net still feels: the Jacobian of its state over a lag (catalogue 155)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from .cell import Cell, State
from .scan import scan


class JacobianNorms(NamedTuple):
    """``norm`` (lags, batch) is the largest singular value of d s_T / d s_{T-lag}; ``lag`` counts 1, 2, ..., T."""

    lag: Tensor
    norm: Tensor


def step_jacobians(cell: Cell, x: Tensor, state: State) -> Tensor:
    """d s_t / d s_{t-1} of every step and row, (time, batch, n, n); s_t are all n state values of a row, side by side.

    Args:
        cell: the step.
        x: (time, batch, *input_shape).
        state: before the first step, (batch, *shape) each.
    """
    if 0 in x.shape[:2]:  # vmap runs over something
        size = sum(values.shape[1:].numel() for values in state)
        return x.new_zeros(*x.shape[:2], size, size)
    with torch.no_grad():
        history, _ = scan(cell, x, state)
        before = [torch.cat([first.unsqueeze(0), values[:-1]]) for first, values in zip(state, history)]
    shapes = [values.shape[1:] for values in state]
    flat = torch.cat([values.flatten(2) for values in before], 2).detach()

    def move(s: Tensor, x_t: Tensor) -> Tensor:
        parts = s.split([shape.numel() for shape in shapes])
        new = cell.step(x_t.unsqueeze(0), tuple(part.reshape(1, *shape) for part, shape in zip(parts, shapes)))
        return torch.cat([values.flatten() for values in new])

    return vmap(vmap(jacrev(move)))(flat, x.detach()).detach()


def jacobian_norms(cell: Cell, x: Tensor, state: State) -> JacobianNorms:
    """The norm of the product of step Jacobians, from the last step back; it vanishes or explodes with the lag.

        d s_T / d s_{T-lag} = prod_{k=T-lag+1..T} d s_k / d s_{k-1}

    Arguments as for `step_jacobians`.

    Source: S4 "Backpropagation through Vanilla RNN" (product of Jacobians), S2 "Backprop with RNNs"; Pascanu et al.
    2013, equation 5.
    """
    steps = step_jacobians(cell, x, state)
    product = torch.eye(steps.shape[-1], dtype=steps.dtype, device=steps.device)
    norms = []
    for J in steps.flip(0):
        product = product @ J
        norms.append(torch.linalg.matrix_norm(product, 2))
    values = torch.stack(norms) if norms else steps.new_zeros(0, x.shape[1])
    return JacobianNorms(torch.arange(1, len(norms) + 1), values)
