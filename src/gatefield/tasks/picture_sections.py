"""The sections of a dissection of a network over pictures.

Each computes first and writes afterwards, so that one that fails writes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from ..explain.activation_maximization import maximize_activation
from ..explain.codes import clusters, codes, embed, nearest_neighbors, neighbor_purity, purity
from ..explain.filters import feature_maps, filters, map_layers, strongest
from ..explain.lesion import droppable, interchangeable, lesion_study, residual_blocks, shuffle_study
from ..explain.path_lengths import gradient_by_path_length
from ..explain.top_activations import box, top_patches
from ..functional.layer_outputs import layer_outputs, leaf_outputs
from ..functional.receptive_field import ReceptiveField
from ..models.receptive_fields import ReceptiveFields
from ..render.filters import feature_map_figure, unit_figure
from ..render.lesion import damage_figure, lesion_figure, path_figure
from ..render.page import Page
from ..render.pictures import filter_grid
from ..render.scatter import class_scatter, picture_scatter
from .network_sections import Findings, flow_section, histograms_section, landscape_section
from .specimen import PictureSpecimen

UNITS, PATCHES, CHANNELS, NEIGHBORS = 8, 8, 10, 7  # rows and columns of the figures
L2, TOTAL_VARIATION = 0.4, 4.0  # with these digits show in LeNet-5; with much less, noise
LESION_IMAGES, GRADIENT_IMAGES = 256, 64


def codes_section(page: Page, specimen: PictureSpecimen) -> Findings:
    """Where the pictures lie in the code of a late layer, and which the network takes for alike."""
    layer = specimen.layer or _before_the_scores(specimen)
    found, labels = codes(specimen.model, layer, specimen.batches), specimen.images.labels
    classes = specimen.trained.classes
    plane = embed(found, perplexity=min(30.0, len(found) / 4), seed=specimen.seed)
    pixels = specimen.raw.flatten(1).float()
    findings = {
        "layer": layer,
        "features": found.shape[1],
        "neighbor_purity": neighbor_purity(found, labels),
        "neighbor_purity_of_inputs": neighbor_purity(pixels, labels),
        "cluster_purity": purity(clusters(found, min(len(classes), len(found)), specimen.seed), labels),
        "cluster_purity_of_inputs": purity(clusters(pixels, min(len(classes), len(pixels)), specimen.seed), labels),
    }
    page.heading("Codes")
    page.text(
        f"What layer {layer} makes of each of {len(found)} inputs, {found.shape[1]} numbers, brought to the plane by "
        "t-SNE: neighbors stay neighbors, distances between groups mean little."
    )
    rows = [
        ("of the five nearest, share of the same class", "neighbor_purity"),
        (f"purity of {len(classes)} clusters by k-means", "cluster_purity"),
    ]
    page.table(("", "codes", "inputs"), [(text, findings[key], findings[f"{key}_of_inputs"]) for text, key in rows])
    page.figure(class_scatter(plane, labels, classes), "Codes by class.", "scatter plot of the codes, by class")
    if specimen.pictures is not None:
        caption = "The same, each as its picture, in the free place nearest to its point."
        page.figure(picture_scatter(plane, specimen.pictures), caption, "the pictures where their codes lie")
        page.figure(*_neighbor_figure(found, specimen.pictures))
    return findings


def _neighbor_figure(found: Tensor, pictures: Tensor) -> tuple[Any, str, str]:
    chosen = torch.linspace(0, len(found) - 1, 6).long().unique()
    near = nearest_neighbors(found, min(NEIGHBORS + 1, len(found)), found[chosen]).indices
    rows = {f"input {int(i)}": [pictures[j] for j in row] for i, row in zip(chosen, near.tolist())}
    return unit_figure(rows), "Inputs, and those with the nearest codes.", "inputs and their nearest neighbors"


def filters_section(page: Page, specimen: PictureSpecimen) -> Findings:
    """What the first layer looks for."""
    layer, weights = filters(specimen.model, specimen.layer, tuple(specimen.inputs.shape[1:]))
    if weights.dim() != 4:
        message = f"the filters of layer '{layer}' are no pictures"
        raise InputError(message, hint="choose a layer of two-dimensional filters")
    page.heading("Filters")
    page.figure(filter_grid(weights), f"What layer {layer} looks for.", f"the filters of layer {layer}")
    return {"layer": layer, "filters": len(weights), "largest": float(weights.abs().max())}


def features_section(page: Page, specimen: PictureSpecimen) -> Findings:
    """What becomes of a picture layer by layer, and which patches excite a unit most."""
    pictures, first = _need_pictures(specimen), specimen.inputs[:1]
    names = map_layers(specimen.model, first)
    if not names:
        raise InputError("no layer of this network puts out maps", hint="take a convolutional network")
    layer = specimen.layer or names[-1]
    maps = {name: values[0] for name, values in feature_maps(specimen.model, first, names).items()}
    shown = {name: values[strongest(values, CHANNELS)] for name, values in maps.items()}
    fields = _receptive_fields(specimen, layer)
    best = top_patches(specimen.model, layer, specimen.batches, count=PATCHES)
    units = sorted(best, key=lambda unit: -best[unit][0].value)[:UNITS]
    sizes = tuple(pictures.shape[2:])
    rows, captions = {}, {}
    for unit in units:
        patches = best[unit]
        cuts = [box(patch.position, fields, sizes) if fields else (slice(None),) * 2 for patch in patches]
        rows[f"unit {unit}"] = [pictures[patch.input][:, cut[0], cut[1]] for patch, cut in zip(patches, cuts)]
        captions[f"unit {unit}"] = [f"{patch.value:.3g}" for patch in patches]
    page.heading("Features by depth")
    caption = "The strongest channels of each layer for one input, from the input down; each on its own scale."
    page.figure(feature_map_figure(shown, pictures[0]), caption, "feature maps by depth")
    page.heading("What excites a unit most")
    seen = " × ".join(str(field.size) for field in fields) if fields else "all"
    text = f"Units of layer {layer}, which see {seen} cells of the input; below each patch the activation."
    page.figure(unit_figure(rows, captions), text, f"the patches that excite units of layer {layer} most")
    top = {unit: [{"value": p.value, "input": p.input, "position": p.position} for p in best[unit]] for unit in units}
    return {"layer": layer, "receptive_field": [f.size for f in fields] if fields else None, "top": top}


def maximize_section(page: Page, specimen: PictureSpecimen) -> Findings:
    """The inputs that classes, or units of a layer, like best."""
    _need_pictures(specimen)
    scores = list(_leaves(specimen))[-1]
    distances = getattr(specimen.model, "output", "") == "rbf"  # the smallest wins: climb what they are made of
    layer = specimen.layer or (_before_the_scores(specimen) if distances else scores)
    with torch.no_grad():
        output = layer_outputs(specimen.model, specimen.batches[0], [layer])[layer]
    # penalties in units of what the activation differs by among real inputs, so that they mean the same in every layer
    spread = float((output.flatten(2).mean(2) if output.dim() > 2 else output).std())
    classes = specimen.trained.classes
    units = list(range(min(output.shape[1], 10)))
    last = layer == scores and output.shape[1] == len(classes)
    low, high = specimen.bounds
    found = maximize_activation(
        specimen.model,
        layer,
        units,
        tuple(specimen.inputs.shape[1:]),
        l2=L2 * spread,
        total_variation=TOTAL_VARIATION * spread,
        low=low,
        high=high,
        seed=specimen.seed,
    )
    names = [classes[unit] if last else f"unit {unit}" for unit in units]
    activation = found.activation[-1].tolist()
    captions = [f"{name}\n{value:.3g}" for name, value in zip(names, activation)]
    page.heading("What a unit likes best")
    page.text(
        f"Found by climbing the activation in layer {layer} from noise, with shifts and penalties on large and rough "
        "inputs; below each the activation that was reached."
    )
    page.pictures(specimen.as_pictures(found.inputs), captions)
    return {
        "layer": layer,
        "start": dict(zip(names, found.activation[0].tolist())),
        "end": dict(zip(names, activation)),
    }


def lesion_section(page: Page, specimen: PictureSpecimen) -> Findings:
    """What the network can do without a block, with blocks in another order, and which paths carry the gradient."""
    model = specimen.model
    among = None if specimen.layer is None else [specimen.layer]
    names = droppable(model, specimen.inputs[:2], among)
    if not names:
        raise InputError("no layer of this network can be left out", hint="take one with layers that keep the shape")
    score = functools.partial(specimen.error, count=LESION_IMAGES)
    with torch.no_grad():
        whole, study = score(model), lesion_study(model, score, names)
    errors = [one.score for one in study]
    findings: Findings = {"error": whole, "without": {one.name: one.score for one in study}}
    blocks = residual_blocks(model)
    swaps = [0, 1, 2, 4, 8] if any(len(group) > 1 for group in interchangeable(model)) else []
    shuffles = shuffle_study(model, score, swaps, repeats=3, seed=specimen.seed) if swaps else None
    shortcuts = blocks and all(getattr(model.get_submodule(name), "shortcut", None) is not None for name in blocks)
    paths = _paths(specimen) if shortcuts else None
    page.heading("Lesions")
    middle = float(torch.tensor(errors).median())
    kind = "residual blocks, of which the shortcut stays" if shortcuts and set(names) <= set(blocks) else "layers"
    page.text(
        f"Left out one at a time: {kind}. The "
        f"error of the whole network is {whole:.2%}; without one of them, in the median, {middle:.2%}."
    )
    page.figure(lesion_figure(names, errors, whole), "The error without each.", "the error without each block")
    if shuffles is not None:
        findings["shuffled"] = {"correlation": shuffles.correlation.tolist(), "error": shuffles.score.tolist()}
        caption = "Blocks of one shape in another order: 1 is their own order."
        figure = damage_figure(
            shuffles.correlation, shuffles.score, "Kendall's correlation with their own order", whole
        )
        page.figure(figure, caption, "the error with blocks in another order")
    if paths is not None:
        findings["paths"] = {key: values.tolist() for key, values in paths._asdict().items()}
        caption = f"The {2 ** len(blocks):,} paths through {len(blocks)} blocks, by how many blocks they pass."
        page.figure(path_figure(*paths), caption, "paths by length and their share of the gradient")
    return findings


def _paths(specimen: PictureSpecimen) -> Any:
    targets = specimen.images.labels[:GRADIENT_IMAGES].to(specimen.trained.device)

    def loss(outputs: Any) -> Tensor:
        return specimen.trained.objective.loss(outputs[0] if isinstance(outputs, tuple) else outputs, targets)

    return gradient_by_path_length(
        specimen.model, specimen.inputs[:GRADIENT_IMAGES], loss, samples=5, seed=specimen.seed
    )


#: The sections by name, in the order of the page.
SECTIONS: dict[str, Callable[[Page, PictureSpecimen], Findings]] = {
    "codes": codes_section,
    "filters": filters_section,
    "features": features_section,
    "maximize": maximize_section,
    "lesion": lesion_section,
    "landscape": landscape_section,
    "flow": flow_section,
    "histograms": histograms_section,
}


def _leaves(specimen: PictureSpecimen) -> dict[str, Tensor]:
    with torch.no_grad():
        return leaf_outputs(specimen.model, specimen.inputs[:1])


def _before_the_scores(specimen: PictureSpecimen) -> str:
    """The layer whose output the last one reads; the last where there is no other."""
    names = list(_leaves(specimen))
    return names[-2] if len(names) > 1 else names[-1]


def _need_pictures(specimen: PictureSpecimen) -> Tensor:
    if specimen.pictures is None:
        raise InputError("the data are no pictures", hint="leave this section out")
    return specimen.pictures


class _Fields(ReceptiveFields):
    """Receptive fields with their places, not only their sizes."""

    def along(self, tensor: Tensor) -> Sequence[ReceptiveField] | None:
        trace = self._traces.get(tensor)
        fields = () if trace is None else trace.fields
        return fields if fields and None not in fields else None


def _receptive_fields(specimen: PictureSpecimen, layer: str) -> Sequence[ReceptiveField] | None:
    """What the units of ``layer`` see along each axis; None where an operation on the way has no known rule."""
    x = specimen.inputs[:1].clone()
    fields = _Fields(x)
    with torch.no_grad(), fields:
        output = layer_outputs(specimen.model, x, [layer])[layer]
    return fields.along(output) if output.dim() == x.dim() else None
