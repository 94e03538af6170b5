"""What is dissected: a trained network, and some of its data to look at it with."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from ..core.console import Console
from ..data.reader import LabelledImages
from ..functional.layer_outputs import Inputs
from .classifier import BATCH, TrainedClassifier


class Specimen(Protocol):
    """What sections on any network need.

    Attributes:
        layer: the layer to look at, or None for each section's own choice.
        seed: of everything random.
        console: shows progress.
        answered: whether the right answers are known, so that there is a loss.
    """

    layer: str | None
    seed: int
    console: Console

    @property
    def answered(self) -> bool: ...

    @property
    def model(self) -> nn.Module:
        """The network, in evaluation mode."""
        ...

    @property
    def batches(self) -> Sequence[Inputs]:
        """All inputs, in batches as the network takes them."""
        ...

    @property
    def one(self) -> Inputs:
        """A batch of one input."""
        ...

    def loss(self, model: nn.Module, count: int) -> Tensor:
        """The mean loss of ``model`` on the first ``count`` inputs.

        Raises:
            InputError: nobody knows the right answers.
        """
        ...


@dataclass
class PictureSpecimen:
    """A trained classifier and some pictures of a part of its data; for the rest see `Specimen`.

    Attributes:
        trained: the classifier.
        images: the pictures.
    """

    trained: TrainedClassifier
    images: LabelledImages
    layer: str | None
    seed: int
    console: Console

    @property
    def answered(self) -> bool:
        return True

    @property
    def model(self) -> nn.Module:
        return self.trained.model

    @functools.cached_property
    def raw(self) -> Tensor:
        """The images as they are in the data, (count, *shape)."""
        return self.images.batch(torch.arange(len(self.images)))

    @functools.cached_property
    def inputs(self) -> Tensor:
        """What the network reads, float32 (count, *shape)."""
        return self.trained.preparation(self.raw, self.trained.device)

    @property
    def batches(self) -> Sequence[Tensor]:
        return self.inputs.split(BATCH)

    @property
    def one(self) -> Tensor:
        return self.inputs[:1]

    @property
    def pictures(self) -> Tensor | None:
        """uint8 (count, channels, height, width) of 1 or 3 channels, or None where the data are no pictures."""
        raw = self.raw
        return raw if raw.dtype == torch.uint8 and raw.dim() == 4 and raw.shape[1] in (1, 3) else None

    def as_pictures(self, inputs: Tensor) -> Tensor:
        """``inputs`` of the network (count, channels, height, width) as uint8 pictures: the preparation undone."""
        mean, std = (torch.tensor(numbers)[:, None, None] for numbers in self._moments)
        return (inputs.cpu() * std + mean).round().clamp(0, 255).to(torch.uint8)

    @property
    def bounds(self) -> tuple[Tensor, Tensor]:
        """What the network reads where a picture is black, and where it is white; (channels, 1, 1) each."""
        mean, std = (torch.tensor(numbers)[:, None, None] for numbers in self._moments)
        return -mean / std, (255 - mean) / std

    @property
    def _moments(self) -> tuple[list[float], list[float]]:
        return self.trained.preparation.mean, self.trained.preparation.std

    def scores(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """The network's outputs; where it has auxiliary heads, those of its main one."""
        outputs = model(inputs)
        return outputs[0] if isinstance(outputs, tuple) else outputs

    def loss(self, model: nn.Module, count: int) -> Tensor:
        targets = self.images.labels[:count].to(self.trained.device)
        return self.trained.objective.loss(self.scores(model, self.inputs[:count]), targets)

    def error(self, model: nn.Module, count: int) -> float:
        """The share of wrong answers to the first ``count`` pictures."""
        parts = [self.scores(model, inputs) for inputs in self.inputs[:count].split(BATCH)]
        answers = self.trained.objective.probabilities(torch.cat(parts)).argmax(1)
        return float((answers.cpu() != self.images.labels[: len(answers)]).double().mean())
