"""Max pooling."""

from __future__ import annotations

from torch import Tensor, nn

from ..functional.max_pooling import max_pooling


class MaxPool2d(nn.MaxPool2d):
    """torch's layer, found several times as fast on processors: see `functional.max_pooling`.

    Dilated windows, and those that are to return indices, are torch's.
    """

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if self.return_indices or self.dilation not in (1, (1, 1)):
            return super().forward(input)
        return max_pooling(input, self.kernel_size, self.stride, self.padding, self.ceil_mode)
