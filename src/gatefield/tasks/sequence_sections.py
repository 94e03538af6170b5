"""The sections of a dissection of a network over sequences. Each computes first and writes afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..explain.gates import gate_traces, gated_layers, saturation
from ..explain.gradient_flow import state_gradient_by_lag
from ..explain.scores import Scores
from ..explain.top_activations import Context, top_contexts
from ..functional.layer_outputs import evaluating, layer_inputs, layer_outputs, run
from ..layers.encoders.encoder import Encoder
from ..layers.readout import Readout
from ..recurrent import Recurrent
from ..render.attention import attention_map
from ..render.flow import gradient_by_lag_figure
from ..render.gates import gate_figure, saturation_figure
from ..render.neuron_strip import neuron_strip
from ..render.page import Page
from ..render.style import label
from ..render.token_strip import token_strip
from .explainable import ExplainableInput
from .network_sections import Findings, flow_section, histograms_section, landscape_section
from .sequence_specimen import SequenceSpecimen, counted

STEPS = 90  # of a trace that is drawn
UNITS, CONTEXTS, STRIPS = 8, 6, 3  # units, places of each, and units drawn over a text
CHARACTERS = 360  # of a text that a unit is drawn over
MAPS, WIDEST = 4, 30  # maps of attention, and symbols on a side
LAGS, ROWS = 60, 16  # steps back, and sequences that gradients are measured on


def gates_section(page: Page, specimen: SequenceSpecimen) -> Findings:
    """What the gates do over a sequence, and how often they are open or shut."""
    layers = gated_layers(specimen.model)
    if specimen.layer is not None:
        layers = [specimen.layer]  # one that has no gates is refused below, and told the nearest
    shown = _longest(specimen, STEPS)
    drawn, shares = [], {}
    for layer in layers or [""]:
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
    text = label(_between(symbols).join(symbols) or shown.name, 80)
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


def units_section(page: Page, specimen: SequenceSpecimen) -> Findings:
    """The contexts that excite a unit most."""
    texts = [(reading, symbols) for reading in specimen.readings if (symbols := specimen.symbols(reading))]
    if not texts:
        raise InputError("the steps of these inputs have no symbols", hint="leave this section out")
    layer = specimen.layer or _encoder(specimen, *texts[0])
    activities = [_activity(specimen, layer, *text) for text in texts]
    whole = torch.cat(activities)
    units = whole.std(0, correction=0).argsort(descending=True, stable=True)[:UNITS].tolist()
    symbols = [symbol for _, own in texts for symbol in own]
    between = _between(symbols)
    before = 5 if between else 24
    after = 0 if _reads_forward(specimen, layer) else before  # what is not read yet cannot excite
    best: dict[int, list[Context]] = {}
    for unit in units:
        found = [
            context
            for activity, (_, own) in zip(activities, texts)
            for context in top_contexts(activity[:, unit], own, CONTEXTS, before, after, between)
        ]
        best[unit] = sorted(found, key=lambda context: -context.value)[:CONTEXTS]
    page.heading("What excites a unit most")
    page.text(
        f"The {len(units)} of {whole.shape[1]} units of layer {layer} that vary most over {len(symbols):,} symbols: "
        "where each is highest, and what it has read there."
    )
    rows = [
        (unit if number == 0 else "", f"{c.value:.2f}", c.before, _seen(c.symbol), *([c.after] if after else []))
        for unit in units
        for number, c in enumerate(best[unit])
    ]
    page.table(("unit", "activity", "after", "at", *(["before"] if after else [])), rows)
    for unit in units[:STRIPS]:
        caption = f"Unit {unit}: orange where it is high, blue where it is low."
        page.figure(_strip(texts[0][1], activities[0][:, unit]), caption, f"activity of unit {unit} over a text")
    return {"layer": layer, "units": {unit: [context._asdict() for context in best[unit]] for unit in units}}


def _reads_forward(specimen: SequenceSpecimen, layer: str) -> bool:
    """Whether a step of ``layer`` knows nothing of those after it."""
    module = specimen.model.get_submodule(layer)
    return not module.bidirectional if isinstance(module, Recurrent) else getattr(module, "causal", True)


def _activity(specimen: SequenceSpecimen, layer: str, reading: ExplainableInput, symbols: Sequence[str]) -> Tensor:
    """What ``layer`` puts out at each symbol, (time, units).

    Raises:
        ArgumentError: there is no such layer, or it has no number of units at each symbol.
    """
    with evaluating(specimen.model), torch.no_grad():
        output = layer_outputs(specimen.model, reading.inputs, [layer])[layer]
    if output.dim() != 3 or output.shape[:2] != (1, len(symbols)):
        message = f"layer '{layer}' puts out no number of units at each symbol"
        raise ArgumentError(message, hint="choose an encoder or a recurrent layer", path=("layer",))
    return output[0].float().cpu()


def _encoder(specimen: SequenceSpecimen, reading: ExplainableInput, symbols: Sequence[str]) -> str:
    """The name of what reads the sequence: the first encoder that puts out something at each symbol."""
    for name, module in specimen.model.named_modules():
        if name and isinstance(module, (Encoder, Recurrent)):
            try:
                _activity(specimen, name, reading, symbols)
            except ArgumentError:
                continue
            return name
    raise InputError("no encoder of this network puts out something at each symbol", hint="name a layer")


def _strip(symbols: Sequence[str], activity: Tensor) -> Any:
    """The activity of a unit over a text: character by character, or word by word."""
    characters = [(symbol, value) for symbol, value in zip(symbols, activity.tolist()) if len(symbol) == 1]
    if len(characters) < len(symbols) - 1:  # beside characters there is at most a begin symbol
        return token_strip(symbols[:STEPS], activity[:STEPS])
    text, values = zip(*characters[:CHARACTERS])
    return neuron_strip("".join(text), values)


def attention_section(page: Page, specimen: SequenceSpecimen) -> Findings:
    """Where the network looks."""
    maps = [each for each in specimen.looks() if max(len(each.source), len(each.target)) <= WIDEST][:MAPS]
    readouts = [
        name
        for name, module in specimen.model.named_modules()
        if isinstance(module, Readout) and module.kind == "attention"
    ]
    strips = _read_out(specimen, readouts[0]) if readouts else []
    if not maps and not strips:
        raise InputError("this network has no attention to look at", hint="leave this section out")
    page.heading("Where it looks")
    if maps:
        page.text("A row for each symbol that was written: the darker a cell, the more that above it was looked at.")
    for each in maps:
        alt = f"weights of attention between {len(each.source)} symbols read and {len(each.target)} written"
        page.figure(attention_map(each.source, each.target, each.weights), "", alt)
    if strips:
        page.text("The share of each symbol in what is read out of a text; full colour is its largest.")
    for symbols, weights in strips:
        page.figure(
            token_strip(symbols, weights), f"largest share {float(weights.max()):.0%}", "weights of the readout"
        )
    return {"maps": len(maps), "strips": len(strips)}


def _read_out(specimen: SequenceSpecimen, readout: str) -> list[tuple[list[str], Tensor]]:
    """The symbols of some texts, and the weights with which a readout with attention takes their mean."""
    found = []
    with evaluating(specimen.model), torch.no_grad():
        for reading in specimen.readings:
            symbols = specimen.symbols(reading)
            if symbols and len(found) < MAPS:
                name = f"{readout}.v"
                scores = layer_outputs(specimen.model, reading.inputs, [name])[name]
                found.append((symbols, scores[0, :, 0].softmax(0).cpu()))
    return found


def lags_section(page: Page, specimen: SequenceSpecimen) -> Findings:
    """What is left of a gradient so many steps back: through the state, and at the input."""
    curves: dict[str, tuple[Tensor, Tensor]] = {}
    for layer in gated_layers(specimen.model) if specimen.layer is None else [specimen.layer]:
        module = specimen.model.get_submodule(layer) if layer in gated_layers(specimen.model) else None
        if isinstance(module, Recurrent) and not module.bidirectional:
            x = _pieces([layer_inputs(specimen.model, reading.inputs, layer) for reading in specimen.readings])
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


def _pieces(inputs: Sequence[Tensor]) -> Tensor:
    """Pieces of equal length of sequences (1, time, features), the last steps of each, (rows, steps, features)."""
    steps = min(LAGS, max(x.shape[1] for x in inputs))
    cut = [x[0, end - steps : end] for x in inputs for end in range(x.shape[1], steps - 1, -steps)]
    return torch.stack(cut[:ROWS])


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


def _between(symbols: Sequence[str]) -> str:
    """What stands between symbols in a text: a space between words, nothing between characters."""
    return "" if sum(len(symbol) == 1 for symbol in symbols) > 0.9 * len(symbols) else " "


def _seen(symbol: str) -> str:
    """White space as signs that can be seen."""
    return symbol.replace("\n", "⏎").replace(" ", "␣")


#: The sections by name, in the order of the page.
SECTIONS: dict[str, Callable[[Page, Any], Findings]] = {
    "gates": gates_section,
    "units": units_section,
    "attention": attention_section,
    "lags": lags_section,
    "landscape": landscape_section,
    "flow": flow_section,
    "histograms": histograms_section,
}
