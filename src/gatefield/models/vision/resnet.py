"""Residual networks: the ImageNet and the CIFAR family, plain twins, pre-activation, wide, ResNeXt and binary ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from ...core.arguments import PositiveFloat, PositiveInt, Probability
from ...core.errors import ArgumentError
from ...layers.basic_block import BasicBlock
from ...layers.binary_block import BinaryBlock
from ...layers.bottleneck_block import BottleneckBlock
from ...layers.initialization import initialize
from ...layers.max_pooling import MaxPool2d
from ...layers.residual import ActivationOrder, ResidualBlock, ShortcutName
from ..model import Model, ModelExample
from ..width import scaled

Block = Literal["basic", "bottleneck", "bottleneck-1x1-stride", "binary-weight", "xnor"]
BOTTLENECKS = ("bottleneck", "bottleneck-1x1-stride")

#: Filters of the first stage; a bottleneck block puts out four times as many.
FILTERS = {"imagenet": 64, "cifar": 16}
EXPANSION = 4


class ResNet(Model):
    """Residual network: a stem, stages of residual blocks, global average pooling and a linear output.

    Each stage after the first halves the maps and doubles the filters. For 3x224x224 images and 1000 classes
    ``resnet18`` has 11,689,512 parameters, ``resnet50`` 25,557,032 and ``resnext50-32x4d`` 25,028,904; for CIFAR-10
    ``resnet20`` has 269,722 and ``resnet110`` 1,727,962. The plain twins have the same layers and no shortcuts
    (catalogue 73); those of the CIFAR family also have the same weights, name by name.

    Any size of image goes in. ``stage2.block1`` names the first block of stage 2.

    Args:
        input_shape: (channels, height, width).
        classes: number of classes.
        blocks: blocks of each stage. The depth of the network is 2 (basic) or 3 (bottleneck) layers a block, and 2.
        block: ``basic``: two 3x3 convolutions; ``bottleneck``: 1x1, 3x3, 1x1, the stride in the 3x3 as in ResNeXt and
            in most implementations; ``bottleneck-1x1-stride``: the stride in the first 1x1, as in the paper of 2015;
            ``binary-weight`` and ``xnor``: basic blocks whose 3x3 convolutions have weights, or weights and inputs, of
            one bit. Stem, projections and output stay real.
        stem: ``imagenet``: a 7x7 convolution and a max pooling, both of stride 2, and 64 filters in the first stage;
            ``cifar``: a 3x3 convolution of stride 1, and 16 filters.
        shortcut: where a block changes the shape: ``projection`` is option B of the paper, ``zero-padding`` option A;
            ``projection-everywhere`` option C projects in every block; ``none`` makes the plain twin.
        order: normalization and ReLU after each convolution, or before it, which leaves the identity path clean.
        width: factor on all filters of the paper.
        widening: factor on the filters of the 3x3 convolutions only: k of a wide network "WRN-d-k"; C d / 64 of a
            ResNeXt "C x d".
        cardinality: groups of the 3x3 convolutions of bottleneck blocks; C of a ResNeXt.
        dropout: chance in [0, 1) that an input of the second 3x3 convolution of a basic block is silent in training.

    Raises:
        ArgumentError: ``cardinality`` without bottleneck blocks, or one that does not divide their filters;
            ``dropout`` without basic blocks; another ``order`` of binary blocks, whose order is their own.

    Source: He, Zhang, Ren and Sun (2016), Table 1 and section 4.2; pre-activation: the same authors, "Identity
    mappings in deep residual networks" (2016); wide: Zagoruyko and Komodakis (2016); ResNeXt: Xie, Girshick, Dollár,
    Tu and He (2017), Table 1; binary: Rastegari, Ordonez, Redmon and Farhadi (2016), section 4.2 (catalogue 23, 72-74,
    77, 78). Departs from the papers: nowhere.
    """

    name = "resnet"
    reference = "he2016, xie2017, rastegari2016"
    presets = {
        "resnet18": {"blocks": [2, 2, 2, 2]},
        "resnet34": {"blocks": [3, 4, 6, 3]},
        "resnet50": {"blocks": [3, 4, 6, 3], "block": "bottleneck"},
        "resnet101": {"blocks": [3, 4, 23, 3], "block": "bottleneck"},
        "resnet152": {"blocks": [3, 8, 36, 3], "block": "bottleneck"},
        "plain18": {"blocks": [2, 2, 2, 2], "shortcut": "none"},
        "plain34": {"blocks": [3, 4, 6, 3], "shortcut": "none"},
        "bwn-resnet18": {"blocks": [2, 2, 2, 2], "block": "binary-weight"},
        "xnor-resnet18": {"blocks": [2, 2, 2, 2], "block": "xnor"},
        "preact-resnet18": {"blocks": [2, 2, 2, 2], "order": "pre-activation"},
        "preact-resnet50": {"blocks": [3, 4, 6, 3], "block": "bottleneck", "order": "pre-activation"},
        "wide-resnet50-2": {"blocks": [3, 4, 6, 3], "block": "bottleneck", "widening": 2},
        "wide-resnet101-2": {"blocks": [3, 4, 23, 3], "block": "bottleneck", "widening": 2},
        "wide-resnet28-10": {"blocks": [4, 4, 4], "stem": "cifar", "order": "pre-activation", "widening": 10},
        "resnext50-32x4d": {"blocks": [3, 4, 6, 3], "block": "bottleneck", "widening": 2, "cardinality": 32},
        "resnext101-32x4d": {"blocks": [3, 4, 23, 3], "block": "bottleneck", "widening": 2, "cardinality": 32},
        "resnext101-32x8d": {"blocks": [3, 4, 23, 3], "block": "bottleneck", "widening": 4, "cardinality": 32},
        "resnext101-64x4d": {"blocks": [3, 4, 23, 3], "block": "bottleneck", "widening": 4, "cardinality": 64},
    } | {
        f"{family}{6 * n + 2}": {"blocks": [n, n, n], "stem": "cifar", **arguments}
        for n in (1, 3, 5, 7, 9, 18, 200)
        for family, arguments in {
            "resnet": {"shortcut": "zero-padding"},
            "plain": {"shortcut": "none"},
            "preact-resnet": {"shortcut": "zero-padding", "order": "pre-activation"},
        }.items()
    }

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        blocks: list[PositiveInt] = [2, 2, 2, 2],  # noqa: B006 - never changed; configurations are lists
        block: Block = "basic",
        stem: Literal["imagenet", "cifar"] = "imagenet",
        shortcut: ShortcutName = "projection",
        order: ActivationOrder = "post-activation",
        width: PositiveFloat = 1.0,
        widening: PositiveInt = 1,
        cardinality: PositiveInt = 1,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        first = channels = scaled(FILTERS[stem], width)
        _check(blocks, block, order, first * widening, cardinality, dropout)
        self.stem = _stem(stem, input_shape[0], channels)
        stages = OrderedDict[str, nn.Module]()
        for stage, count in enumerate(blocks):
            inside = first * 2**stage * widening
            outside = first * 2**stage * EXPANSION if block in BOTTLENECKS else inside
            members = OrderedDict[str, ResidualBlock]()
            for number in range(count):
                stride = 2 if stage and not number else 1
                if block == "basic":
                    made = BasicBlock(channels, outside, stride, shortcut, order, dropout)
                elif block == "binary-weight" or block == "xnor":
                    inputs = "real" if block == "binary-weight" else "scaled-signs"
                    made = BinaryBlock(channels, outside, stride, shortcut, inputs)
                else:
                    stride_at = "1x1" if block == "bottleneck-1x1-stride" else "3x3"
                    made = BottleneckBlock(channels, inside, outside, stride, cardinality, shortcut, order, stride_at)
                members[f"block{number + 1}"] = made
                channels = outside
            if stage == 0 and order == "pre-activation":
                # the paper's appendix: the stem activates the input of the first block, before the paths part
                members["block1"].preactivation = nn.Identity()
            stages[f"stage{stage + 1}"] = nn.Sequential(OrderedDict[str, nn.Module](members))
        self.stages = nn.Sequential(stages)
        head = OrderedDict[str, nn.Module]()
        if order == "pre-activation" or block == "xnor":  # the last sum is not activated yet
            head["norm"], head["activation"] = nn.BatchNorm2d(channels), nn.ReLU()
        head["pooling"], head["flatten"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        head["output"] = nn.Linear(channels, classes)
        self.classifier = nn.Sequential(head)
        initialize(self, "he")

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        small = arguments.get("stem") == "cifar"
        return {"input_shape": (3, 32, 32), "classes": 10} if small else {"input_shape": (3, 224, 224), "classes": 1000}

    @classmethod
    def examples(cls) -> list[ModelExample]:
        small = {"classes": 3, "blocks": [1, 1], "width": 1 / 8}
        cifar = {**small, "stem": "cifar", "width": 0.5}
        bottleneck = {**small, "block": "bottleneck", "cardinality": 2, "widening": 2}
        return [
            ModelExample({"input_shape": (3, 19, 16), **small}, (3, 19, 16)),
            ModelExample({"input_shape": (1, 9, 8), **cifar, "order": "pre-activation", "dropout": 0.5}, (1, 9, 8)),
            ModelExample({"input_shape": (2, 16, 16), **bottleneck}, (2, 16, 16)),
            ModelExample({"input_shape": (2, 16, 16), **bottleneck, "order": "pre-activation"}, (2, 16, 16)),
            ModelExample({"input_shape": (2, 16, 15), **small, "block": "bottleneck-1x1-stride"}, (2, 16, 15)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.stages(self.stem(x)))


def _stem(kind: str, maps: int, filters: int) -> nn.Sequential:
    large = kind == "imagenet"
    side, stride = (7, 2) if large else (3, 1)
    parts = OrderedDict[str, nn.Module](
        conv=nn.Conv2d(maps, filters, side, stride, padding=side // 2, bias=False),
        norm=nn.BatchNorm2d(filters),
        activation=nn.ReLU(),
    )
    if large:
        parts["pooling"] = MaxPool2d(3, stride=2, padding=1)
    return nn.Sequential(parts)


def _check(
    blocks: list[int], block: Block, order: ActivationOrder, inside: int, cardinality: int, dropout: float
) -> None:
    if not blocks:
        raise ArgumentError("there are no blocks", hint="give the blocks of each stage: [2, 2, 2, 2]", path=("blocks",))
    if block not in BOTTLENECKS and cardinality > 1:
        raise ArgumentError(
            f"{block} blocks have no {cardinality} groups", hint="choose block 'bottleneck'", path=("cardinality",)
        )
    if inside % cardinality:
        hint = f"choose a multiple of {cardinality} by 'width' and 'widening'"
        message = f"{cardinality} groups do not divide the {inside} filters of a 3x3 convolution"
        raise ArgumentError(message, hint=hint, path=("cardinality",))
    if block != "basic" and dropout:
        raise ArgumentError(
            f"{block} blocks have no dropout", hint="choose block 'basic', or dropout 0", path=("dropout",)
        )
    if block in ("binary-weight", "xnor") and order != "post-activation":
        raise ArgumentError(f"{block} blocks have an order of their own", hint="leave 'order' out", path=("order",))
