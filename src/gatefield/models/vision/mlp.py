"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.errors import ArgumentError
from ...layers.activation import ActivationName, activation_module
from ...layers.initialization import InitializationName, initialize
from ...layers.linear import Linear
from ..model import Model, ModelExample


class MLP(Model):
    """Multilayer perceptron: h_l = f(W_l h_(l-1) + b_l), h_0 the flattened input, and a linear map to the outputs.

    Args:
        input_shape: shape of one input, any number of dimensions.
        classes: number of outputs.
        hidden: width of each hidden layer; an empty list leaves a linear model.
        activation: f.
        output: the output unit, which implies the objective (catalogue 109). ``softmax``: logits of one class among
            several, cross-entropy; ``sigmoid``: logits of independent yes-or-no answers, Bernoulli likelihood;
            ``linear``: means of a Gaussian, squared error.
        dropout: chance in [0, 1) that a hidden unit is silent during training.
        initialization: first weights (catalogue 119); biases start at zero.

    Raises:
        ArgumentError: dropout without a hidden layer.

    Source: Goodfellow, Bengio and Courville (2016), chapter 6. Departs from the book: nowhere.
    """

    name = "mlp"
    reference = "goodfellow2016"

    def __init__(
        self,
        input_shape: tuple[PositiveInt, ...],
        classes: PositiveInt,
        hidden: list[PositiveInt] = [128],  # noqa: B006 - never changed; configurations are lists
        activation: ActivationName = "relu",
        output: Literal["softmax", "sigmoid", "linear"] = "softmax",
        dropout: Probability = 0.0,
        initialization: InitializationName = "he",
    ) -> None:
        super().__init__()
        if dropout and not hidden:
            raise ArgumentError("dropout needs a hidden layer", hint="give 'hidden', or dropout 0", path=("dropout",))
        self.output = output
        layers = OrderedDict[str, nn.Module](flatten=nn.Flatten())
        width = math.prod(input_shape)
        for depth, units in enumerate(hidden, start=1):
            layers[f"hidden{depth}"] = Linear(width, units)
            layers[f"activation{depth}"] = activation_module(activation)
            if dropout:
                layers[f"dropout{depth}"] = nn.Dropout(dropout)
            width = units
        layers["output"] = Linear(width, classes)
        self.classifier = nn.Sequential(layers)
        initialize(self, initialization)

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [
            ModelExample({"input_shape": (1, 28, 28), "classes": 10}, (1, 28, 28)),
            ModelExample(
                {
                    "input_shape": (2, 3),
                    "classes": 3,
                    "hidden": [7, 6],
                    "activation": "tanh",
                    "output": "sigmoid",
                    "dropout": 0.5,
                    "initialization": "xavier",
                },
                (2, 3),
            ),
            ModelExample(
                {"input_shape": (5,), "classes": 1, "hidden": [8], "activation": "scaled-tanh", "output": "linear"},
                (5,),
            ),
            ModelExample({"input_shape": (5,), "classes": 2, "hidden": []}, (5,)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(x)
