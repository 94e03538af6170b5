"""The gradient, averaged over noisy copies of the input."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.arguments import NonNegativeFloat, NonNegativeInt, PositiveInt
from ..core.seeding import generator
from ..functional.layer_outputs import Inputs
from .explainer import PointExplainer
from .scores import Scores, Target


class SmoothGrad(PointExplainer):
    """M(x) = (1/n) sum_n dS_c/dx (x + N(0, sigma^2)).

    Args:
        samples: n.
        noise: sigma, as a share of the distance between the row's smallest and largest number.
        seed: of the noise, which is the same for every row: rows do not know each other.

    Source: Smilkov, Thorat, Kim, Viégas and Wattenberg (2017), section 3. Departs from the paper: nowhere; n and sigma
    are among those that it recommends.
    """

    name = "smooth-grad"
    reference = "smilkov2017"
    signed = False

    def __init__(self, samples: PositiveInt = 25, noise: NonNegativeFloat = 0.15, seed: NonNegativeInt = 0) -> None:
        self.samples, self.noise, self.seed = samples, noise, seed

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        scores = Scores(model, input, target, layer)
        x, random = scores.point, generator(self.seed, "smooth-grad")
        row = tuple(range(1, x.dim()))
        sigma = self.noise * (x.amax(row, keepdim=True) - x.amin(row, keepdim=True))
        total = torch.zeros_like(x)
        for _ in range(self.samples):
            normal = torch.randn(x.shape[1:], generator=random, dtype=torch.float64).to(x)
            total += scores.gradient(x + sigma * normal)
        mean = total / self.samples
        return self._per_symbol(mean) if scores.per_symbol else mean
