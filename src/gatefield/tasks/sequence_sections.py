"""The sections of a dissection of a network over sequences; those about recurrence are in `recurrence_sections`.

Each computes first and writes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..explain.top_activations import Context, top_contexts
from ..functional.layer_outputs import evaluating, layer_outputs
from ..layers.encoders.encoder import Encoder
from ..layers.readout import Readout
from ..recurrent import Recurrent
from ..render.attention import attention_map
from ..render.neuron_strip import neuron_strip
from ..render.page import Page
from ..render.token_strip import token_strip
from .explainable import ExplainableInput
from .network_sections import Findings, flow_section, histograms_section, landscape_section
from .recurrence_sections import gates_section, lags_section
from .sequence_specimen import SequenceSpecimen, between

STEPS = 90  # of a text that is drawn word by word
UNITS, CONTEXTS, STRIPS = 8, 6, 3  # units, places of each, and units drawn over a text
CHARACTERS = 360  # of a text that a unit is drawn over
MAPS, WIDEST = 4, 30  # maps of attention, and symbols on a side


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
    space = between(symbols)
    before = 5 if space else 24
    after = 0 if _reads_forward(specimen, layer) else before  # what is not read yet cannot excite
    best: dict[int, list[Context]] = {}
    for unit in units:
        found = [
            context
            for activity, (_, own) in zip(activities, texts)
            for context in top_contexts(activity[:, unit], own, CONTEXTS, before, after, space)
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
