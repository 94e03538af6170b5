"""Stop at the first loss that is not finite, and say which module it came from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import DivergenceError
from .batches import Batch
from .carried import tensors_in
from .forward import Forward

_HINT = "lower the learning rate, set clip_norm, or train in float32; look at the inputs if it is the first update"


class LossSum:
    """The sum of an epoch's losses, each looked at before its update is applied.

    On the processor every loss is read. An accelerator would have to stop for that, so there the sum stays on the
    device and is read every 16th time: a sum that has met a NaN or infinity keeps it.

    Args:
        device: where the losses are.
        start: the sum so far, of a resumed epoch.
    """

    def __init__(self, device: torch.device, start: float = 0.0) -> None:
        self.every = 1 if device.type == "cpu" else 16
        self._added = 0
        self._sum: float | Tensor = start
        if device.type != "cpu":
            dtype = torch.float32 if device.type == "mps" else torch.float64
            self._sum = torch.tensor(start, dtype=dtype, device=device)

    def add(self, loss: Tensor, samples: int) -> bool:
        """Add the mean ``loss`` of ``samples`` samples; False where it is time to look and the sum is not finite."""
        self._added += 1
        if isinstance(self._sum, Tensor):
            self._sum.add_(loss, alpha=samples)
        else:
            self._sum += loss.item() * samples
        return self._added % self.every != 0 or math.isfinite(self.value)

    @property
    def value(self) -> float:
        return float(self._sum)


def require_finite(model: nn.Module, place: str) -> None:
    """Refuse a model with a parameter that is not finite. Buffers may be: a mask of -inf, for example.

    Raises:
        DivergenceError: names the first; ``place`` says where training stands.
    """
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise DivergenceError(f"the weights diverged: '{name}' is not finite {place}", hint=_HINT)


def explain(forward: Forward, batches: Iterable[Batch], place: str) -> DivergenceError:
    """The error for a loss that is not finite, after a second look at the ``batches`` it came from.

    Args:
        forward: computes the loss, from the state before the batches.
        batches: those to look at: of the update that was about to be made, for example.
        place: where training stands, for the message.
    """
    try:
        require_finite(forward.model, place)
    except DivergenceError as error:
        return error
    for batch in batches:
        if batch.share == 0:
            continue
        if not _finite(batch.inputs):
            bad = [~part.flatten(1).isfinite().all(1) for part in tensors_in(batch.inputs) if part.is_floating_point()]
            indices = batch.indices[torch.stack(bad).any(0)].tolist()
            return DivergenceError(
                f"the input is not finite {place}: samples {indices[:5]} of the data set",
                hint="clean the data, or look at the preprocessing and augmentation",
            )
        culprit, loss = _first_failure(forward, batch)
        if culprit:
            return DivergenceError(f"the output of {culprit} is not finite {place}", hint=_HINT)
        if not math.isfinite(loss):
            name = forward.objective.name
            return DivergenceError(f"the loss '{name}' is not finite {place}, though the outputs are", hint=_HINT)
    return DivergenceError(f"the loss is not finite {place}, in another process", hint=_HINT)


def _first_failure(forward: Forward, batch: Batch) -> tuple[str, float]:
    """The first module, innermost first, whose output is not finite, as words or empty; and the loss."""
    failures: list[str] = []
    handles = []
    for name, module in forward.model.named_modules():
        label = f"module '{name}' ({type(module).__name__})" if name else f"the model ({type(module).__name__})"

        def look(_module: nn.Module, _inputs: Any, output: Any, label: str = label) -> None:
            if not _finite(output):
                failures.append(label)

        handles.append(module.register_forward_hook(look))
    try:
        with torch.no_grad():
            loss, _, _ = forward(batch)
    finally:
        for handle in handles:
            handle.remove()
    return (failures[0] if failures else ""), loss.item()


def _finite(output: Any) -> bool:
    if isinstance(output, Tensor):
        return bool(output.isfinite().all())
    if isinstance(output, (list, tuple)):
        return all(_finite(part) for part in output)
    if isinstance(output, dict):
        return all(_finite(part) for part in output.values())
    return True
