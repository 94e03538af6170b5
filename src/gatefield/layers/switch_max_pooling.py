"""Max pooling that returns and takes switches."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..core.arguments import NonNegativeInt, PositiveInt
from ..core.errors import ArgumentError
from ..functional.switches import max_pool_with_switches, pool_by_switches, unpool_by_switches
from .layer import Layer, LayerExample


class SwitchMaxPooling(Layer):
    """y = the maxima of square windows of x, with the places where they were (catalogue 59).

    `with_switches` returns those places, `unpool` puts values back to them; ``forward(x, switches)`` reads x where
    another input had its maxima.

    Args:
        kernel_size: side of the windows.
        stride: from one window to the next; below ``kernel_size`` the windows overlap.
        padding: cells on each side that never win; at most half a window.
        ceil_mode: add a last window that sticks out at the end.

    Raises:
        ArgumentError: more padding than half a window.

    Source: Zeiler and Fergus (2014), section 2.1; lecture deck S4. Departs from the paper: values that meet in one cell
    are added, as their gradients are.
    """

    name = "switch-max-pooling"
    reference = "zeiler2014"

    def __init__(
        self,
        kernel_size: PositiveInt,
        stride: PositiveInt,
        padding: NonNegativeInt = 0,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        if padding > kernel_size // 2:
            hint = f"give at most {kernel_size // 2}"
            raise ArgumentError(f"a padding of {padding} hides whole windows", hint=hint, path=("padding",))
        self.kernel_size, self.stride, self.padding, self.ceil_mode = kernel_size, stride, padding, ceil_mode

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"kernel_size": 2, "stride": 2}, (2, 4, 5)),
            LayerExample({"kernel_size": 3, "stride": 2, "padding": 1}, (2, 7)),
            LayerExample({"kernel_size": 2, "stride": 2, "ceil_mode": True}, (1, 3, 4, 5)),
        ]

    def forward(self, x: Tensor, switches: Tensor | None = None) -> Tensor:
        return self.with_switches(x)[0] if switches is None else pool_by_switches(x, switches)

    def with_switches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The maxima, and the number of the cell where each was, counted row by row in its channel."""
        return max_pool_with_switches(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)

    def unpool(self, y: Tensor, switches: Tensor, shape: Sequence[int]) -> Tensor:
        """Values ``y`` at their switches and zeros elsewhere, with spatial axes of ``shape``."""
        return unpool_by_switches(y, switches, shape)
