"""The temporal convolutional network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.errors import ArgumentError, InputError
from ...layers.temporal_block import TemporalBlock
from ..model import Model, ModelExample

TCNState = list[tuple[Tensor, Tensor]]


class TCN(Model):
    """Temporal convolutional network: residual blocks of causal convolutions with dilations 1, 2, 4, ...

        output, state = tcn(x, lengths=[5, 3, 0])

    One output a step, which depends on the present and the last `receptive_field` - 1 steps. It keeps the contract of
    recurrent layers: batch first, rows of any length, a state to go on from, and single steps.

    Args:
        features: numbers a step of the input.
        classes: numbers a step of the output.
        channels: of each block; block i has dilation 2^(i - 1).
        kernel_size: of all convolutions; at least 2.
        dropout: chance in [0, 1) that a channel is silent during training, for all of time.
        output: the output unit.

    Raises:
        ArgumentError: no block, or a kernel that sees the present only.

    Source: Bai, Kolter and Koltun (2018), section 3 and figure 1 (catalogue 80). Departs from the paper: first weights
    are He's, not N(0, 0.01^2).
    """

    name = "tcn"
    reference = "bai2018"

    def __init__(
        self,
        features: PositiveInt,
        classes: PositiveInt,
        channels: list[PositiveInt] = [25] * 8,
        kernel_size: PositiveInt = 7,
        dropout: Probability = 0.0,
        output: Literal["softmax", "sigmoid", "linear"] = "softmax",
    ) -> None:
        super().__init__()
        if not channels:
            raise ArgumentError("there are no blocks", hint="give the channels of each", path=("channels",))
        if kernel_size < 2:
            message = "a kernel of 1 sees no step but the present"
            raise ArgumentError(message, hint="give at least 2", path=("kernel_size",))
        self.output = output
        self.features, self.kernel_size = features, kernel_size
        blocks = OrderedDict[str, nn.Module]()
        for number, (before, after) in enumerate(zip([features, *channels], channels)):
            blocks[f"block{number + 1}"] = TemporalBlock(before, after, kernel_size, 2**number, dropout)
        self.blocks = nn.Sequential(blocks)
        self.classifier = nn.Linear(channels[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]
                length = getattr(module, "length", None)
                if length is not None:
                    length.data.copy_(module.weight.detach().flatten(1).norm(dim=1))

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [
            ModelExample({"features": 3, "classes": 2, "channels": [4, 4, 5], "kernel_size": 3}),
            ModelExample({"features": 1, "classes": 1, "channels": [3], "kernel_size": 2, "output": "linear"}),
        ]

    @property
    def receptive_field(self) -> int:
        """Steps that one output depends on: 1 + 2 (k - 1) (2^L - 1) for L blocks."""
        return 1 + 2 * sum(block.reach for block in self._blocks)

    @property
    def _blocks(self) -> list[TemporalBlock]:
        return cast(list[TemporalBlock], list(self.blocks))

    def forward(
        self, x: Tensor, state: TCNState | None = None, lengths: Sequence[int] | Tensor | None = None
    ) -> tuple[Tensor, TCNState]:
        """Run over a batch of sequences.

        Args:
            x: (batch, time, features).
            state: what went before, as a former call returned it; None: zeros.
            lengths: steps of each row, in any order, 0 allowed; None: all.

        Returns:
            The output (batch, time, classes), zero beyond a row's length, and the state after each row's last step:
            for each block what its two convolutions still remember, (batch, channels, reach).

        Raises:
            InputError: shapes or lengths that do not fit.
        """
        self._check(x, 3, "(batch, time, features)")
        batch, time = x.shape[:2]
        ends = _ends(lengths, batch, time, x.device)
        given = self._given(state, x)
        if time == 0:
            return x.new_zeros(batch, 0, self.classifier.out_features), given
        h = x.transpose(1, 2)
        final: TCNState = []
        for block, pasts in zip(self._blocks, given):
            h, seen = block.carry(h, pasts)
            final.append((_last(seen[0], ends, block.reach), _last(seen[1], ends, block.reach)))
        y = self.classifier(h.transpose(1, 2))
        inside = torch.arange(time, device=x.device) < ends[:, None]
        return y.masked_fill(~inside[:, :, None], 0.0), final

    def step(self, x: Tensor, state: TCNState | None = None) -> tuple[Tensor, TCNState]:
        """One step (batch, features) of every row, for streaming: what `forward` does with one step of time.

        Raises:
            InputError: wrong shapes, or a network in training that draws dropout masks for whole sequences.
        """
        self._check(x, 2, "(batch, features)")
        if self.training and self.arguments["dropout"]:
            message = "this network draws its dropout masks for whole sequences"
            raise InputError(message, hint="call model.eval() first")
        y, after = self(x[:, None], state)
        return y[:, 0], after

    def _check(self, x: Tensor, axes: int, wanted: str) -> None:
        if x.dim() != axes or x.shape[-1] != self.features:
            message = f"x has shape {tuple(x.shape)}"
            raise InputError(message, hint=f"give {wanted} with {self.features} features")

    def _given(self, state: TCNState | None, x: Tensor) -> TCNState:
        channels = [self.features, *self.arguments["channels"]]
        shapes = [
            [(len(x), channels[number + after], block.reach) for after in (0, 1)]
            for number, block in enumerate(self._blocks)
        ]
        if state is None:
            return [(x.new_zeros(one), x.new_zeros(two)) for one, two in shapes]
        if [[tuple(part.shape) for part in pasts] for pasts in state] != shapes:
            message = "the state is not one of this network for this batch"
            raise InputError(message, hint="give the state that a former call returned for as many rows")
        return state


def _ends(lengths: Sequence[int] | Tensor | None, batch: int, time: int, device: torch.device) -> Tensor:
    if lengths is None:
        return torch.full((batch,), time, device=device)
    ends = torch.as_tensor(lengths, device=device)
    if ends.shape != (batch,) or ends.is_floating_point() or (batch and not 0 <= ends.min() <= ends.max() <= time):
        message = f"lengths {ends.tolist()} do not fit {batch} rows of {time} steps"
        raise InputError(message, hint=f"give {batch} whole numbers from 0 to {time}")
    return ends


def _last(seen: Tensor, ends: Tensor, reach: int) -> Tensor:
    """The ``reach`` steps of ``seen`` (batch, channels, reach + time) before each row's end."""
    places = ends[:, None] + torch.arange(reach, device=seen.device)
    return seen.gather(2, places[:, None].expand(-1, seen.shape[1], -1))
