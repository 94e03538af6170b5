"""LeNet-5, as lectures draw it today and as the paper has it."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ...core.errors import ArgumentError
from ...functional.convolution_arithmetic import Window, stack_output_shape
from ...layers.activation import ActivationName, activation_module
from ...layers.connection_table import LENET5_C3, ConnectionTableConvolution
from ...layers.convolution import convolution
from ...layers.initialization import initialize
from ...layers.linear import Linear
from ...layers.max_pooling import MaxPool2d
from ...layers.rbf import RadialBasisOutput
from ...layers.subsampling import SubSampling
from ..model import Model, ModelExample

Pooling = Literal["max", "average", "subsampling"]


class LeNet5(Model):
    """LeNet-5: two convolutions of 5x5, each followed by a 2x2 pooling, and three fully connected layers.

    C1 (6 maps) - S2 - C3 (16 maps) - S4 - C5 (120) - F6 (84) - one output a class, in the names of the paper.
    By default as lectures draw it: ReLU, max pooling, C3 reads every map of S2, softmax; 61,706 parameters for
    32x32 grey images and 10 classes. The preset ``lenet5-1998`` is the paper's net, with its 60,000 parameters.

    Args:
        input_shape: (channels, height, width); any size of which the layers leave at least one cell.
        classes: number of classes.
        channels: maps of C1 and of C3.
        hidden: units of C5 and of F6.
        activation: of C1, C3, C5 and F6, and of S2 and S4 where these are trainable.
        pooling: what S2 and S4 are; ``subsampling`` is the paper's, with a coefficient and a bias a map.
        connections: ``table`` lets each map of C3 read only those maps of S2 that the paper's Table I gives it.
        output: ``softmax`` gives logits; ``rbf`` gives squared distances to a fixed code of each class: bitmaps of
            the digits for 10 classes and 84 units in F6, random codes otherwise.
        padding: cells around the image; ``auto`` pads images below the paper's 32x32 by 2, so that 28x28 gives the
            paper's maps.

    Raises:
        ArgumentError: the image is too small, or a connection table is wanted for other than 6 and 16 maps.

    Source: LeCun, Bottou, Bengio and Haffner (1998), section II.B. Departs from the paper: in the defaults above; C5
    is written as a full connection, which it is for 32x32; with ``scaled-tanh`` weights start as N(0, 1 / n_in), as
    in "Efficient BackProp" by the same authors, which trains better than the paper's U(-2.4 / n_in, 2.4 / n_in), and
    with other activations as torch's do.
    """

    name = "lenet5"
    reference = "lecun1998"
    presets = {  # noqa: RUF012
        "lenet5-1998": {
            "activation": "scaled-tanh",
            "pooling": "subsampling",
            "connections": "table",
            "output": "rbf",
        }
    }

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        channels: tuple[PositiveInt, PositiveInt] = (6, 16),
        hidden: tuple[PositiveInt, PositiveInt] = (120, 84),
        activation: ActivationName = "relu",
        pooling: Pooling = "max",
        connections: Literal["dense", "table"] = "dense",
        output: Literal["softmax", "rbf"] = "softmax",
        padding: Literal["auto", 0, 2] = "auto",
    ) -> None:
        super().__init__()
        self.output = output
        maps, *shape = input_shape
        if padding == "auto":
            padding = 2 if min(shape) < 32 else 0
        windows = [Window(5, padding=padding), Window(2, stride=2), Window(5), Window(2, stride=2)]
        flat = channels[1] * math.prod(stack_output_shape(shape, windows))
        self.features = nn.Sequential(
            OrderedDict(
                [
                    ("c1", convolution(maps, channels[0], 5, padding=padding)),
                    *_activation_and_pooling("c1", "s2", pooling, channels[0], activation),
                    ("c3", _c3(channels, connections)),
                    *_activation_and_pooling("c3", "s4", pooling, channels[1], activation),
                ]
            )
        )
        self.classifier = nn.Sequential(
            OrderedDict(
                flatten=nn.Flatten(),
                c5=Linear(flat, hidden[0]),
                c5_activation=activation_module(activation),
                f6=Linear(hidden[0], hidden[1]),
                f6_activation=activation_module(activation),
                output=_output(output, hidden[1], classes),
            )
        )
        if activation == "scaled-tanh":
            initialize(self, "lecun")

    @classmethod
    def examples(cls) -> list[ModelExample]:
        paper = cls.presets["lenet5-1998"]
        return [
            ModelExample({"input_shape": (1, 32, 32), "classes": 10}, (1, 32, 32)),
            ModelExample({"input_shape": (1, 28, 28), "classes": 10, **paper}, (1, 28, 28)),
            ModelExample(
                {
                    "input_shape": (3, 13, 17),
                    "classes": 3,
                    "channels": (2, 3),
                    "hidden": (5, 4),
                    "activation": "tanh",
                    "pooling": "average",
                },
                (3, 13, 17),
            ),
            ModelExample(
                {"input_shape": (2, 16, 16), "classes": 4, "hidden": (6, 5), "output": "rbf", "padding": 0}, (2, 16, 16)
            ),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def _activation_and_pooling(
    c: str, s: str, kind: Pooling, channels: int, activation: ActivationName
) -> list[tuple[str, nn.Module]]:
    """What follows the convolution ``c``; the last module is called ``s``.

    max f(a) = f(max a) for an f that never falls: there the pooling comes first and leaves f a quarter of the values.
    """
    f = activation_module(activation)
    if kind == "subsampling":
        squashed = OrderedDict(pooling=SubSampling(channels), activation=activation_module(activation))
        return [(f"{c}_activation", f), (s, nn.Sequential(squashed))]
    if kind == "average" or activation == "gelu":  # GELU falls before it rises
        return [(f"{c}_activation", f), (s, MaxPool2d(2) if kind == "max" else nn.AvgPool2d(2))]
    return [(f"{c}_pooling", MaxPool2d(2)), (s, f)]


def _c3(channels: tuple[int, int], connections: str) -> nn.Module:
    if connections == "dense":
        return convolution(channels[0], channels[1], 5)
    if channels != (6, 16):
        raise ArgumentError(
            f"the paper's connection table joins 6 maps to 16, not {channels[0]} to {channels[1]}",
            hint="leave channels at 6 and 16, or choose connections 'dense'",
            path=("connections",),
        )
    return ConnectionTableConvolution(6, LENET5_C3, 5)


def _output(kind: str, features: int, classes: int) -> nn.Module:
    if kind == "softmax":
        return Linear(features, classes)
    return RadialBasisOutput(features, classes, "digits" if (features, classes) == (84, 10) else "random")
