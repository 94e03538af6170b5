"""Real-time recurrent learning: the gradient carried forward in time, for any cell (catalogue 157)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call, jacrev

from .cell import Cell, State


def real_time_gradient(
    cell: Cell, x: Tensor, state: State, loss: Callable[[Tensor, int], Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss and its gradient after each step, without looking back.

    The sensitivity P_t = d s_t / d theta of the whole state to every parameter is carried along:

        P_t = (d s_t / d s_{t-1}) P_{t-1} + d s_t / d theta |_{s_{t-1} fixed},    P_0 = 0
        dL/dtheta = sum_t (dL_t / d y_t) P_t

    It is exact and needs no history, for (states x parameters) memory and (states^2 x parameters) time a step: for
    small nets and demonstrations.

    Args:
        cell: the step.
        x: (time, batch, *input_shape).
        state: before the first step, (batch, *shape) each; it does not depend on the parameters.
        loss: L_t of what the cell emits at step t, (batch, *shape); a scalar.

    Returns:
        sum_t L_t, and parameter name -> gradient.

    Source: Williams and Zipser 1989, "A learning algorithm for continually running fully recurrent neural networks";
    S4 among the competitors of LSTM.
    """
    theta = {name: parameter.detach() for name, parameter in cell.named_parameters()}
    state = tuple(values.detach() for values in state)
    gradient = {name: torch.zeros_like(values) for name, values in theta.items()}
    P = [{name: s.new_zeros(*s.shape, *values.shape) for name, values in theta.items()} for s in state]
    total = x.new_zeros(())
    for t, x_t in enumerate(x):

        def move(theta: dict[str, Tensor], state: State, x_t: Tensor = x_t) -> State:
            return functional_call(cell, theta, (x_t, state))

        J = jacrev(move, argnums=(0, 1))(theta, state)
        P = [
            {
                name: direct[name]
                + sum(torch.tensordot(J_k, P_k[name], s.dim()) for J_k, P_k, s in zip(across, P, state))
                for name in theta
            }
            for direct, across in J
        ]
        with torch.no_grad():
            state = move(theta, state)
        y = state[cell.emitted].requires_grad_()
        L_t = loss(y, t)
        (d_y,) = torch.autograd.grad(L_t, y)
        state[cell.emitted].requires_grad_(False)
        total = total + L_t.detach()
        for name in theta:
            gradient[name] += torch.tensordot(d_y, P[cell.emitted][name], d_y.dim())
    return total, gradient
