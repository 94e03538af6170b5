"""The sections of a dissection that are about recurrence: what gates do, and how far back gradients reach.

Each computes first and writes afterwards.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..explain.gates import gate_traces, gated_layers_run, saturation
from ..explain.gradient_flow import equal_pieces, state_gradient_by_lag
from ..explain.scores import Scores
from ..functional.layer_outputs import evaluating, layer_inputs, run
from ..recurrent import Recurrent
from ..render.flow import gradient_by_lag_figure
from ..render.gates import gate_figure, saturation_figure
from ..render.page import Page
from ..render.style import label
from .explainable import ExplainableInput
from .network_sections import Findings
from .recording import LAGS, ROWS
from .sequence_specimen import SequenceSpecimen, between, counted

STEPS = 90  # of a trace that is drawn


def gates_section(page: Page, specimen: SequenceSpecimen) -> Findings:
    """What the gates do over a sequence, and how often they are open or shut."""
    shown = _longest(specimen, STEPS)
    # a layer of a person's own that has no gates is refused below, and told the nearest
    layers = gated_layers_run(specimen.model, shown.inputs) if specimen.layer is None else [specimen.layer]
    drawn, shares = [], {}
    for layer in layers:
        names = _directions(specimen, layer)
        for number, traces in enumerate(gate_traces(specimen.model, shown.inputs, layer or None)):
            title = " · ".join(filter(None, [layer, names[number] if number < len(names) else ""]))
            gates = {name: trace[0].flatten(1) for name, trace in traces.items()}
            if gates:
                drawn.append((title, gates))
                shares[title] = _saturation(specimen, layer or None, number, gates)
    if not drawn:
        raise InputError("the cells of this network have no gates", hint="leave this section out")
    symbols = specimen.symbols(shown) or []
    text = label(between(symbols).join(symbols) or shown.name, 80)
    page.heading("Gates")
    page.text(
        f"Over '{text}': time runs to the right, each row is a unit. Gates run from white, shut, to blue, open; "
        "candidates and others with a sign from blue, below zero, to orange."
    )
    for title, gates in drawn:
        traces = {name: trace[:STEPS] for name, trace in gates.items()}
        fits = all(len(trace) == len(symbols) for trace in gates.values())  # a decoder has steps of its own
        page.figure(gate_figure(traces, symbols[:STEPS] if fits else None), title, f"gates of {title}")
    page.heading("How often gates are open and shut")
    page.text(
        f"Over {counted(len(specimen.readings), 'sequence')}, a point a unit: to the right it is often shut (below "
        "0.1), upwards often open (above 0.9). A unit in the lower left is neither: it works as an analog one."
    )
    findings: Findings = {}
    for title, found in shares.items():
        if found:
            page.figure(saturation_figure(found), title, f"saturation of the gates of {title}")
            findings[title] = {
                name: {"shut": float(shut.mean()), "open": float(opened.mean())}
                for name, (shut, opened) in found.items()
            }
    return findings


def _saturation(
    specimen: SequenceSpecimen, layer: str | None, number: int, gates: dict[str, Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Shares shut and open of each unit over all sequences, of the gates whose values lie in [0, 1]."""
    parts: dict[str, list[Tensor]] = {name: [] for name in gates}
    for reading in specimen.readings:
        for name, trace in gate_traces(specimen.model, reading.inputs, layer)[number].items():
            parts[name].append(trace[0].flatten(1))
    found = {}
    for name, traces in parts.items():
        whole = torch.cat(traces)[None]
        if whole.shape[1] and whole.min() >= 0 and whole.max() <= 1:
            found[name] = tuple(saturation(whole))
    return found


