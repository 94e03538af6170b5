"""The squashing function of LeNet-5."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.arguments import PositiveFloat
from .layer import Layer, LayerExample


class ScaledTanh(Layer):
    """f(a) = A tanh(S a), with f(1) = 1 and f(-1) = -1 for A = 1.7159 and S = 2/3.

    The targets +1 and -1 lie where the curvature is greatest, well inside the asymptotes +A and -A.

    Args:
        amplitude: A.
        slope: S, the slope at the origin divided by A.

    Source: LeCun, Bottou, Bengio and Haffner (1998), equation 6 and appendix A. Departs from the paper: nowhere.
    """

    name = "scaled-tanh"
    reference = "lecun1998"

    def __init__(self, amplitude: PositiveFloat = 1.7159, slope: PositiveFloat = 2 / 3) -> None:
        super().__init__()
        self.amplitude, self.slope = amplitude, slope

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [LayerExample({}, (5,)), LayerExample({"amplitude": 2.0, "slope": 0.5}, (2, 3, 4))]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        return 0  # an activation: not counted, like torch's own

    def forward(self, x: Tensor) -> Tensor:
        return self.amplitude * torch.tanh(self.slope * x)
