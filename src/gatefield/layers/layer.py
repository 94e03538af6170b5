"""The contract of a layer: a module that torch lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from ..core.configurable import Configurable


@dataclass(frozen=True)
class LayerExample:
    """A small instance for the contract suite: constructor arguments, and the shape of an input without its batch."""

    arguments: dict[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, ...] = ()


class Layer(Configurable, nn.Module):
    """A module with a name: built from checked arguments, tested by the contract suite of layers.

    Class attributes:
        surrogate_gradient: the layer's backward pass is by definition not the derivative of its forward pass.
    """

    kind: ClassVar[str] = "layer"
    package: ClassVar[str] = "gatefield.layers"
    surrogate_gradient: ClassVar[bool] = False

    @classmethod
    def examples(cls) -> list[LayerExample]:
        """Small instances that the contract suite builds and tests."""
        raise NotImplementedError(f"{cls.__name__} has no examples")

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """Multiplications for one input; both shapes without the batch. Additions alone cost nothing."""
        return 0

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError
