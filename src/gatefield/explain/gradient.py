"""The gradient of a class's score: the first explanation."""

from __future__ import annotations

from torch import Tensor, nn

from ..functional.layer_outputs import Inputs
from .explainer import PointExplainer
from .scores import Scores, Target


class Gradient(PointExplainer):
    """w = dS_c / dI at I_0: of S_c(I) = w . I + b, the linear model that is nearest to the network at I_0.

    The saliency map of the paper is max over the channels of |w|, which is what pictures show.

    Source: Simonyan, Vedaldi and Zisserman (2014), section 3 (catalogue 95).
    """

    name = "gradient"
    reference = "simonyan2014"
    signed = False

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        scores = Scores(model, input, target, layer)
        w = scores.gradient(scores.point)
        return self._per_symbol(w) if scores.per_symbol else w
