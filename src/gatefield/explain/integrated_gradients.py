"""The gradient, integrated along the way from a baseline to the input."""

from __future__ import annotations

from typing import Annotated

import numpy
import torch
from torch import Tensor, nn

from ..core.arguments import Interval, PositiveFloat
from ..core.errors import InputError
from ..functional.layer_outputs import Inputs
from .explainer import PointExplainer
from .scores import Scores, Target

ROWS = 64  # that one pass takes
MOST = 4096  # nodes


class IntegratedGradients(PointExplainer):
    """(x - x') * integral over alpha in [0, 1] of dS_c/dx (x' + alpha (x - x')), by Gauss-Legendre quadrature.

    Complete: the attributions of a row sum to S_c(x) - S_c(x'). The way is cut in halves, quarters, ..., with the same
    number of nodes on each piece, until they do.

    Args:
        steps: nodes on each piece.
        baseline: x', a number in the units of the network's input (or of the layer's output): 0 is the mean of prepared
            images, and of symbols the zero vector.
        tolerance: how far a row's sum may be from the difference of its scores, as a share of that difference where it
            exceeds one; None takes the whole way as one piece.

    Raises:
        InputError: 4,096 nodes are not enough.

    Source: Sundararajan, Taly and Yan (2017), equation 1 and proposition 1. Departs from the paper: it sums at equal
    steps; Gauss-Legendre nodes need fewer.
    """

    name = "integrated-gradients"
    reference = "sundararajan2017"

    def __init__(
        self,
        steps: Annotated[int, Interval("[1, 512]")] = 64,
        baseline: Annotated[float, Interval("(-inf, inf)")] = 0.0,
        tolerance: PositiveFloat | None = 1e-3,
    ) -> None:
        self.steps, self.baseline, self.tolerance = steps, baseline, tolerance

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        scores = Scores(model, input, target, layer)
        x = scores.point
        start = torch.full_like(x, self.baseline)
        with torch.no_grad():
            difference = scores(x) - scores(start)
        pieces = 1
        while True:
            attribution = (x - start) * self._mean_gradient(scores, start, x, pieces)
            if self.tolerance is None or x.numel() == 0:
                break
            error = (attribution.flatten(1).sum(1) - difference).abs() / difference.abs().clamp(min=1)
            if not bool((error > self.tolerance).any()):  # a row with a NaN never gets better
                break
            if 2 * pieces * self.steps > MOST:
                worst, nodes = float(error.nan_to_num().max()), pieces * self.steps
                message = f"with {nodes} nodes, attributions miss the difference of scores by {worst:.1e}"
                raise InputError(message, hint="allow a greater tolerance, or choose another baseline")
            pieces *= 2
        return self._per_symbol(attribution) if scores.per_symbol else attribution

    def _mean_gradient(self, scores: Scores, start: Tensor, end: Tensor, pieces: int) -> Tensor:
        """The mean of dS_c/dx on the line from ``start`` to ``end``, several nodes a pass."""
        nodes, weights = (torch.from_numpy(part) for part in numpy.polynomial.legendre.leggauss(self.steps))
        alphas = ((torch.arange(pieces)[:, None] + (nodes + 1) / 2) / pieces).flatten().to(end)
        shares = (weights / 2 / pieces).repeat(pieces).to(end)
        total, column = torch.zeros_like(end), (-1, *[1] * end.dim())
        for alpha, share in zip(*(part.split(max(ROWS // max(len(end), 1), 1)) for part in (alphas, shares))):
            points = start + alpha.view(column) * (end - start)
            gradients = scores.gradient(points.flatten(0, 1)).view_as(points)
            total += (share.view(column) * gradients).sum(0)
        return total
