"""What a recipe lets training note after every epoch: gradients by layer and by time lag, and the weights."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.run_folder import RunFolder
from ..explain.gradient_flow import equal_pieces, gradient_by_layer, state_gradient_by_lag
from ..functional.layer_outputs import evaluating, run
from ..recurrent import Recurrent
from ..training.batches import Batch, Batches
from ..training.forward import Forward
from ..training.objective import Objective
from ..training.recorders import Measured, Recorder, WeightsLog
from ..training.settings import Training
from .task import Session

#: The folder in a run folder that has the weights of every epoch, where they are recorded.
TRAJECTORY = "trajectory"
#: Where gradients stand in the records of metrics.jsonl.
BY_LAYER, BY_LAG = "gradient_by_layer", "gradient_by_lag"
LAGS, ROWS = 60, 16  # steps back, and sequences that gradients by lag are measured on


def recorders_of(
    model: nn.Module,
    objective: Objective,
    training: Training,
    batches: Batches,
    session: Session,
    folder: RunFolder,
) -> list[Recorder]:
    """The recorders that ``training.record`` asks for, to stand before those that write records down.

    Gradients are those of the first mini-batch of the first epoch, in evaluation mode: the same data after every epoch,
    so that epochs compare, and nothing that depends on what was interrupted. Each costs a pass and its gradient an
    epoch; the trajectory costs the weights on disk, once for each epoch.

    Raises:
        InputError: gradients by lag of a network without a recurrent layer that reads from the past alone.
    """
    if not session.processes.leads:
        return []
    forward = Forward(model, objective, session.device)
    made: dict[str, Recorder] = {}
    if "gradient-by-layer" in training.record:
        made["gradient-by-layer"] = Measured(BY_LAYER, functools.partial(_by_layer, forward, batches))
    if "gradient-by-lag" in training.record:
        model.to(session.device)  # where it is trained: what can be refused is refused before
        _by_lag(forward, batches)
        made["gradient-by-lag"] = Measured(BY_LAG, functools.partial(_by_lag, forward, batches))
    if "trajectory" in training.record:
        made["trajectory"] = WeightsLog(model, folder.path / TRAJECTORY)
    return [made[name] for name in training.record]


def _by_layer(forward: Forward, batches: Batches) -> dict[str, float]:
    batch = _probe(batches)
    with evaluating(forward.model):
        return gradient_by_layer(forward.model, lambda _model: forward(batch)[0])


def _by_lag(forward: Forward, batches: Batches) -> dict[str, list[float]]:
    """Recurrent layer -> |d L / d s_{T-lag}| from lag 0 on, in the median of some sequences."""
    inputs = forward.place(_probe(batches).inputs)
    found = {}
    for name, layer in forward.model.named_modules():
        if isinstance(layer, Recurrent) and not layer.bidirectional:
            sequences = _sequences_of(forward.model, layer, inputs)
            if any(map(torch.Tensor.numel, sequences)):  # else it is called step by step, as some decoders are
                norms = state_gradient_by_lag(layer, equal_pieces(sequences, LAGS, ROWS)).norm
                found[name] = norms.quantile(0.5, dim=1).tolist()
    if not found:
        message = "no recurrent layer of this network reads from the past alone"
        raise InputError(message, hint="leave gradient-by-lag out of training.record")
    return found


def _sequences_of(model: nn.Module, layer: Recurrent, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """The sequences (1, time, features) that ``layer`` is given in a pass of ``model``, each as long as it is told."""
    sequences: list[Tensor] = []

    def note(_module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        told = inspect.signature(layer.forward).bind(*given, **named).arguments
        x, lengths = told["x"].detach(), told.get("lengths")
        ends = [x.shape[1]] * len(x) if lengths is None else torch.as_tensor(lengths).tolist()
        sequences.extend(x[row : row + 1, :end] for row, end in enumerate(ends))

    handle = layer.register_forward_pre_hook(note, with_kwargs=True)
    try:
        with evaluating(model), torch.no_grad():
            run(model, inputs)
    finally:
        handle.remove()
    return sequences


def _probe(batches: Batches) -> Batch:
    return next(iter(batches.epoch(0)))
