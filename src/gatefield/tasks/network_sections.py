"""The sections of a dissection that any network has: how its loss lies around it, its gradients, its activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..explain.gradient_flow import gradient_by_layer
from ..explain.histograms import Histogram, activation_histograms, gradient_histograms
from ..explain.landscape import loss_surface, random_directions
from ..functional.layer_outputs import innermost_layers
from ..render.flow import gradient_by_layer_figure
from ..render.histograms import histogram_figure
from ..render.page import Page
from ..render.surface import loss_contours, loss_relief
from .specimen import Specimen

#: Figures as JSON holds them.
Findings = dict[str, Any]

GRID = 15  # points along each side of a landscape
LANDSCAPE_INPUTS, GRADIENT_INPUTS = 128, 64


def landscape_section(page: Page, specimen: Specimen) -> Findings:
    """The loss over a plane of two random directions."""
    axis = torch.linspace(-1, 1, GRID)
    directions = random_directions(specimen.model, 2, specimen.seed)
    with specimen.console.progress("landscape", GRID**2, "point") as progress:

        def loss(model: nn.Module) -> Tensor:
            progress.advance(1)
            return specimen.loss(model, LANDSCAPE_INPUTS)

        surface = loss_surface(specimen.model, loss, directions, axis, axis)
    page.heading("Loss landscape")
    page.text(
        "The loss around the weights, along two random directions in which every filter is as long as the network's; "
        f"of at most {LANDSCAPE_INPUTS} inputs."
    )
    page.figure(loss_contours(axis, axis, surface), "Lines of equal loss.", "contours of the loss around the weights")
    page.figure(loss_relief(axis, axis, surface), "The same as a landscape.", "the loss around the weights as a relief")
    middle = float(surface[GRID // 2, GRID // 2])
    return {
        "loss": middle,
        "lowest": float(surface.min()),
        "highest": float(surface.max()),
        "surface": surface.tolist(),
    }


def flow_section(page: Page, specimen: Specimen) -> Findings:
    """The norm of the gradient by layer."""
    norms = gradient_by_layer(specimen.model, lambda model: specimen.loss(model, GRADIENT_INPUTS))
    page.heading("Gradient flow")
    matrices = [name.rpartition(".")[0] for name, values in specimen.model.named_parameters() if values.dim() > 1]
    shown = {name: norm for name, norm in norms.items() if name in matrices} or norms
    text = "The norm of the gradient of each convolution and fully connected layer, from the input to the output."
    page.figure(gradient_by_layer_figure({"trained": shown}), text, "the norm of the gradient by layer")
    return {"norm": norms}


def histograms_section(page: Page, specimen: Specimen) -> Findings:
    """How activations and gradients are spread."""
    model = specimen.model
    names = [specimen.layer] if specimen.layer else _evenly(_watched(specimen), 12)
    activations = activation_histograms(model, specimen.batches, names)
    gradients: dict[str, Histogram] = {}
    if specimen.answered:
        gradients = gradient_histograms(model, lambda network: specimen.loss(network, GRADIENT_INPUTS))
    weights = [name for name in gradients if dict(model.named_parameters())[name].dim() > 1]
    gradients = {name: gradients[name] for name in _evenly(weights, 12)}
    page.heading("Histograms")
    note = "each from its smallest to its largest value, heights as square roots; the line is 0."
    figure = histogram_figure(_drawn(activations), "Activations")
    page.figure(figure, f"What layers put out, {note}", "histograms of activations")
    if gradients:
        figure = histogram_figure(_drawn(gradients), "Gradients of weights")
        page.figure(figure, f"The gradient of the loss by weights, {note}", "histograms of gradients")
    return {
        "activations": {name: _moments(found) for name, found in activations.items()},
        "gradients": {name: _moments(found) for name, found in gradients.items()},
    }


def _watched(specimen: Specimen) -> list[str]:
    with torch.no_grad():
        return innermost_layers(specimen.model, specimen.one)


def _evenly(names: Sequence[str], count: int) -> list[str]:
    """At most ``count`` of ``names``, first and last among them."""
    if len(names) <= count:
        return list(names)
    return [names[int(i)] for i in torch.linspace(0, len(names) - 1, count).round()]


def _drawn(histograms: dict[str, Histogram]) -> dict[str, tuple[Tensor, Tensor]]:
    return {name: (found.counts, found.edges) for name, found in histograms.items()}


def _moments(found: Histogram) -> Findings:
    return {"mean": found.mean, "deviation": found.deviation, "zeros": found.zeros}
