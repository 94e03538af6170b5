"""A trained classifier: network, preparation of its inputs, names of its classes; and how it is kept in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.console import Console
from ..core.run_folder import RunFolder
from ..data.preparation import Preparation
from ..data.reader import LabelledImages
from ..models.model import Model
from ..training.objective import Objective
from .network import restore_network, save_network

BATCH = 256


class TrainedClassifier:
    """Maps raw inputs to class probabilities.

    Attributes:
        model: the network, in eval mode.
        preparation: what turns raw inputs into the network's.
        classes: the names of the outputs.
        objective: the loss that belongs to the network's output unit; it also says what a probability is.
    """

    def __init__(
        self, model: Model, preparation: Preparation, classes: Sequence[str], objective: Objective, device: torch.device
    ) -> None:
        self.model, self.preparation, self.classes, self.objective = model.eval(), preparation, list(classes), objective
        self.device = device

    @torch.inference_mode()
    def outputs(self, raw: Tensor) -> Tensor:
        """The network's outputs, float32 (batch, classes) on the CPU, for raw inputs (batch, *shape)."""
        return self.model(self.preparation(raw, device=self.device)).float().cpu()

    def outputs_of(self, images: LabelledImages, console: Console) -> Tensor:
        """The network's outputs for a whole data set, (count, classes)."""
        indices = torch.arange(len(images)).split(BATCH)
        with console.progress("evaluate", len(images), "image") as progress:
            parts = [torch.empty(0, len(self.classes))]
            for part in indices:
                parts.append(self.outputs(images.batch(part)))
                progress.advance(len(part))
        return torch.cat(parts)

    def answers(self, named: Iterator[tuple[str, Tensor]], top: int) -> Iterator[dict[str, Any]]:
        """For each (name, raw input): the likeliest class, its probability, and the ``top`` likeliest."""
        for name, raw in named:
            probabilities = self.objective.probabilities(self.outputs(raw[None]))[0]
            values, places = probabilities.topk(min(top, len(self.classes)))
            ranked = [
                {"label": self.classes[place], "probability": value}
                for value, place in zip(values.tolist(), places.tolist())
            ]
            yield {"input": name, **ranked[0], "top": ranked}

    def save(self, folder: RunFolder, task: str) -> None:
        """Write everything that `restore` needs into ``folder``."""
        content = {"preparation": self.preparation.config(), "classes": self.classes}
        save_network(folder, task, self.model, self.objective, content)

    @classmethod
    def restore(cls, folder: RunFolder, device: torch.device) -> TrainedClassifier:
        """What `save` wrote.

        Raises:
            RunFolderError: the run is unfinished, or config.json lacks something.
            WeightsError: the weights are damaged or belong to another architecture.
        """
        model, objective, content = restore_network(folder, device, "preparation", "classes")
        preparation = Preparation.from_config(content["preparation"], ("preparation",))
        return cls(model, preparation, content["classes"], objective, device)
