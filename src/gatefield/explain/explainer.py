"""The contract of an explainer."""

from __future__ import annotations

import contextlib
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.configurable import Configurable
from ..functional.layer_outputs import Inputs, evaluating
from .input_size import told_of_size
from .scores import Target
from .true_gradients import true_gradients


class Explainer(Configurable):
    """Says how much each part of an input counts for a class of a network's outputs.

    A network comes out as it went in, after success, error and interruption alike: no hook, every module in its mode,
    no gradient in its parameters, its weights and statistics untouched.

    Class attributes:
        differentiates: it needs gradients, and refuses networks whose gradients are not derivatives.
        per_place: it gives one number a place of the input, (rows, *places), not one for each of its numbers.
        signed: below zero means "against the class"; else only the size counts.
        shares_places: all numbers at one place of the input are given the same one.
    """

    kind: ClassVar[str] = "explainer"
    package: ClassVar[str] = "gatefield.explain"
    differentiates: ClassVar[bool] = True
    per_place: ClassVar[bool] = False
    signed: ClassVar[bool] = True
    shares_places: ClassVar[bool] = False

    def attribute(self, model: nn.Module, input: Inputs, target: Target = None, layer: str | None = None) -> Tensor:
        """How much each part of ``input`` counts for the class ``target``.

        Args:
            model: any network of outputs (rows, classes), or (rows, time, classes).
            input: as the network takes it: (rows, channels, ...), (rows, time, features) or symbols (rows, time); or
                its arguments, of which the first is explained.
            target: a class, or one for each row, (rows,); (step, class) where the outputs have a time axis; None
                takes the class that the network gives.
            layer: the layer to explain by, by name; what it means, and the default, depends on the explainer.

        Returns:
            Attributions of the shape of ``input``; one number a place (rows, *places) where `per_place`; of symbols
            one a symbol, (rows, time).

        Raises:
            ArgumentError: no such class or layer, or one that the method cannot use.
            InputError: the method is not defined for this network, or the input is of another size than it takes.
        """
        gradients = true_gradients(model) if self.differentiates else _without_gradients()
        with evaluating(model), told_of_size(model, input), gradients:
            return self._attribute(model, input, target, layer).detach()

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        raise NotImplementedError


class PointExplainer(Explainer):
    """An explainer of the numbers at a point: of the input, or of the output of ``layer`` where one is named.

    Of symbols the point is the output of the embedding, and a symbol's attribution that of its whole vector: their
    sum, or the vector's length where signs mean nothing.
    """

    def _per_symbol(self, attribution: Tensor) -> Tensor:
        return attribution.sum(-1) if self.signed else attribution.norm(dim=-1)


@contextlib.contextmanager
def _without_gradients():
    with torch.inference_mode(False), torch.no_grad():
        yield
