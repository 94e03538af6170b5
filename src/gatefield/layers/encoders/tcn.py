"""The temporal convolutional encoder."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, cast

from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.errors import ArgumentError, InputError
from ...functional.lengths import blank, last_steps, row_ends
from ..temporal_block import TemporalBlock
from .encoder import Encoder, EncoderExample, Lengths


class TemporalConvolutionEncoder(Encoder):
    """Residual blocks of causal convolutions with dilations 1, 2, 4, ...

    The state is, for each block, what its two convolutions still remember: two tensors (batch, channels, reach).

    Args:
        features: numbers a step of the input.
        channels: of each block; block i has dilation 2^(i - 1).
        kernel_size: of all convolutions; at least 2.
        dropout: chance that a channel is silent during training, for all of time.

    Raises:
        ArgumentError: no block, or a kernel that sees the present only.

    Source: Bai, Kolter and Koltun (2018), section 3 (catalogue 80). Departs from the paper: first weights are He's.
    """

    name = "tcn"
    reference = "bai2018"

    def __init__(
        self,
        features: PositiveInt,
        channels: list[PositiveInt] = [64] * 4,
        kernel_size: PositiveInt = 3,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        if not channels:
            raise ArgumentError("there are no blocks", hint="give the channels of each", path=("channels",))
        if kernel_size < 2:
            message = "a kernel of 1 sees no step but the present"
            raise ArgumentError(message, hint="give at least 2", path=("kernel_size",))
        self.features, self.width, self.causal = features, channels[-1], True
        self.sizes = list(zip([features, *channels], channels))
        blocks = OrderedDict[str, nn.Module]()
        for number, (before, after) in enumerate(self.sizes):
            blocks[f"block{number + 1}"] = TemporalBlock(before, after, kernel_size, 2**number, dropout)
        self.blocks = nn.Sequential(blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(cast(Tensor, module.bias))
                length = getattr(module, "length", None)
                if length is not None:
                    length.data.copy_(module.weight.detach().flatten(1).norm(dim=1))

    @classmethod
    def examples(cls) -> list[EncoderExample]:
        return [
            EncoderExample({"features": 3, "channels": [4, 4, 5]}),
            EncoderExample({"features": 1, "channels": [3], "kernel_size": 2}),
        ]

    @property
    def receptive_field(self) -> int:
        """Steps that one output depends on: 1 + 2 (k - 1) (2^L - 1) for L blocks."""
        return 1 + 2 * sum(block.reach for block in self._blocks)

    @property
    def _blocks(self) -> list[TemporalBlock]:
        return cast(list[TemporalBlock], list(self.blocks))

    def forward(self, x: Tensor, lengths: Lengths | None = None, state: Any = None) -> tuple[Tensor, Any]:
        self.check(x, 3)
        batch, time = x.shape[:2]
        ends = row_ends(lengths, batch, time, x.device)
        pasts = self._pasts(state, x)
        if time == 0:
            return x.new_zeros(batch, 0, self.width), pasts
        h = x if lengths is None else blank(x, ends)
        h, after = h.transpose(1, 2), []
        for block, past in zip(self._blocks, pasts):
            h, seen = block.carry(h, past)
            kept = [last_steps(part.transpose(1, 2), ends + block.reach, block.reach).transpose(1, 2) for part in seen]
            after.append((kept[0], kept[1]))
        h = h.transpose(1, 2)
        return h if lengths is None else blank(h, ends), after

    def check_steps(self) -> None:
        super().check_steps()
        if self.training and self.arguments["dropout"]:
            message = "this encoder draws its dropout masks for whole sequences"
            raise InputError(message, hint="call model.eval() first")

    def _pasts(self, state: Any, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        shapes = [[(len(x), size, block.reach) for size in sizes] for block, sizes in zip(self._blocks, self.sizes)]
        if state is None:
            return [(x.new_zeros(one), x.new_zeros(two)) for one, two in shapes]
        if [[tuple(part.shape) for part in past] for past in state] != shapes:
            message = "the state is not one of this encoder for this batch"
            raise InputError(message, hint="give the state that a former call returned for as many rows")
        return state
