"""Local response normalization across channels, of AlexNet and VGG A-LRN."""

from __future__ import annotations

import math
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from ..core.arguments import NonNegativeFloat, PositiveFloat, PositiveInt
from ..core.errors import ArgumentError
from .layer import Layer, LayerExample


class LocalResponseNormalization(Layer):
    """b_i = a_i / (k + alpha * sum of a_j^2 over the n channels j around i)^beta.

    Channels beyond the first and the last count as zero. The input has any number of spatial axes after its channels.

    There are two conventions, and figures of one mean something else in the other. The paper multiplies the *sum* by
    alpha. Caffe, and ``torch.nn.LocalResponseNorm`` after it, multiply the *mean* over n channels, that is, divide
    alpha by n; Caffe also has k = 1. The preset ``local-response-normalization-caffe`` is theirs.

    Whether it stands before the pooling (the paper) or after it (Caffe, and the decks: erratum 16) is for the network
    to say; the two orders differ, since a maximum of normalized values is not the normalized maximum.

    Args:
        size: n, odd.
        alpha: factor of the sum of squares, or of their mean.
        beta: exponent.
        k: what keeps the denominator from zero.
        convention: ``paper`` for alpha times the sum, ``caffe`` for alpha times the mean.

    Raises:
        ArgumentError: ``size`` is even, so that no channel is in the middle.

    Source: Krizhevsky, Sutskever and Hinton (2012), section 3.3. Departs from the paper: nowhere, with the defaults.
    """

    name = "local-response-normalization"
    reference = "krizhevsky2012"
    presets = {"local-response-normalization-caffe": {"convention": "caffe", "k": 1.0}}  # noqa: RUF012

    def __init__(
        self,
        size: PositiveInt = 5,
        alpha: NonNegativeFloat = 1e-4,
        beta: NonNegativeFloat = 0.75,
        k: PositiveFloat = 2.0,
        convention: Literal["paper", "caffe"] = "paper",
    ) -> None:
        super().__init__()
        if size % 2 == 0:
            hint = f"choose {size - 1} or {size + 1}"
            raise ArgumentError(f"{size} channels have none in the middle", hint=hint, path=("size",))
        self.size, self.alpha, self.beta, self.k, self.convention = size, alpha, beta, k, convention

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({}, (7, 3, 4)),
            LayerExample({"size": 3, "alpha": 0.5, "beta": 0.5, "k": 1.0}, (2, 5)),
            LayerExample({"size": 7, "alpha": 2.0, "convention": "caffe"}, (4, 2, 3, 2)),
        ]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        return 3 * math.prod(output_shape)  # the square, alpha, and the quotient

    def forward(self, x: Tensor) -> Tensor:
        alpha = self.alpha if self.convention == "paper" else self.alpha / self.size
        # shifted sums take half the time of torch's own, a pooling over three axes
        around = (0, 0) * (x.dim() - 2) + (self.size // 2, self.size // 2)
        squares = F.pad(x.square(), around)
        total = sum(squares.narrow(1, shift, x.shape[1]) for shift in range(self.size))
        return x * (self.k + alpha * total) ** -self.beta
