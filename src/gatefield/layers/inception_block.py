"""The inception module: convolutions of several sizes side by side."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.arguments import PositiveInt
from .convolution_unit import ConvolutionUnit
from .layer import Layer, LayerExample
from .max_pooling import MaxPool2d


class InceptionBlock(Layer):
    """y = [1x1(x), 3x3(1x1(x)), 5x5(1x1(x)), 1x1(maxpool3x3(x))], concatenated along the channels.

    Every convolution is followed by ReLU; height and width stay. The arguments are the columns of the paper's table.

    Args:
        in_channels: channels of x.
        c1x1: channels of the first branch.
        c3x3_reduce: channels in front of the 3x3 convolution.
        c3x3: channels of the 3x3 convolution.
        c5x5_reduce: channels in front of the 5x5 convolution.
        c5x5: channels of the 5x5 convolution.
        pool_projection: channels behind the pooling.
        batch_norm: normalize behind each convolution, which then has no bias.
        largest_kernel: 5 as in the paper; 3 is the form of torchvision's weights, whose "5x5" is a 3x3.

    Source: Szegedy et al. (2015), figure 2b and table 1. Departs from the paper: nowhere, with the defaults.
    """

    name = "inception-block"
    reference = "szegedy2015"

    def __init__(
        self,
        in_channels: PositiveInt,
        c1x1: PositiveInt,
        c3x3_reduce: PositiveInt,
        c3x3: PositiveInt,
        c5x5_reduce: PositiveInt,
        c5x5: PositiveInt,
        pool_projection: PositiveInt,
        batch_norm: bool = False,
        largest_kernel: Literal[3, 5] = 5,
    ) -> None:
        super().__init__()

        def unit(sources: int, targets: int, side: int) -> nn.Module:
            return ConvolutionUnit(sources, targets, side, padding="same", batch_norm=batch_norm)

        self.branch1x1 = unit(in_channels, c1x1, 1)
        self.branch3x3 = nn.Sequential(
            OrderedDict(reduce=unit(in_channels, c3x3_reduce, 1), conv=unit(c3x3_reduce, c3x3, 3))
        )
        self.branch5x5 = nn.Sequential(
            OrderedDict(reduce=unit(in_channels, c5x5_reduce, 1), conv=unit(c5x5_reduce, c5x5, largest_kernel))
        )
        self.branch_pool = nn.Sequential(
            OrderedDict(pooling=MaxPool2d(3, stride=1, padding=1), projection=unit(in_channels, pool_projection, 1))
        )
        self.concatenation = _Concatenation()
        self.out_channels = c1x1 + c3x3 + c5x5 + pool_projection

    @classmethod
    def examples(cls) -> list[LayerExample]:
        columns = {"c1x1": 2, "c3x3_reduce": 1, "c3x3": 3, "c5x5_reduce": 2, "c5x5": 1, "pool_projection": 2}
        return [
            LayerExample({"in_channels": 3, **columns}, (3, 4, 5)),
            LayerExample({"in_channels": 2, **columns, "batch_norm": True, "largest_kernel": 3}, (2, 3, 2)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.concatenation(self.branch1x1(x), self.branch3x3(x), self.branch5x5(x), self.branch_pool(x))


class _Concatenation(nn.Module):
    """A module of its own, so that the joined maps have a name in summaries and explanations."""

    def forward(self, *branches: Tensor) -> Tensor:
        return torch.cat(branches, 1)
