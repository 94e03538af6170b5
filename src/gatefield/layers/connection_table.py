"""A convolution whose output maps each read only some of the input maps."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.arguments import NonNegativeInt, PositiveInt
from ..core.errors import ArgumentError
from .layer import Layer, LayerExample

#: Table I of LeCun et al. (1998): for each of the 16 maps of C3, the maps of S2 it reads.
LENET5_C3: list[list[int]] = [
    *([(first + i) % 6 for i in range(3)] for first in range(6)),  # every contiguous subset of three
    *([(first + i) % 6 for i in range(4)] for first in range(6)),  # every contiguous subset of four
    *([0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5]),  # some discontinuous subsets of four
    [0, 1, 2, 3, 4, 5],
]


class ConnectionTableConvolution(Layer):
    """y_o = b_o + sum over i in table[o] of x_i * W_(o,i), a "valid" two-dimensional convolution.

    Only the kernels in the table exist: the parameters are (connections, kernel, kernel) and one bias a map.

    Args:
        in_channels: input maps.
        table: for each output map, the input maps it reads, counted from 0.
        kernel_size: side of the square kernels.

    Raises:
        ArgumentError: an output map reads nothing, a map twice, or one that does not exist.

    Source: LeCun, Bottou, Bengio and Haffner (1998), section II.B, layer C3 and Table I. Departs from the paper:
    kernels start as N(0, 1 / n_in), with n_in the inputs of one unit, as in "Efficient BackProp"; biases at zero.
    """

    name = "connection-table-convolution"
    reference = "lecun1998"
    sources: Tensor
    targets: Tensor

    def __init__(self, in_channels: PositiveInt, table: list[list[NonNegativeInt]], kernel_size: PositiveInt) -> None:
        super().__init__()
        _check_table(in_channels, table)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, len(table), kernel_size
        pairs = [(target, source) for target, sources in enumerate(table) for source in sources]
        targets, sources = torch.tensor(pairs).unbind(1)
        self.register_buffer("targets", targets.contiguous(), persistent=False)
        self.register_buffer("sources", sources.contiguous(), persistent=False)
        deviations = torch.tensor([1 / math.sqrt(len(table[target]) * kernel_size**2) for target, _ in pairs])
        self.weight = nn.Parameter(torch.randn(len(pairs), kernel_size, kernel_size) * deviations[:, None, None])
        self.bias = nn.Parameter(torch.zeros(len(table)))

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"in_channels": 3, "table": [[0], [2, 0], [0, 1, 2]], "kernel_size": 3}, (3, 5, 6)),
            LayerExample({"in_channels": 2, "table": [[1, 0]], "kernel_size": 1}, (2, 2, 3)),
        ]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        return self.weight.numel() * math.prod(output_shape[-2:])

    def forward(self, x: Tensor) -> Tensor:
        shape = (self.out_channels, self.in_channels, self.kernel_size, self.kernel_size)
        # one dense convolution with zeros where nothing is connected is faster than many small ones
        dense = self.weight.new_zeros(shape).index_put((self.targets, self.sources), self.weight)
        return F.conv2d(x, dense, self.bias)


def _check_table(in_channels: int, table: list[list[int]]) -> None:
    if not table:
        raise ArgumentError("the table is empty", hint="list the input maps of each output map", path=("table",))
    for target, sources in enumerate(table):
        path = ("table", str(target))
        if not sources:
            raise ArgumentError(f"output map {target} reads nothing", hint="connect it, or leave it out", path=path)
        if len(set(sources)) < len(sources):
            raise ArgumentError(f"output map {target} reads a map twice: {sources}", hint="name each once", path=path)
        if max(sources) >= in_channels:
            hint = f"input maps count from 0 to {in_channels - 1}"
            raise ArgumentError(f"output map {target} reads map {max(sources)}: there is none", hint=hint, path=path)
