"""The residual block that adds up many thin transformations, in its three equal forms."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Literal, Self

import torch
from torch import Tensor, nn

from ..core.arguments import PositiveInt
from .layer import LayerExample
from .residual import ResidualBlock, ShortcutName, residual_chain, shortcut_module

ResNeXtForm = Literal["aggregated", "concatenated", "grouped"]


class ResNeXtBlock(ResidualBlock):
    """y = relu(sum over i in 1..C of T_i(x) + s(x)): C transformations 1x1, 3x3, 1x1, each of the same small width.

    The forms of figure 3 compute the same function from the same weights, which `in_form` carries over:

    ``aggregated``    (a) C branches 1x1, 3x3, 1x1, and their sum
    ``concatenated``  (b) C branches 1x1, 3x3, concatenated before one 1x1 convolution
    ``grouped``       (c) three convolutions, the middle one in C groups: the fast one

    256 channels with 32 transformations of width 4 have 70,144 weights (catalogue 23).

    Args:
        in_channels: channels of x.
        cardinality: C, the number of transformations.
        width: channels inside one transformation.
        out_channels: channels of y.
        stride: of the 3x3 convolutions.
        shortcut: as in `BasicBlock`.
        form: how it is written down.

    Raises:
        ArgumentError: zero-padding where the block becomes narrower.

    Source: Xie, Girshick, Dollár, Tu and He (2017), equation 3, figure 3, and footnote 2 for the place of batch
    normalization in (a). Departs from the paper: nowhere.
    """

    name = "resnext-block"
    reference = "xie2017"

    def __init__(
        self,
        in_channels: PositiveInt,
        cardinality: PositiveInt,
        width: PositiveInt,
        out_channels: PositiveInt,
        stride: PositiveInt = 1,
        shortcut: ShortcutName = "projection",
        form: ResNeXtForm = "grouped",
    ) -> None:
        around = shortcut_module(shortcut, in_channels, out_channels, stride)
        residual = _residual(in_channels, cardinality, width, out_channels, stride, form)
        super().__init__(residual, around, None)

    @classmethod
    def examples(cls) -> list[LayerExample]:
        small = {"in_channels": 4, "cardinality": 3, "width": 2, "out_channels": 6}
        return [
            LayerExample({**small, "stride": 2}, (4, 5, 5)),
            LayerExample({**small, "stride": 2, "form": "concatenated"}, (4, 5, 5)),
            LayerExample({**small, "out_channels": 4, "form": "aggregated"}, (4, 3, 4)),
        ]

    def in_form(self, form: ResNeXtForm) -> Self:
        """The same block, with copies of the same weights, statistics and mode, written in another form."""
        block = type(self).from_config({**self.config(), "form": form})
        weight = next(self.parameters())
        state = _split(_joined(self.state_dict()), self.arguments["cardinality"], form)
        block.to(weight.device, weight.dtype).load_state_dict(state)
        return block.train(self.training)


class _Branches(nn.ModuleList):
    """Branches that read the same input; their outputs are added, or concatenated along the channels."""

    def __init__(self, branches: list[nn.Sequential], concatenate: bool) -> None:
        super().__init__(branches)
        self.concatenate = concatenate

    def forward(self, x: Tensor) -> Tensor:
        outputs = [branch(x) for branch in self]
        return torch.cat(outputs, 1) if self.concatenate else torch.stack(outputs).sum(0)


def _parts(sources: int, width: int, targets: int, stride: int, groups: int) -> OrderedDict[str, nn.Module]:
    convolutions = [
        nn.Conv2d(sources, width, 1, bias=False),
        nn.Conv2d(width, width, 3, stride, padding=1, groups=groups, bias=False),
        nn.Conv2d(width, targets, 1, bias=False),
    ]
    return OrderedDict(residual_chain(convolutions, "post-activation")[0].named_children())


def _residual(
    sources: int, cardinality: int, width: int, targets: int, stride: int, form: ResNeXtForm
) -> nn.Sequential:
    if form == "grouped":
        return nn.Sequential(_parts(sources, cardinality * width, targets, stride, cardinality))
    branches = [_parts(sources, width, targets, stride, 1) for _ in range(cardinality)]
    # one normalization follows the sum of the branches (footnote 2)
    tail = OrderedDict[str, nn.Module](norm3=nn.BatchNorm2d(targets))
    for branch in branches:
        del branch["norm3"]
        if form == "concatenated":
            del branch["conv3"]
    if form == "concatenated":
        tail = OrderedDict(conv3=nn.Conv2d(cardinality * width, targets, 1, bias=False), **tail)
    together = _Branches([nn.Sequential(branch) for branch in branches], form == "concatenated")
    return nn.Sequential(OrderedDict(branches=together, **tail))


def _joined(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of any form as those of the grouped one."""
    joined: dict[str, list[Tensor]] = {}
    for key, tensor in state.items():
        joined.setdefault(re.sub(r"branches\.\d+\.", "", key), []).append(tensor)
    return {key: torch.cat(pieces, dim=_axis(key)) if pieces[0].dim() else pieces[0] for key, pieces in joined.items()}


def _split(state: dict[str, Tensor], cardinality: int, form: ResNeXtForm) -> dict[str, Tensor]:
    """The weights of the grouped form as those of ``form``."""
    whole = {"grouped": ("",), "concatenated": ("shortcut", "residual.conv3", "residual.norm3")}
    split = {}
    for key, tensor in state.items():
        if key.startswith(whole.get(form, ("shortcut", "residual.norm3"))):
            split[key] = tensor
            continue
        pieces = tensor.chunk(cardinality, _axis(key)) if tensor.dim() else [tensor] * cardinality
        for number, piece in enumerate(pieces):
            split[key.replace("residual.", f"residual.branches.{number}.")] = piece
    return split


def _axis(key: str) -> int:
    return 1 if "conv3" in key else 0  # the last convolution reads the transformations, the others compute them
