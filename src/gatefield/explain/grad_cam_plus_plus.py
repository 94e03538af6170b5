"""Grad-CAM++: class activation mapping that does justice to several objects of a class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functional.layer_outputs import Inputs
from .explainer import Explainer
from .layer_gradient import layer_gradient
from .places import enlarged, find_places
from .scores import Target


class GradCAMPlusPlus(Explainer):
    """M = ReLU(sum_k w_k f^k), w_k = sum_ij alpha_ij^k ReLU(g_ij^k), with g = dS_c/df and

        alpha_ij^k = (g_ij^k)^2 / (2 (g_ij^k)^2 + sum_ab f_ab^k (g_ij^k)^3),  0 where g = 0.

    ``layer`` is by default the last that has several places and on which the score depends.

    Args:
        enlarge: interpolate M to the places of the input; without it M has those of the layer.

    Source: Chattopadhay, Sarkar, Howlader and Balasubramanian (2018), section 3, with Y = exp(S) (catalogue 98).
    Departs from the paper: a row's M lacks the positive factor exp(S_c), which overflows. As there, S_c counts as
    piecewise linear in f.
    """

    name = "grad-cam-plus-plus"
    reference = "chattopadhay2018"
    per_place = True

    def __init__(self, enlarge: bool = True) -> None:
        self.enlarge = enlarge

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        places = find_places(model, input)
        f, g = layer_gradient(model, input, target, places, layer)
        # g^2 is cut out of the fraction, which then neither underflows nor divides zero by zero
        below = 2 + f.flatten(2).sum(2)[(..., *[None] * (f.dim() - 2))] * g
        alpha = torch.where((g != 0) & (below != 0), 1 / torch.where(below != 0, below, 1), 0)
        w = (alpha * g.relu()).flatten(2).sum(2)
        M = (w[:, None] @ f.flatten(2)).view(len(f), *f.shape[2:]).relu()
        return enlarged(M, places.input) if self.enlarge else M
