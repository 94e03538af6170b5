"""How a trained network is kept in a run folder: its weights, and config.json with all that rebuilds it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from ..core.errors import RunFolderError
from ..core.run_folder import RunFolder
from ..models.model import Model
from ..training.objective import Objective
from ..training.weights import load_weights, save_weights


class TrainedNetwork(NamedTuple):
    """A network in evaluation mode, the loss that belongs to its output unit, and what else its task saved."""

    model: Model
    objective: Objective
    content: dict[str, Any]


def save_network(folder: RunFolder, task: str, model: Model, objective: Objective, content: dict[str, Any]) -> None:
    """Write weights and config.json; config.json last, so that its presence means the run is complete."""
    save_weights(model, folder.weights)
    folder.write_json(
        folder.config, {"task": task, "model": model.config(), "objective": objective.config(), **content}
    )


def restore_network(folder: RunFolder, device: torch.device, *required: str) -> TrainedNetwork:
    """What `save_network` wrote, on ``device``.

    Raises:
        RunFolderError: the run is unfinished, or config.json lacks something of what is ``required``.
        WeightsError: the weights are damaged or belong to another architecture.
    """
    content = folder.read_json(folder.config)
    for key in ("model", "objective", *required):
        if key not in content:
            raise RunFolderError(f"{folder.config} lacks '{key}'", hint="restore the file, or train again")
    model = Model.from_config(content["model"], ("model",))
    load_weights(model, folder.weights)
    objective = Objective.from_config(content["objective"], ("objective",))
    return TrainedNetwork(model.to(device).eval(), objective, content)