def _directions(specimen: SequenceSpecimen, layer: str) -> list[str]:
    """What the cells of a recurrent layer are called: its levels, and the ways they read."""
    module = specimen.model.get_submodule(layer) if layer in dict(specimen.model.named_modules()) else None
    if not isinstance(module, Recurrent):
        return []
    ways = ("forward", "backward") if module.bidirectional else ("",)
    levels = len(module.directions) // len(ways)
    names = [f"level {level + 1}" if levels > 1 else "" for level in range(levels)]
    return [" · ".join(filter(None, [name, way])) for name in names for way in ways]


def lags_section(page: Page, specimen: SequenceSpecimen) -> Findings:
    """What is left of a gradient so many steps back: through the state, and at the input."""
    curves: dict[str, tuple[Tensor, Tensor]] = {}
    for layer in _recurrent(specimen):
        module = specimen.model.get_submodule(layer)
        if isinstance(module, Recurrent) and not module.bidirectional:
            inputs = [layer_inputs(specimen.model, reading.inputs, layer) for reading in specimen.readings]
            x = equal_pieces(inputs, LAGS, ROWS)
            lag, norm = state_gradient_by_lag(module, x)
            curves[f"state of {layer}"] = lag, _share(norm)
    steps = [norms for reading in specimen.readings[:ROWS] if len(norms := _input_gradient(specimen, reading)) > 1]
    if steps:
        longest = min(LAGS, max(map(len, steps)))
        norm = torch.stack([each.flip(0)[:longest] for each in steps if len(each) >= longest], 1)
        curves["input"] = torch.arange(longest), _share(norm)
    if not curves:
        raise InputError("these inputs have fewer than two steps", hint="leave this section out")
    page.heading("Gradient by time lag")
    page.text(
        "How much of the past is still felt: the norm of the gradient of the last output by the state, and of the last "
        "answer by the input, so many steps back, as a share of the largest. A straight line that falls vanishes at a "
        "fixed rate; one that rises explodes. The line is the median, the band the middle half of the sequences."
    )
    page.figure(gradient_by_lag_figure(curves), "", "norm of the gradient by time lag")
    return {
        name: {"lag": lag.tolist(), "share": norm.quantile(0.5, dim=1).tolist()} for name, (lag, norm) in curves.items()
    }


def _recurrent(specimen: SequenceSpecimen) -> list[str]:
    """The layers with gates that run over the first sequence; of them the layer asked for, where one is."""
    try:
        layers = gated_layers_run(specimen.model, specimen.one)
    except ArgumentError:  # none has any: there is still the input
        return []
    return [layer for layer in layers if specimen.layer in (None, layer)]


def _input_gradient(specimen: SequenceSpecimen, reading: ExplainableInput) -> Tensor:
    """|d score / d x_t| for the answer at the last step, (time,)."""
    with evaluating(specimen.model), torch.enable_grad():
        with torch.no_grad():
            outputs = run(specimen.model, reading.inputs)
        while isinstance(outputs, tuple):
            outputs = outputs[0]
        target: Any = None
        if outputs.dim() > 2:
            if not outputs.shape[1]:
                return outputs.new_zeros(0)
            last = outputs[0, -1]
            target = (outputs.shape[1] - 1, *(int(place) for place in torch.unravel_index(last.argmax(), last.shape)))
        scores = Scores(specimen.model, reading.inputs, target)
        return scores.gradient(scores.point)[0].flatten(1).norm(dim=1).cpu()


def _share(norm: Tensor) -> Tensor:
    """Of each column the share of its largest number."""
    return norm / norm.amax(0).clamp(min=torch.finfo(norm.dtype).tiny)


def _longest(specimen: SequenceSpecimen, limit: int) -> ExplainableInput:
    """The longest reading of at most ``limit`` steps; the first where all are longer."""

    def steps(reading: ExplainableInput) -> int:
        x = reading.inputs[0] if isinstance(reading.inputs, tuple) else reading.inputs
        return x.shape[1]

    short = [reading for reading in specimen.readings if steps(reading) <= limit]
    return max(short, key=steps) if short else specimen.readings[0]
