"""Weights to and from the layouts of Keras' ``LSTM``, ``GRU`` and ``SimpleRNN`` layers, as NumPy arrays.

    kernel            (input_size, gates * units)
    recurrent_kernel  (units, gates * units)
    bias              (gates * units,), or (2, 3 * units) of a GRU with reset_after: for the input, for the state

Gates lie side by side: i, f, c, o of an LSTM, z, r, h of a GRU. What a layer's ``get_weights()`` gives is this list,
and what ``set_weights`` takes. Keras itself is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from .cell import Cell
from .cells.elman import Elman
from .cells.gru import GRU
from .cells.lstm import LSTM

# Position in Keras of each gate of ours: LSTM i, f, g, o are Keras' i, f, c, o; GRU r, z, n its second, first, third.
_ORDER = {LSTM: (0, 1, 2, 3), GRU: (1, 0, 2), Elman: (0,)}


@torch.no_grad()
def load_keras(cell: Cell, weights: Sequence[np.ndarray]) -> None:
    """Give ``cell`` the weights of a Keras layer; a `GRU` with reset "after" those of one with ``reset_after=True``.

    Args:
        cell: of the layer's sizes.
        weights: kernel, recurrent_kernel and, unless ``use_bias=False``, bias.

    Raises:
        ArgumentError: a cell that Keras does not have.
        InputError: arrays of other shapes than the cell's.
    """
    gates = _gates(cell)
    assert isinstance(cell, (LSTM, GRU, Elman))
    kernel, recurrent, *bias = (torch.as_tensor(np.asarray(array), dtype=cell.b.dtype) for array in weights)
    shapes = [tuple(array.shape) for array in keras_weights(cell)]
    given = [tuple(array.shape) for array in weights]
    if given not in (shapes, shapes[:2]):
        name = type(cell).__name__
        raise InputError(f"the arrays have shapes {given}, this {name} has {shapes}", hint="build the cell to match")
    cell.W.copy_(_ours(kernel, gates).T)
    cell.U.copy_(_ours(recurrent, gates).T)
    own = bias[0] if bias else torch.zeros(shapes[2])
    if own.dim() == 2 and isinstance(cell, GRU):
        of_x, of_h = _ours(own, gates)
        n = slice(2 * cell.hidden_size, None)
        cell.b.copy_(of_x + of_h)
        cell.b[n] = of_x[n]
        cell.b_Un.copy_(of_h[n])
    else:
        cell.b.copy_(_ours(own, gates))
    if isinstance(cell, GRU):
        _turn_update(cell, cell.W, cell.U, cell.b)


@torch.no_grad()
def keras_weights(cell: Cell) -> list[np.ndarray]:
    """Kernel, recurrent_kernel and bias of the Keras layer that computes what ``cell`` does.

    Raises:
        ArgumentError: a cell that Keras does not have.
    """
    gates = _gates(cell)
    assert isinstance(cell, (LSTM, GRU, Elman))
    W, U, b = cell.W.clone(), cell.U.clone(), cell.b.clone()
    if isinstance(cell, GRU):
        _turn_update(cell, W, U, b)
        if cell.reset == "after":
            b = torch.stack([b, torch.cat([b.new_zeros(2 * cell.hidden_size), cell.b_Un])])
    return [array.numpy(force=True) for array in (_theirs(W.T, gates), _theirs(U.T, gates), _theirs(b, gates))]


def _gates(cell: Cell) -> tuple[int, ...]:
    for kind, order in _ORDER.items():
        if isinstance(cell, kind):
            return order
    hint = "it has LSTM, GRU and, as SimpleRNN, Elman"
    raise ArgumentError(f"Keras has no layer like {type(cell).__name__}", hint=hint, path=("cell",))


def _ours(array: Tensor, order: tuple[int, ...]) -> Tensor:
    parts = array.chunk(len(order), -1)
    return torch.cat([parts[place] for place in order], -1)


def _theirs(array: Tensor, order: tuple[int, ...]) -> Tensor:
    parts = array.chunk(len(order), -1)
    return torch.cat([parts[order.index(place)] for place in range(len(order))], -1).contiguous()


def _turn_update(cell: GRU, *arrays: Tensor) -> None:
    """Between the decks' sense of the update gate and that of Keras: sigma(-a) = 1 - sigma(a)."""
    if cell.update == "decks":
        for array in arrays:
            array[cell.hidden_size : 2 * cell.hidden_size].neg_()
