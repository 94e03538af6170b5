"""The gradient times the input."""

from __future__ import annotations

from torch import Tensor, nn

from ..functional.layer_outputs import Inputs
from .explainer import PointExplainer
from .scores import Scores, Target


class GradientInput(PointExplainer):
    """I * dS_c / dI: what each number contributes to the linear model that is nearest to the network at I.

    Source: Shrikumar, Greenside, Shcherbina and Kundaje (2016), section 3. Departs from the paper: nowhere.
    """

    name = "gradient-input"
    reference = "shrikumar2016"

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        scores = Scores(model, input, target, layer)
        contribution = scores.point * scores.gradient(scores.point)
        return self._per_symbol(contribution) if scores.per_symbol else contribution
