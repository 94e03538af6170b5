"""Weights to and from ``torch.nn.LSTM``, ``torch.nn.GRU`` and ``torch.nn.RNN``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from .cell import Cell
from .cells.elman import Elman
from .cells.gru import GRU
from .cells.lstm import LSTM
from .layer import Recurrent
from .level import PerStep


def from_torch(module: nn.RNNBase) -> Recurrent:
    """A `Recurrent` that computes what ``module`` does, batch first, with a copy of its weights.

    torch has two biases where one does; they are added. A GRU keeps the one inside its reset gate apart.

    Args:
        module: an LSTM, GRU or RNN of any number of layers and either direction, with or without biases.

    Raises:
        ArgumentError: an LSTM with projections, which no cell here has.
    """
    if getattr(module, "proj_size", 0):
        hint = "only LSTMs with proj_size=0 can be converted"
        raise ArgumentError(f"this LSTM projects its state to {module.proj_size} features", hint=hint, path=("module",))
    sides = 2 if module.bidirectional else 1
    sizes = [module.input_size] + [module.hidden_size * sides] * (module.num_layers - 1)
    layer = Recurrent(
        [_cell_like(module, size) for size in sizes], bidirectional=module.bidirectional, dropout=module.dropout
    )
    like = module.weight_ih_l0
    layer.to(like).train(module.training)  # type: ignore[arg-type]
    with torch.no_grad():
        for k, direction in enumerate(layer.directions):
            suffix = f"l{k // sides}" + ("_reverse" if k % sides else "")
            _read(direction.cell, *(_weight(module, name, suffix) for name in _NAMES))
    return layer


def to_torch(layer: Recurrent) -> Any:
    """The ``torch.nn.LSTM``, ``GRU`` or ``RNN`` (``batch_first=True``) that computes what ``layer`` does.

    Raises:
        ArgumentError: torch has no such module: another cell, levels that differ, an option torch does not know.
    """
    first = layer.directions[0].cell
    kind, options = _kind(first)
    _check_convertible(layer)
    sides = 2 if layer.bidirectional else 1
    module = kind(
        first.input_size,
        first.hidden_size,
        num_layers=len(layer.levels),
        batch_first=True,
        bidirectional=layer.bidirectional,
        dropout=layer.dropout,
        **options,
    )
    module.to(next(first.parameters())).train(layer.training)
    with torch.no_grad():
        for k, direction in enumerate(layer.directions):
            suffix = f"l{k // sides}" + ("_reverse" if k % sides else "")
            for name, values in zip(_NAMES, _written(direction.cell)):
                getattr(module, f"{name}_{suffix}").copy_(values)
    return module


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _weight(module: nn.RNNBase, name: str, suffix: str) -> Tensor:
    if name.startswith("bias") and not module.bias:
        weights: Tensor = getattr(module, f"weight_ih_{suffix}")
        return weights.new_zeros(weights.shape[0])
    return getattr(module, f"{name}_{suffix}")


def _cell_like(module: nn.RNNBase, input_size: int) -> Cell:
    if isinstance(module, nn.LSTM):
        return LSTM(input_size, module.hidden_size)
    if isinstance(module, nn.GRU):
        return GRU(input_size, module.hidden_size, reset="after", update="torch")
    if isinstance(module, nn.RNN):
        return Elman(input_size, module.hidden_size, module.nonlinearity)  # type: ignore[arg-type]
    raise ArgumentError(f"{type(module).__name__} has no cell here", hint="give torch.nn.LSTM, GRU or RNN")


def _kind(cell: Cell) -> tuple[Any, dict[str, Any]]:
    """The torch module of a cell, and the arguments that make it so."""
    if isinstance(cell, LSTM):
        return nn.LSTM, {}
    if isinstance(cell, GRU) and cell.reset == "after":
        return nn.GRU, {}
    if isinstance(cell, Elman) and cell.activation in ("tanh", "relu"):
        return nn.RNN, {"nonlinearity": cell.activation}
    hint = "torch has LSTM, GRU with reset='after' and Elman with tanh or relu"
    raise ArgumentError(f"torch has no layer like {type(cell).__name__} {dict(cell.arguments)}", hint=hint)


def _check_convertible(layer: Recurrent) -> None:
    first = layer.directions[0].cell
    differing = {
        "levels that are no cells": any(isinstance(level, PerStep) for level in layer.levels),
        "cells of different kinds": any(_kind(d.cell) != _kind(first) for d in layer.directions),
        "levels of different sizes": len({d.cell.hidden_size for d in layer.directions}) > 1,
        "residual connections": layer.residual,
        "variational dropout": layer.variational,
        "recurrent dropout": any(d.noise.recurrent_dropout for d in layer.directions),
        "zoneout": any(any(d.noise.zoneout.values()) for d in layer.directions),
        "an initial state that is not zero": any(d.initial.start != "zero" for d in layer.directions),
    }
    for what, present in differing.items():
        if present:
            raise ArgumentError(f"torch's recurrent layers have no {what}", hint="convert a layer without them")


def _read(cell: Cell, W: Tensor, U: Tensor, b: Tensor, b_U: Tensor) -> None:
    """Give ``cell`` the four arrays of torch."""
    assert isinstance(cell, (LSTM, GRU, Elman))
    cell.W.copy_(W)
    cell.U.copy_(U)
    cell.b.copy_(b + b_U)
    if isinstance(cell, GRU):
        H = cell.hidden_size
        cell.b[2 * H :] = b[2 * H :]
        cell.b_Un.copy_(b_U[2 * H :])


def _written(cell: Cell) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four arrays of torch; the decks' update gate is turned into torch's by sigma(-a) = 1 - sigma(a)."""
    assert isinstance(cell, (LSTM, GRU, Elman))
    b_U = torch.zeros_like(cell.b)
    if not isinstance(cell, GRU):
        return cell.W, cell.U, cell.b, b_U
    H = cell.hidden_size
    b_U[2 * H :] = cell.b_Un
    sense = torch.ones_like(cell.b)
    if cell.update == "decks":
        sense[H : 2 * H] = -1
    return cell.W * sense.unsqueeze(1), cell.U * sense.unsqueeze(1), cell.b * sense, b_U
