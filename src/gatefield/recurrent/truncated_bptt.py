"""Truncated back-propagation through time with carried state (catalogue 156)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from .layer import Recurrent
from .sorted_rows import Lengths
from .state import LayerState, detach_state


class Truncated(NamedTuple):
    """What has been done after some steps: the loss of the newest of them, and the state after them, detached."""

    loss: Tensor
    state: LayerState


def truncated_bptt(
    layer: Recurrent,
    x: Tensor,
    loss: Callable[[Tensor, slice], Tensor],
    k1: int,
    k2: int,
    state: LayerState | None = None,
    lengths: Lengths | None = None,
) -> Iterator[Truncated]:
    """Every ``k1`` steps, the gradient of their loss through the last ``k2`` steps; the state is carried on.

        for part in truncated_bptt(layer, x, loss, k1=20, k2=40):
            optimizer.step()
            optimizer.zero_grad()

    With ``k1 = k2`` the sequence is cut in pieces; with ``k2 > k1`` every loss still sees k2 - k1 or more steps back,
    and steps are computed k2 / k1 times. With ``k1 = k2 = T`` it is plain back-propagation through time.

    Args:
        layer: a layer that reads forward only.
        x: (batch, time, features ...).
        loss: the loss of a piece of output (batch, steps, ...) that lies at ``slice`` on the axis of time; a scalar.
        k1: steps between two gradients.
        k2: steps through which each gradient flows, at least k1.
        state: before the first step; None: the layer's initial state, learned if it is.
        lengths: steps of each row.

    Yields:
        After each backward pass, while gradients lie on the parameters: the loss, and the state to carry on.

    Raises:
        ArgumentError: k1 < 1, k2 < k1, or a layer that needs the future.

    Source: Williams and Peng 1990, "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories", BPTT(h; h'); S0 "Truncated backpropagation through time".
    """
    if not 1 <= k1 <= k2:
        raise ArgumentError(f"k1 = {k1} and k2 = {k2}", hint="give 1 <= k1 <= k2", path=("k1",))
    if layer.bidirectional:
        message = "the backward half of a bidirectional layer has seen no past that could be carried"
        raise ArgumentError(message, hint="build the layer with bidirectional=False", path=("layer",))
    time = x.shape[1]
    left = None if lengths is None else torch.as_tensor(lengths)

    def run(start: int, stop: int, state: LayerState | None) -> tuple[Tensor, LayerState]:
        part = None if left is None else (left - start).clamp(0, stop - start)
        return layer(x[:, start:stop], state, part)

    marks: dict[int, LayerState | None] = {0: state}  # the state before a step, where a later gradient will begin
    for stop in [*range(k1, time, k1), time] if time else []:
        new = (stop - 1) // k1 * k1
        start = max((mark for mark in marks if mark <= max(0, stop - k2)), default=0)
        marks = {mark: kept for mark, kept in marks.items() if mark >= start}
        output, after = _through(run, start, new, stop, marks)
        value = loss(output, slice(new, stop))
        value.backward()
        state = detach_state(after)
        marks[stop] = state
        yield Truncated(value.detach(), state)


def _through(
    run: Callable[[int, int, LayerState | None], tuple[Tensor, LayerState]],
    start: int,
    new: int,
    stop: int,
    marks: dict[int, LayerState | None],
) -> tuple[Tensor, LayerState]:
    """The output of the steps from ``new`` to ``stop`` and the state after them, with their history from ``start``."""
    before = marks[start]
    if new > start:
        _, before = run(start, new, before)
    return run(new, stop, before)
