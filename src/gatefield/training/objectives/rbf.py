"""The two criteria of LeNet-5's radial basis function output."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ...core.arguments import PositiveFloat
from ..objective import Objective


class RBF(Objective):
    """The criteria of LeNet-5's radial basis function output, whose unit y_i is the squared distance to class i.

        equation 8:  E = (1/P) sum_p y_{D_p}
        equation 9:  E = (1/P) sum_p [ y_{D_p} + log( exp(-j) + sum_i exp(-y_i) ) ]

    Equation 9 also pushes wrong classes away, the less the farther they are; ``j`` bounds how far. The
    probabilities are softmax(-y): those of the Gaussian classes that the squared distances stand for.

    Args:
        j: the constant of equation 9, a squared distance, for which the paper gives no value; None takes equation 8.

    Reference: LeCun, Bottou, Bengio & Haffner (1998), equations 8 and 9.
    """

    name: ClassVar[str] = "rbf"
    unit: ClassVar[str] = "rbf"
    reference: ClassVar[str] = "lecun1998"

    def __init__(self, j: PositiveFloat | None = 10.0) -> None:
        self.j = j

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        y = outputs
        y_D = y.gather(1, targets[:, None]).squeeze(1)
        if self.j is None:
            return y_D.mean()
        rubbish = y.new_full((len(y), 1), -self.j)
        return (y_D + torch.cat([rubbish, -y], 1).logsumexp(1)).mean()

    def probabilities(self, outputs: Tensor) -> Tensor:
        return (-outputs).softmax(1)
