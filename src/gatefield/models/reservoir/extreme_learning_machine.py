"""The extreme learning machine: a hidden layer that stays as it was drawn, and a read-out that is solved for."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import NonNegativeFloat, PositiveFloat, PositiveInt
from ...core.errors import InputError
from ...functional.reservoir_weights import Distribution, random_weights
from ...functional.ridge import NormalEquations
from ..model import Model, ModelExample
from ..read_out_targets import read_out_targets

ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "sine": torch.sin}


class ExtremeLearningMachine(Model):
    """Extreme learning machine: one hidden layer of random weights, and a linear read-out by ridge regression.

        H = g(X W^T + b)
        W_out = T^T H (H^T H + beta I)^{-1}

        machine = ExtremeLearningMachine([64], 10, units=1000)
        machine.fit(images, labels)
        machine.add(more_images, more_labels)  # as if it had been fitted to both at once

    What is learned one part after the other (the online sequential machine, OS-ELM) is kept as H^T H and T^T H; the
    answer is that of the recursion of Liang et al., without its rounding errors adding up. It is not part of the
    weights in a file.

    Args:
        input_shape: of one input.
        classes: numbers of an answer.
        units: of the hidden layer.
        activation: g.
        input_scale: of W: U(-input_scale, input_scale) or N(0, input_scale^2), for inputs of about unit size.
        bias_scale: of b.
        distribution: of W and b.
        beta: regularization, 1/C of Huang et al.
        output: the output unit, for training the read-out by gradients.

    Source: Huang, Zhu and Siew (2006); ridge: Huang, Zhou, Ding and Zhang (2012), equation 32; in parts: Liang et al.
    (2006), equations 19 and 27; catalogue 206. Departs from the papers: b is symmetric about 0, theirs from U(0, 1).
    """

    name = "extreme-learning-machine"
    reference = "huang2006"

    def __init__(
        self,
        input_shape: list[PositiveInt],
        classes: PositiveInt,
        units: PositiveInt = 1000,
        activation: Literal["sigmoid", "tanh", "relu", "sine"] = "sigmoid",
        input_scale: PositiveFloat = 1.0,
        bias_scale: NonNegativeFloat = 1.0,
        distribution: Distribution = "uniform",
        beta: NonNegativeFloat = 0.1,
        output: Literal["softmax", "sigmoid", "linear"] = "softmax",
    ) -> None:
        super().__init__()
        self.activation, self.beta, self.output = activation, beta, output
        self.W: Tensor
        self.b: Tensor
        device, dtype = torch.get_default_device(), torch.get_default_dtype()
        shapes = {"W": ((units, math.prod(input_shape)), input_scale), "b": ((units,), bias_scale)}
        for name, (shape, scale) in shapes.items():
            nothing = device.type == "meta"  # a stand-in, that is to be looked at: drawing millions takes seconds
            drawn = torch.empty(shape) if nothing else random_weights(shape, scale, distribution)
            self.register_buffer(name, drawn.to(device, dtype))
        self.read_out = nn.Linear(units, classes, bias=False)
        nn.init.zeros_(self.read_out.weight)
        self._equations = NormalEquations()

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [
            ModelExample({"input_shape": [5], "classes": 3, "units": 7}, (5,)),
            ModelExample(
                {"input_shape": [2, 3], "classes": 2, "units": 6, "activation": "tanh", "output": "linear"}, (2, 3)
            ),
        ]

    def hidden(self, x: Tensor) -> Tensor:
        """H (batch, units) for x (batch, *input_shape)."""
        if x[0:1].numel() != self.W.shape[1] * len(x[0:1]):
            message = f"x has the shape {tuple(x.shape)}"
            raise InputError(message, hint=f"give (batch, {', '.join(map(str, self.arguments['input_shape']))})")
        return ACTIVATIONS[self.activation](F.linear(x.flatten(1), self.W, self.b))

    def forward(self, x: Tensor) -> Tensor:
        return self.read_out(self.hidden(x))

    def fit(self, x: Tensor, y: Tensor) -> None:
        """Forget what was learned, and solve for the read-out.

        Args:
            x: (samples, *input_shape).
            y: (samples, classes), or classes by number (samples,), int64: they become +1 and -1.

        Raises:
            InputError: shapes that do not fit, NaN or infinite values, no samples, or singular normal equations.
        """
        self._equations = NormalEquations()
        self.add(x, y)

    @torch.no_grad()
    def add(self, x: Tensor, y: Tensor) -> None:
        """Learn further samples; arguments and errors as of `fit`."""
        if not bool(x.isfinite().all()):  # g would hide an infinite value
            raise InputError("x holds NaN or infinite values", hint="remove or replace these samples first")
        y = read_out_targets(y, x.shape[:1], self.read_out.out_features, elsewhere=-1)
        self._equations.add(self.hidden(x.to(self.W.dtype)), y)
        self.read_out.weight.copy_(self._equations.solve(self.beta))
