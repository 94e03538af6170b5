"""The state that a recurrent model hands from one mini-batch to the next: tensors in tuples, lists and mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor


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
