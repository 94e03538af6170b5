"""AlexNet with weights, or weights and inputs, of one bit."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...core.arguments import PositiveFloat, PositiveInt
from ...functional.convolution_arithmetic import Window, stack_output_shape
from ...layers.binary_convolution import BinaryConvolution, BinaryInputs
from ...layers.binary_linear import BinaryLinear
from ...layers.initialization import initialize
from ...layers.max_pooling import MaxPool2d
from ..model import Model, ModelExample
from ..width import scaled

FILTERS = (96, 256, 384, 384, 256)


class XnorAlexNet(Model):
    """XNOR-Net and Binary-Weight-Network in the shape of AlexNet: conv2 to fc7 are binary, the ends are real.

    XNOR: norm - sign - binary convolution - pooling, in this order, so that the sign sees values around zero and the
    maxima are those of real numbers. ``bwn-alexnet``: binary convolution - norm - ReLU - pooling, on real inputs.

    Args:
        input_shape: (channels, height, width); at least 63x63.
        classes: number of classes.
        inputs: of the binary layers: ``real`` (Binary-Weight), ``scaled-signs`` (XNOR), or ``signs`` (XNOR without
            the scaling factors K of the inputs, which the paper finds to be nearly as good).
        width: factor on the filters and the hidden units.
        hidden: units of each of the two hidden fully connected layers; 4096 times ``width`` if None.

    Raises:
        ArgumentError: the image is too small.

    Source: Rastegari, Ordonez, Redmon and Farhadi (2016), figure 3 and section 4.2 (catalogue 77, 78).
    Departs from the paper: no dropout.
    """

    name = "xnor-alexnet"
    reference = "rastegari2016"
    presets = {"bwn-alexnet": {"inputs": "real"}}  # noqa: RUF012

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        inputs: BinaryInputs = "scaled-signs",
        width: PositiveFloat = 1.0,
        hidden: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        maps, *shape = input_shape
        pool, third = Window(3, stride=2), Window(3, padding=1)
        windows = [Window(11, 4, 2), pool, Window(5, padding=2), pool, third, third, third, pool]
        left = stack_output_shape(shape, windows)
        first, *filters = (scaled(count, width) for count in FILTERS)
        features = OrderedDict[str, nn.Module](
            conv1=nn.Conv2d(maps, first, 11, stride=4, padding=2, bias=False),
            norm1=nn.BatchNorm2d(first),
            activation1=nn.ReLU(),
            pool1=MaxPool2d(3, stride=2),
        )
        channels = first
        for number, out in enumerate(filters, start=2):
            side = 5 if number == 2 else 3
            layer = BinaryConvolution(channels, out, side, padding=side // 2, inputs=inputs)
            features |= _binary(f"conv{number}", layer, number, nn.BatchNorm2d(out if inputs == "real" else channels))
            if number in (2, 5):
                features[f"pool{number}"] = MaxPool2d(3, stride=2)
            channels = out
        classifier = OrderedDict[str, nn.Module](flatten=nn.Flatten())
        hidden = scaled(4096, width) if hidden is None else hidden
        units = channels * math.prod(left)
        for number in (6, 7):
            layer = BinaryLinear(units, hidden, inputs)
            classifier |= _binary(f"fc{number}", layer, number, nn.BatchNorm1d(hidden if inputs == "real" else units))
            units = hidden
        if inputs != "real":
            classifier["norm8"], classifier["activation8"] = nn.BatchNorm1d(units), nn.ReLU()
        classifier["output"] = nn.Linear(units, classes)
        self.features, self.classifier = nn.Sequential(features), nn.Sequential(classifier)
        initialize(self, "he")

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"input_shape": (3, 227, 227), "classes": 1000}

    @classmethod
    def examples(cls) -> list[ModelExample]:
        small = {"classes": 3, "width": 1 / 16, "hidden": 16}
        return [
            ModelExample({"input_shape": (3, 63, 67), **small}, (3, 63, 67)),
            ModelExample({"input_shape": (1, 63, 63), "inputs": "signs", **small}, (1, 63, 63)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def _binary(
    name: str, layer: BinaryConvolution | BinaryLinear, number: int, norm: nn.Module
) -> OrderedDict[str, nn.Module]:
    if layer.inputs == "real":
        return OrderedDict({name: layer, f"norm{number}": norm, f"activation{number}": nn.ReLU()})
    return OrderedDict({f"norm{number}": norm, name: layer})
