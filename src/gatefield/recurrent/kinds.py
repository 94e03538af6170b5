"""What the plan for a call depends on, and what a program does: calls alike in it may share one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.native_library import Engine
from .cell import Cell, State


def kind_of_call(cell: Cell, x: Tensor, state: State, tensors: list[Tensor], forced: Engine | None) -> Any:
    """Everything that the plan of a cell depends on, so that a change of it makes another plan."""
    grad = torch.is_grad_enabled()
    return (
        forced,
        grad,
        x.shape[1:],
        x.dtype,
        x.device,
        tuple([(t.shape, t.dtype, t.requires_grad) for t in (x, *tensors, *state)])
        if grad
        else tuple([(t.shape, t.dtype) for t in (*tensors, *state)]),
        settings_of(cell),
    )


def kind_of_step(cell: Cell, x: Tensor, state: State, tensors: Sequence[Tensor], names: Sequence[str]) -> Any:
    """Everything that a program depends on, whosever parameters and however many rows it will run on.

    Two cells of one kind have modules of the same classes at the same places, with the same settings, and tensors of
    the same names, shapes and strides. What their steps read elsewhere (a global variable, say) it does not know:
    `verify` compares a program with each cell that is to share it.
    """
    wants = torch.is_grad_enabled()
    return (
        wants,
        x.device,
        tuple([(t.shape[1:], t.dtype, wants and t.requires_grad) for t in (x, *state)]),
        tuple([(n, t.shape, t.stride(), t.dtype, wants and t.requires_grad) for n, t in zip(names, tensors)]),
        tuple([(name, type(module)) for name, module in cell.named_modules()]),
        settings_of(cell),
    )


def settings_of(cell: Cell) -> tuple[Any, ...]:
    """The plain attributes of a cell and of the modules in it; tensors and modules are elsewhere."""
    return tuple(
        [
            (name, value if type(value) in _SIMPLE else _plain(value))
            for module in _modules(cell)
            for name, value in vars(module).items()
            if name not in _OTHER_ATTRIBUTES
        ]
    )


_SIMPLE = frozenset((bool, int, float, str, type(None)))
_OTHER_ATTRIBUTES = frozenset(vars(torch.nn.Module())) - {"training"} | {"arguments"}
"""What torch keeps in a module, and what its constructor was given."""


def _modules(cell: Cell) -> Sequence[torch.nn.Module]:
    return list(cell.modules()) if cell._modules else (cell,)


def _plain(value: Any) -> Any:
    """``value`` or, where it cannot be a key, what identifies it."""
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    if isinstance(value, dict):
        return tuple((key, _plain(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


def tensors_of(cell: Cell) -> list[Tensor]:
    """Parameters, then buffers, each once; in the order of ``named_parameters`` and ``named_buffers``, but faster."""
    modules = _modules(cell)
    found = {id(t): t for m in modules for t in m._parameters.values() if t is not None}
    found |= {id(t): t for m in modules for t in m._buffers.values() if t is not None}
    return list(found.values())
