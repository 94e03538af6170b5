"""What the gates of a recurrent network do over a sequence, and how often they are wide open or shut."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, suggest
from ..functional.layer_outputs import Inputs, evaluating, run


class Gated(Protocol):
    """A recurrent layer that can tell its gates: its ``gates`` takes what its ``forward`` takes.

    It returns a mapping for each cell and direction, gate -> (batch, time, units ...), zero beyond a row's length.
    """

    def gates(self, *inputs: Any, **named: Any) -> list[dict[str, Tensor]]: ...


def gated_layers(model: nn.Module) -> list[str]:
    """The names of the layers of ``model`` that can tell their gates; "" is the model itself."""
    # asked of the class: a module may well hold weights that are called gates
    return [name for name, module in model.named_modules() if callable(getattr(type(module), "gates", None))]


def gated_layers_run(model: nn.Module, inputs: Inputs) -> list[str]:
    """Those of `gated_layers` that run as layers over ``inputs``; a decoder that is called step by step does not.

    Raises:
        ArgumentError: there is none.
    """
    ran: list[str] = []
    with contextlib.ExitStack() as hooks, evaluating(model), torch.no_grad():
        for name in gated_layers(model):
            note = functools.partial(_note, ran, name)
            hooks.callback(model.get_submodule(name).register_forward_pre_hook(note).remove)
        run(model, inputs)
    if not ran:
        message = f"{type(model).__name__} has no recurrent layer that tells its gates over these inputs"
        raise ArgumentError(message, hint="build it with gatefield.recurrent.Recurrent", path=("model",))
    return [name for name in gated_layers(model) if name in ran]


def _note(ran: list[str], name: str, _module: nn.Module, _inputs: Any) -> None:
    ran.append(name)


def gate_traces(model: nn.Module, inputs: Inputs, layer: str | None = None) -> list[dict[str, Tensor]]:
    """The gates of a recurrent layer inside ``model`` at every step: for each cell and direction, gate -> trace.

    The model runs once, in evaluation mode; what its layer was given there is what the gates are told of.

    Args:
        model: any network with a layer that has ``gates``, or such a layer.
        inputs: a batch as the network takes it.
        layer: the layer's name; by default the first.

    Returns:
        A mapping for each direction of each level, gate -> (batch, time, units ...), zero beyond a row's length.

    Raises:
        ArgumentError: the network, or the layer, has no gates to tell, or did not run.
    """
    known = gated_layers(model)
    if not known:
        message = f"{type(model).__name__} has no recurrent layer that tells its gates"
        raise ArgumentError(message, hint="build it with gatefield.recurrent.Recurrent", path=("model",))
    name = known[0] if layer is None else layer
    if name not in known:
        raise ArgumentError(f"layer '{name}' has no gates to tell", hint=suggest(name, known), path=("layer",))
    module = model.get_submodule(name)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def note(_module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        calls.append((given, named))

    with evaluating(model), torch.no_grad():
        handle = module.register_forward_pre_hook(note, with_kwargs=True)
        try:
            run(model, inputs)
        finally:
            handle.remove()
        if not calls:
            message = f"layer '{name}' was not run as a layer"
            raise ArgumentError(message, hint="give inputs for which the network calls it", path=("layer",))
        given, named = calls[0]
        return cast(Gated, module).gates(*given, **named)


class Saturation(NamedTuple):
    """For each unit of a gate the share of steps, in [0, 1], at which it is ``shut`` and at which it is ``open``."""

    shut: Tensor
    open: Tensor


def saturation(
    gate: Tensor, lengths: Sequence[int] | Tensor | None = None, low: float = 0.1, high: float = 0.9
) -> Saturation:
    """How often each unit of a logistic gate is below ``low`` and above ``high``.

    A forget gate that is often open remembers long; a gate that is neither works as an analog one.

    Args:
        gate: (batch, time, units ...), values in [0, 1], as `gate_traces` returns them.
        lengths: steps of each row that count; by default all.
        low, high: what counts as shut and open.

    Raises:
        ArgumentError: values outside [0, 1] (a candidate is no gate), thresholds in the wrong order, or no step.

    Source: Karpathy, Johnson and Fei-Fei 2015, section 4.2 and figure 3.
    """
    if gate.dim() < 3:
        raise ArgumentError(f"a gate of shape {tuple(gate.shape)}", hint="give (batch, time, units)", path=("gate",))
    if not 0 <= low <= high <= 1:
        raise ArgumentError(f"thresholds {low} and {high}", hint="choose 0 <= low <= high <= 1", path=("low",))
    batch, time = gate.shape[:2]
    ends = torch.full((batch,), time) if lengths is None else torch.as_tensor(lengths)
    counted = gate[torch.arange(time)[None] < ends.cpu()[:, None]]
    if not len(counted):
        raise ArgumentError("there is no step to count", hint="give a sequence of at least one step", path=("gate",))
    if not ((counted >= 0) & (counted <= 1)).all():
        hint = "give an input, forget, output, reset or update gate, not a candidate"
        raise ArgumentError("the gate has values outside [0, 1]", hint=hint, path=("gate",))
    return Saturation((counted < low).double().mean(0), (counted > high).double().mean(0))
