"""Pascanu's regularizer: errors shall keep their size on the way back (catalogue 159)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .cell import Cell, State


def omega(cell: Cell, x: Tensor, state: State, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """The penalty on changes in the size of the back-propagated error.

        Omega = sum_k (|dE/ds_{k+1} ds_{k+1}/ds_k| / |dE/ds_{k+1}| - 1)^2

    It can be differentiated with respect to the parameters, x and the state, second derivatives of the net included.
    Norms are of each row by itself, over all its states; the result is the mean over rows. A step from which no error
    comes back counts nothing.

    Args:
        cell: the step.
        x: (time, batch, *input_shape).
        state: before the first step, (batch, *shape) each.
        loss: E of what the cell emits, (time, batch, *shape); a scalar, in which every row has its own terms.

    Source: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks", equation 9; S4.
    Departs from the paper: its authors take dE/ds_{k+1} and s_k for constants when they differentiate Omega.
    """
    s = [tuple(values if values.requires_grad else values.detach().requires_grad_() for values in state)]
    for x_t in x.unbind(0):
        s.append(cell.step(x_t, s[-1]))
    if len(s) == 1:
        return x.new_zeros(())
    E = loss(torch.stack([values[cell.emitted] for values in s[1:]]))
    every = [values for one in s[1:] for values in one]
    errors = iter(_gradients([E], every, None))
    penalty = x.new_zeros(x.shape[1])
    for before, after in itertools.pairwise(s):
        error = [next(errors) for _ in after]
        size = _norm(error)
        felt = size > 0
        ratio = _norm(_gradients(after, before, error)) / torch.where(felt, size, 1)
        penalty = penalty + torch.where(felt, (ratio - 1) ** 2, 0)
    return penalty.mean()


def _gradients(outputs: Sequence[Tensor], inputs: Sequence[Tensor], weights: Sequence[Tensor] | None) -> list[Tensor]:
    """weights^T d outputs / d inputs, itself differentiable."""
    found = torch.autograd.grad(outputs, inputs, weights, create_graph=True, allow_unused=True)
    return [torch.zeros_like(values) if g is None else g for values, g in zip(inputs, found)]


def _norm(parts: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of each row over all ``parts``; its derivative at zero is zero."""
    square = sum((part.flatten(1) ** 2).sum(1) for part in parts)
    assert isinstance(square, Tensor)
    return torch.where(square > 0, torch.where(square > 0, square, 1).sqrt(), 0)
