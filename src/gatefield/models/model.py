"""The contract of a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.configurable import Configurable


@dataclass(frozen=True)
class ModelExample:
    """A small instance for the contract suite: constructor arguments, and the shape of an input without its batch."""

    arguments: dict[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class SequenceExample:
    """A small instance of a model of sequences: constructor arguments, and what gives it a batch.

    Attributes:
        arguments: of the constructor.
        make: draws a batch of several rows: the positional arguments of ``forward``, which are tensors with rows first,
            or None. A sequence (batch, time, ...) is followed by its lengths, (batch,) int64, unsorted, and nothing but
            lengths has one axis. Symbols are int64, real numbers of any dtype: the suite converts them.
        lengths: place of a sequence among the arguments -> place of its lengths, where that is not the next one.
    """

    arguments: dict[str, Any]
    make: Callable[[torch.Generator], tuple[Tensor | None, ...]]
    lengths: Mapping[int, int] = field(default_factory=dict)


class Model(Configurable, nn.Module):
    """A network that can be named in a recipe, saved in a run folder and rebuilt from its ``config()``.

    A model whose constructor has ``input_shape`` (channels, height, width) and ``classes`` gets both from the data.
    ``forward`` maps a float batch (batch, *input_shape) to what its output unit wants: logits for ``softmax`` and
    ``sigmoid``, values for ``linear``, squared distances for ``rbf``. While training it may return a tuple: these, and
    the same of auxiliary heads, whose losses the training loop adds with a weight.

    Attributes:
        output: the output unit; it implies the training objective (catalogue 109).
    """

    kind: ClassVar[str] = "model"
    package: ClassVar[str] = "gatefield.models"
    output: str = "softmax"

    @classmethod
    def examples(cls) -> list[ModelExample]:
        """Small instances that the contract suite builds and tests; by default those of `sequence_examples`."""
        sequences = cls.sequence_examples()
        if not sequences:
            raise NotImplementedError(f"{cls.__name__} has no examples")
        return [ModelExample(example.arguments) for example in sequences]

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        """Small instances, with their batches, of a model that reads sequences; the suite of such models tests them."""
        return []

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The required arguments as the paper's own data give them to a network with ``arguments``.

        What ``gatefield show`` takes where the user gives none; by default those of the first example.
        """
        required = {key for key, (_, default) in cls.signature().items() if default is inspect.Parameter.empty}
        return {key: value for key, value in cls.examples()[0].arguments.items() if key in required}

    def forward(self, x: Tensor) -> Any:
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device
