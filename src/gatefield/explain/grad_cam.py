"""Gradient-weighted class activation mapping."""

from __future__ import annotations

from torch import Tensor, nn

from ..functional.layer_outputs import Inputs
from .explainer import Explainer
from .layer_gradient import layer_gradient
from .places import enlarged, find_places
from .scores import Target


class GradCAM(Explainer):
    """alpha_k = (1/Z) sum_ij dS_c/df_ij^k,  M = ReLU(sum_k alpha_k f^k), with f^k the maps of a layer.

    Places may have one axis (time), two or three; of a recurrent layer's output f^k is a unit over time. ``layer`` is
    by default the last that has several places and on which the score depends.

    Args:
        mean: divide by Z, the number of places, as the paper does; the lecture's slide leaves it out (erratum 13). Z
            is one number for all of M: without it M is Z times as large, and a picture of M, which is scaled to its
            largest number, is the same.
        relu: keep what speaks for the class only; without it M is signed.
        enlarge: interpolate M to the places of the input; without it M has those of the layer.

    Source: Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra (2017), equations 1 and 2 (catalogue 97, 99). Departs
    from the paper: nowhere.
    """

    name = "grad-cam"
    reference = "selvaraju2017"
    per_place = True

    def __init__(self, mean: bool = True, relu: bool = True, enlarge: bool = True) -> None:
        self.mean, self.relu, self.enlarge = mean, relu, enlarge

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        places = find_places(model, input)
        f, gradient = layer_gradient(model, input, target, places, layer)
        flat = gradient.flatten(2)
        alpha = flat.mean(2) if self.mean else flat.sum(2)
        M = (alpha[:, None] @ f.flatten(2)).view(len(f), *f.shape[2:])
        M = M.relu() if self.relu else M
        return enlarged(M, places.input) if self.enlarge else M
