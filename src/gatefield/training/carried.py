"""The state that a recurrent model hands from one mini-batch to the next: tensors in tuples, lists and mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError


def map_tensors(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """``tree`` with ``function`` of each of its tensors in its place; named tuples stay what they are."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_tensors(function, part) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        parts = [map_tensors(function, part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree


def tensors_in(tree: Any) -> Iterator[Tensor]:
    """The tensors of ``tree``, in the order of `map_tensors`."""
    found: list[Tensor] = []
    map_tensors(lambda tensor: found.append(tensor) or tensor, tree)
    return iter(found)


def rebuilt(template: Any, tensors: Sequence[Tensor]) -> Any:
    """``template`` with ``tensors`` in the places of its own.

    Raises:
        ValueError: another number of tensors, or other shapes.
    """
    own = list(tensors_in(template))
    if [tensor.shape for tensor in own] != [tensor.shape for tensor in tensors]:
        raise ValueError("the tensors do not fit the template")
    given = iter(tensors)
    return map_tensors(lambda tensor: next(given).to(tensor), template)


def detached(tree: Any) -> Any:
    """``tree`` cut off from the gradient of what led to it."""
    return map_tensors(Tensor.detach, tree)


def started_anew(rows: Tensor, initial: Any, carried: Any) -> Any:
    """``carried`` with the rows of ``initial`` where ``rows`` (batch,) holds; all tensors have their rows first.

    Raises:
        ArgumentError: the states differ in shape: of a model that remembers all it read.
    """
    olds, news = list(tensors_in(carried)), list(tensors_in(initial))
    if [tensor.shape for tensor in news] != [tensor.shape for tensor in olds]:
        message = "the state of this model grows as it reads, so that no row of a batch can start anew"
        raise ArgumentError(message, hint="bound what it remembers, or set reset_rate to 0", path=("reset_rate",))
    wide = [rows.reshape(-1, *(1,) * (old.dim() - 1)) for old in olds]
    return rebuilt(carried, [torch.where(row, new, old) for row, new, old in zip(wide, news, olds)])
