"""The residual block of temporal convolutional networks."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from ..core.arguments import PositiveInt, Probability
from .causal_convolution import CausalConvolution
from .layer import Layer, LayerExample


class TemporalBlock(Layer):
    """y = relu(F(x) + s(x)), F twice: causal dilated convolution, ReLU, spatial dropout.

    s is the identity, or a 1x1 convolution where the channels change.
    The filters are normalized, W = g V / |V| with a length g for each, which is trained apart from its direction.

    Args:
        in_channels: channels of x (batch, in_channels, time).
        out_channels: channels of y (batch, out_channels, time).
        kernel_size: of both convolutions.
        dilation: of both convolutions.
        dropout: chance in [0, 1) that a channel is silent during training, for all of time.

    Source: Bai, Kolter and Koltun (2018), section 3.3 and figure 1b; weight normalization: Salimans and Kingma
    (2016), equation 2. Departs from the paper: nowhere.
    """

    name = "temporal-block"
    reference = "bai2018"

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel_size: PositiveInt,
        dilation: PositiveInt = 1,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        parts = OrderedDict[str, nn.Module]()
        for number, channels in ((1, in_channels), (2, out_channels)):
            convolution = CausalConvolution(channels, out_channels, kernel_size, dilation)
            convolution.conv = _NormalizedConvolution(channels, out_channels, kernel_size, dilation=dilation)
            parts[f"conv{number}"] = convolution
            parts[f"activation{number}"] = nn.ReLU()
            parts[f"dropout{number}"] = nn.Dropout1d(dropout)
        self.residual = nn.Sequential(parts)
        self.shortcut = nn.Identity() if in_channels == out_channels else nn.Conv1d(in_channels, out_channels, 1)
        self.activation = nn.ReLU()

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample(
                {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "dilation": 2, "dropout": 0.2}, (2, 7)
            ),
            LayerExample({"in_channels": 3, "out_channels": 3, "kernel_size": 2}, (3, 4)),
        ]

    @property
    def reach(self) -> int:
        """Steps before the present that each of the two convolutions sees."""
        return self.residual.conv1.reach  # pyright: ignore[reportAttributeAccessIssue, reportReturnType]

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.residual(x) + self.shortcut(x))

    def carry(self, x: Tensor, pasts: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """`forward` on the next steps ``x`` of a stream, and what each convolution has seen, its past included.

        Args:
            x: (batch, in_channels, time).
            pasts: the last `reach` steps that each convolution saw before: (batch, its channels, reach).
        """
        seen, h = [], x
        for name, part in self.residual.named_children():
            if name.startswith("conv"):
                seen.append(torch.cat([pasts[len(seen)], h], 2))
                h = part.conv(seen[-1])  # pyright: ignore[reportCallIssue]
            else:
                h = part(h)
        return self.activation(h + self.shortcut(x)), (seen[0], seen[1])


class _NormalizedConvolution(nn.Conv1d):
    """W = g V / |V|: ``weight`` is V, whose length does not matter, and ``length`` is g."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation)
        self.length = nn.Parameter(self.weight.detach().flatten(1).norm(dim=1))

    def forward(self, input: Tensor) -> Tensor:
        length = self.length[:, None, None]
        return self._conv_forward(input, self.weight * (length / self.weight.norm(dim=(1, 2), keepdim=True)), self.bias)
