"""The pooling that leaves one value a channel."""

from __future__ import annotations

from torch import Tensor

from .layer import Layer, LayerExample


class GlobalAveragePooling(Layer):
    """y_c = mean of x_c over all places: (batch, channels, any spatial axes) to (batch, channels).

    Args:
        keepdim: keep the spatial axes, with length 1.

    Source: Lin, Chen and Yan (2014), section 3.2. Departs from the paper: nowhere.
    """

    name = "global-average-pooling"
    reference = "lin2014"

    def __init__(self, keepdim: bool = False) -> None:
        super().__init__()
        self.keepdim = keepdim

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [LayerExample({}, (2, 3, 4)), LayerExample({"keepdim": True}, (3, 5))]

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(tuple(range(2, x.dim())), keepdim=self.keepdim)
