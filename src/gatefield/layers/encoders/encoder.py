"""The contract of an encoder: one sequence in, one sequence out, whatever is between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from ...core.configurable import Configurable
from ...core.errors import ArgumentError, InputError

Lengths = Sequence[int] | Tensor


@dataclass(frozen=True)
class EncoderExample:
    """A small instance for the contract suite: constructor arguments, ``features`` among them."""

    arguments: dict[str, Any] = field(default_factory=dict)


class Encoder(Configurable, nn.Module):
    """What reads a sequence: recurrent, convolutional or attending. A model of sequences takes any of them.

        output, state = encoder(x, lengths, state)

    x is (batch, time, features), the output (batch, time, width). A row's result is that of the row alone, whatever
    lies beyond its length. The state holds tensors whose first axis is the rows, in tuples and lists; given back, the
    encoder goes on where it stopped.

    Attributes:
        features: numbers a step of x.
        width: numbers a step of the output.
        causal: the output of a step depends on that step and those before it; only then is there a `step`.
    """

    kind: ClassVar[str] = "encoder"
    package: ClassVar[str] = "gatefield.layers.encoders"
    features: int
    width: int
    causal: bool

    @classmethod
    def examples(cls) -> list[EncoderExample]:
        """Small instances that the contract suite builds and tests."""
        raise NotImplementedError(f"{cls.__name__} has no examples")

    def forward(self, x: Tensor, lengths: Lengths | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """Run over a batch of sequences.

        Args:
            x: (batch, time, features).
            lengths: steps of each row, in any order, 0 allowed; None: all.
            state: what went before, as a former call returned it; None: nothing did.

        Returns:
            The output, zero beyond a row's length, and the state after each row's last step; None where an encoder
            that is not causal has none.

        Raises:
            InputError: shapes or lengths that do not fit.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step (batch, features) of every row: what `forward` does with one step of time.

        Raises:
            ArgumentError: an encoder that is not causal.
            InputError: wrong shapes.
        """
        self.check_steps()
        self.check(x, 2)
        output, state = self(x[:, None], None, state)
        return output[:, 0], state

    def summary(self, output: Tensor, ends: Tensor) -> Tensor:
        """What the encoder knows of each row when it has read it: (batch, width), zero for a row of no steps.

        Args:
            output: what `forward` returned.
            ends: int64 (batch,), the steps of each row.
        """
        return at(output, ends - 1)

    def check_steps(self) -> None:
        """Raise unless this encoder can run step by step.

        Raises:
            ArgumentError: it is not causal.
        """
        if not self.causal:
            message = f"this {self.name} encoder cannot run step by step: it looks ahead"
            raise ArgumentError(message, hint="build one that reads forward only", path=("encoder",))

    def check(self, x: Tensor, axes: int) -> None:
        """Raise unless ``x`` has as many axes, the last one of features."""
        check_features(x, axes, self.features)


def check_features(x: Tensor, axes: int, features: int) -> None:
    """Raise unless ``x`` has as many axes, 3 for a sequence and 2 for a step of it, the last one of ``features``.

    Raises:
        InputError: wrong shape.
    """
    if x.dim() != axes or x.shape[-1] != features:
        wanted = "(batch, time, features)" if axes == 3 else "(batch, features)"
        message = f"x has shape {tuple(x.shape)}"
        raise InputError(message, hint=f"give {wanted} with {features} features")


def at(output: Tensor, steps: Tensor) -> Tensor:
    """The step ``steps[n]`` of each row n of ``output`` (batch, time, width): (batch, width), zero where it is < 0."""
    if output.shape[1] == 0:
        return output.new_zeros(len(output), output.shape[2])
    places = steps.clamp(min=0)[:, None, None].expand(-1, 1, output.shape[2])
    return output.gather(1, places)[:, 0].masked_fill((steps < 0)[:, None], 0)


def map_state(function: Callable[[Tensor], Tensor], state: Any) -> Any:
    """``function`` of every tensor of an encoder's state; tuples, named ones too, and lists stay what they are."""
    if isinstance(state, Tensor):
        return function(state)
    if isinstance(state, (tuple, list)):
        parts = [map_state(function, part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    return state
