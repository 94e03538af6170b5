"""The sections of a dissection that any network has: how its loss lies around it, its gradients, its activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..explain.gradient_flow import gradient_by_layer
from ..explain.histograms import Histogram, activation_histograms, gradient_histograms
from ..explain.landscape import Loss, Trajectory, loss_line, loss_surface, random_directions, trajectory
from ..functional.layer_outputs import innermost_layers
from ..functional.spread import spread_over
from ..render.flow import gradient_by_layer_figure
from ..render.histograms import histogram_figure
from ..render.page import Page
from ..render.surface import loss_contours, loss_profile, loss_relief
from .specimen import Specimen

#: Figures as JSON holds them.
Findings = dict[str, Any]
#: Parameter -> values.
Weights = Mapping[str, Tensor]

GRID, LINE = 15, 41  # points along each side of a landscape, and along a profile
LANDSCAPE_INPUTS, GRADIENT_INPUTS = 128, 64


def landscape_section(page: Page, specimen: Specimen, way: Sequence[Weights] = ()) -> Findings:
    """The loss along two random directions and over their plane; and along the way of training.

    Args:
        way: the weights after each epoch, oldest first; nothing where the run did not record them.
    """
    model, axis, fine = specimen.model, torch.linspace(-1, 1, GRID), torch.linspace(-1, 1, LINE)
    directions = random_directions(model, 2, specimen.seed)
    seen = trajectory(model, way) if len(way) > 2 else None
    points = 2 * LINE + GRID**2 * (2 if seen else 1)
    with specimen.console.progress("landscape", points, "point") as progress:

        def loss(network: nn.Module) -> Tensor:
            progress.advance(1)
            return specimen.loss(network, LANDSCAPE_INPUTS)

        lines = [loss_line(model, loss, direction, fine) for direction in directions]
        surface = loss_surface(model, loss, directions, axis, axis)
        plane = None if seen is None else _plane_of(seen, model, loss)
    page.heading("Loss landscape")
    page.text(
        "The loss around the weights, along two random directions in which every filter is as long as the network's; "
        f"of at most {LANDSCAPE_INPUTS} inputs."
    )
    profiles = {"first direction": lines[0], "second direction": lines[1]}
    page.figure(loss_profile(fine, profiles), "Along each direction by itself.", "profiles of the loss")
    page.figure(loss_contours(axis, axis, surface), "Lines of equal loss.", "contours of the loss around the weights")
    page.figure(loss_relief(axis, axis, surface), "The same as a landscape.", "the loss around the weights as a relief")
    findings: Findings = {
        "loss": float(surface[GRID // 2, GRID // 2]),
        "lowest": float(surface.min()),
        "highest": float(surface.max()),
        "surface": surface.tolist(),
        "profiles": {name: line.tolist() for name, line in profiles.items()},
    }
    if seen is None or plane is None:
        page.text("The way of training is not drawn: training.record: [trajectory] has it recorded, for 3 epochs on.")
        return findings
    x, y, around = plane
    caption = (
        f"The way of training, from before the first epoch to after the last of {len(way) - 1}, in the plane of its "
        "principal directions; the large dot is the weights that were kept."
    )
    page.figure(loss_contours(x, y, around, seen.coordinates, seen.explained), caption, "the way of training")
    findings["way"] = {"coordinates": seen.coordinates.tolist(), "explained": seen.explained.tolist()}
    return findings


def _plane_of(seen: Trajectory, model: nn.Module, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
    """Coordinates that cover the way and some room around it, and the loss there."""
    low, high = seen.coordinates.amin(0).clamp(max=0), seen.coordinates.amax(0).clamp(min=0)
    room = 0.15 * (high - low).clamp(min=1e-3 * float((high - low).max()) or 1.0)
    x, y = (torch.linspace(a, b, GRID) for a, b in zip((low - room).tolist(), (high + room).tolist()))
    return x, y, loss_surface(model, loss, seen.directions, x, y)


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
    return [names[int(index)] for index in spread_over(len(names), count)]


def _drawn(histograms: dict[str, Histogram]) -> dict[str, tuple[Tensor, Tensor]]:
    return {name: (found.counts, found.edges) for name, found in histograms.items()}


def _moments(found: Histogram) -> Findings:
    return {"mean": found.mean, "deviation": found.deviation, "zeros": found.zeros}
