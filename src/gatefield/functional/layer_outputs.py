"""The layers of any network by name: what they put out, while modes and hooks stay as they were."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, suggest

#: One batch as a network takes it: a tensor, or the several arguments of its ``forward``.
Inputs = Tensor | tuple[Any, ...]


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside the block ``model`` is in evaluation mode; afterwards every module is back in its own mode."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, training in modes:
            module.training = training


def run(model: nn.Module, inputs: Inputs) -> Any:
    """``model`` of one batch."""
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """The module called ``name`` in ``model``.

    Raises:
        ArgumentError: there is none.
    """
    modules = dict(model.named_modules())
    if not name or name not in modules:
        known = [known for known in modules if known]
        raise _error(name, "is not in this network", suggest(name, known))
    return modules[name]


def layer_outputs(model: nn.Module, inputs: Inputs, names: Sequence[str]) -> dict[str, Tensor]:
    """The outputs of the layers ``names`` for one batch, by name, in the order asked for.

    The model runs once, in the mode it is in, with gradients where they are enabled, and keeps no hook. Of a layer that
    puts out several things, as a recurrent one its output and its state, the first counts.

    Raises:
        ArgumentError: there is no such layer, it did not run, it ran twice, or it puts out no tensor.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if name in found:
            raise _error(name, "runs more than once in one pass", "choose a layer around or inside it")
        found[name] = _tensor(name, output).clone()  # a rectifier behind it may work in place

    with contextlib.ExitStack() as hooks:
        for name in dict.fromkeys(names):
            handle = find_layer(model, name).register_forward_hook(functools.partial(keep, name))
            hooks.callback(handle.remove)
        run(model, inputs)
    for name in names:
        if name not in found:
            raise _error(name, "did not run", "choose a layer that takes part in evaluation")
    return {name: found[name] for name in names}


def layer_inputs(model: nn.Module, inputs: Inputs, name: str) -> Tensor:
    """What the layer ``name`` is given first in a pass of the evaluated model, without its gradient.

    Raises:
        ArgumentError: there is no such layer, it did not run, or it was given no tensor.
    """
    found: list[Any] = []
    handle = find_layer(model, name).register_forward_pre_hook(lambda _module, given: found.append(given))
    try:
        with evaluating(model), torch.no_grad():
            run(model, inputs)
    finally:
        handle.remove()
    if not found:
        raise _error(name, "did not run", "choose a layer that takes part in evaluation")
    if not found[0] or not isinstance(found[0][0], Tensor):
        raise _error(name, "was given no tensor", "choose another layer")
    return found[0][0].detach().clone()


def leaf_outputs(model: nn.Module, inputs: Inputs) -> dict[str, Tensor]:
    """The last output of every layer that has no layer inside, by name, in the order in which they ran."""
    found: dict[str, Tensor] = {}

    def keep(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        found.pop(name, None)
        if isinstance(output, Tensor):
            found[name] = output.clone()

    with contextlib.ExitStack() as hooks:
        for name, module in model.named_modules():
            if name and not any(True for _ in module.children()):
                hooks.callback(module.register_forward_hook(functools.partial(keep, name)).remove)
        run(model, inputs)
    return found


def innermost_layers(model: nn.Module, inputs: Inputs) -> list[str]:
    """The layers that ran once, put out a tensor of real numbers, and ran no layer inside, in the order they ran.

    A recurrent layer is one of them: what its cells are made of is no layer to the eye.
    """
    recurrent = [name for name, module in model.named_modules() if getattr(module, "kind", "") == "recurrent layer"]
    runs: dict[str, int] = {}
    real: dict[str, bool] = {}

    def note(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) and output else output
        runs[name] = runs.get(name, 0) + 1
        real[name] = isinstance(first, Tensor) and first.is_floating_point()

    with contextlib.ExitStack() as hooks:
        for name, module in model.named_modules():
            if name:
                hooks.callback(module.register_forward_hook(functools.partial(note, name)).remove)
        run(model, inputs)
    around = {name[:end] for name in runs for end in range(len(name)) if name[end] == "."}
    around.difference_update(recurrent)
    inside = {name for name in runs for layer in recurrent if name.startswith(f"{layer}.")}
    return [name for name, n in runs.items() if n == 1 and real[name] and name not in around and name not in inside]


def _tensor(name: str, output: Any) -> Tensor:
    first = output[0] if isinstance(output, tuple) and output else output
    if not isinstance(first, Tensor):
        raise _error(name, f"puts out a {type(output).__name__}, not a tensor", "choose a layer inside it")
    return first


def _error(name: str, what: str, hint: str) -> ArgumentError:
    return ArgumentError(f"layer '{name}' {what}", hint=hint, path=("layer",))
