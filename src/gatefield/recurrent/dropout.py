"""Noise that regularizes recurrent nets, drawn once a sequence and never inside a step."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.arguments import Probability
from ..core.errors import ArgumentError
from .cell import Cell, State, masking
from .wrapper import Wrapper, beside


def dropout_mask(shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
    """Zeros with probability ``rate`` and 1 / (1 - rate) elsewhere, so that a masked value keeps its mean."""
    return like.new_empty(shape).bernoulli_(1 - rate) / (1 - rate)


def drop_between(x: Tensor, rate: float, variational: bool) -> Tensor:
    """Dropout of what one level hands to the next, ``x`` (time, batch, ...).

    Variational: one mask for all steps of a sequence, so that a unit is gone or there for the whole of it (Gal and
    Ghahramani 2016); otherwise a new mask at each step.
    """
    return x * dropout_mask((1 if variational else x.shape[0], *x.shape[1:]), rate, x)


class RecurrentDropout(Wrapper):
    """Dropout of h_{t-1} where it meets the recurrent weights: one mask for all steps of a sequence.

        U h_{t-1}  becomes  U (m * h_{t-1}),    m drawn once for each row

    Only the matrix products see the mask: what a gate carries over, (1 - z) * h_{t-1}, stays whole.

    Args:
        cell: must call `Cell.dropout` in its step.
        rate: probability of 0 in m.

    Source: Gal and Ghahramani 2016, "A theoretically grounded application of dropout in recurrent neural networks",
    with "tied" masks, one for all gates. Departs from the paper: nowhere.
    """

    def __init__(self, cell: Cell, rate: Probability) -> None:
        super().__init__(cell)
        self.rate = rate
        self.states = (*cell.states, "mask")

    def prepare(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        h = state[self.cell.emitted]
        return x, (*state, dropout_mask(tuple(h.shape), self.rate, h))

    def step(self, x: Tensor, state: State) -> State:
        *inner, mask = state
        masked = []

        def drop(h: Tensor) -> Tensor:
            masked.append(h)
            return h * mask

        with masking(drop):
            inner = self.cell.step(x, tuple(inner))
        if not masked:
            message = f"{type(self.cell).__name__} has no recurrent dropout: its step does not call self.dropout(h)"
            raise ArgumentError(message, hint="write F.linear(self.dropout(h), self.U), or set recurrent_dropout to 0")
        return (*inner, mask)


class Zoneout(Wrapper):
    """States that randomly stay as they were.

        s_t = d_t * s_{t-1} + (1 - d_t) * step(...)      d_t drawn for each unit and step, while training
        s_t = rate * s_{t-1} + (1 - rate) * step(...)    its mean, afterwards

    Args:
        cell: the cell.
        rates: state -> probability that a unit keeps its value.
        sampled: draw d_t (training), or take the mean.

    Source: Krueger et al. 2017, "Zoneout: regularizing RNNs by randomly preserving hidden activations".
    Departs from the paper: nowhere.
    """

    def __init__(self, cell: Cell, rates: dict[str, Probability], sampled: bool) -> None:
        super().__init__(cell)
        self.rates, self.sampled = rates, sampled

    def prepare(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if self.sampled:
            for name, values in zip(self.states, state):
                if name in self.rates:
                    shape = (x.shape[0], *values.shape)
                    x = beside(x, x.new_empty(shape).bernoulli_(self.rates[name]))
        return x, state

    def step(self, x: Tensor, state: State) -> State:
        widths = [values.shape[1] for name, values in zip(self.states, state) if name in self.rates and self.sampled]
        x, *d = x.split([x.shape[1] - sum(widths), *widths], 1)
        new = list(self.cell.step(x, state))
        for k, name in enumerate(self.states):
            if name in self.rates:
                rate, old = self.rates[name], state[k]
                new[k] = torch.where(d.pop(0) > 0, old, new[k]) if self.sampled else rate * old + (1 - rate) * new[k]
        return tuple(new)
