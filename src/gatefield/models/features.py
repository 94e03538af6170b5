"""What any layer of a network puts out: the codes of its inputs."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ..core.errors import ArgumentError, suggest


def features(model: nn.Module, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """The outputs of ``layers`` of ``model`` for the batch ``x``, by name, in the order asked for.

    The model runs once, in the mode it is in, with gradients where they are enabled, and keeps no hook.

    Args:
        model: any network.
        x: a batch as the network takes it.
        layers: names as `summarize` lists them: ``features.c3``, or ``stages.stage2`` for a group of layers.

    Raises:
        ArgumentError: there is no such layer, it did not run, it ran twice, or it puts out no single tensor.
    """
    modules = dict(model.named_modules())
    found: dict[str, Tensor] = {}

    def keep(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if name in found:
            raise _error(name, "runs more than once in one pass", "choose a layer around or inside it")
        if not isinstance(output, Tensor):
            raise _error(name, f"puts out a {type(output).__name__}, not a tensor", "choose a layer inside it")
        found[name] = output

    with contextlib.ExitStack() as hooks:
        for name in dict.fromkeys(layers):
            if not name or name not in modules:
                known = [known for known in modules if known]
                raise _error(name, "is not in this network", suggest(name, known))
            hook = modules[name].register_forward_hook(functools.partial(keep, name))
            hooks.callback(hook.remove)
        model(x)
    for name in layers:
        if name not in found:
            raise _error(name, "did not run", "an auxiliary head runs in training only: call model.train() first")
    return {name: found[name] for name in layers}


def _error(name: str, what: str, hint: str) -> ArgumentError:
    return ArgumentError(f"layer '{name}' {what}", hint=hint, path=("layers",))
