"""Networks whose answers are right or wrong by degrees under attack: forecasts, films, sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from ...functional.spread import spread_over
from ...render.robustness import harm_figure
from ..attackable import Attackable, Attacked

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Harm(NamedTuple):
    """The mean error at each strength of an attack, (points,), and under mere chance as strong."""

    strengths: Tensor
    attacked: Tensor
    chance: Tensor


@dataclass(frozen=True)
class Erring(Attackable):
    """Inputs of a network whose answers have errors.

    Attributes:
        quantity: the error that is told of each input, and its unit: "mean absolute error, degrees".
    """

    quantity: str


@dataclass(frozen=True)
class AttackedErrors(Attacked):
    """How wrong the network is about each input, before and after.

    Attributes:
        errors, errors_after: float64 (count,).
        errors_of_noise: of inputs with random changes of the same size.
        curve: the mean errors at several budgets; None where the attack has none, or a target.
    """

    inputs: Erring
    errors: Tensor
    errors_after: Tensor
    errors_of_noise: Tensor
    curve: Harm | None

    measure = "error"

    @property
    def _means(self) -> dict[str, float]:
        said = {"error": self.errors, "error_attacked": self.errors_after, "error_of_noise": self.errors_of_noise}
        return {name: float(errors.mean()) for name, errors in said.items()}

    def to_dict(self) -> dict[str, Any]:
        content = super().to_dict() | {"quantity": self.inputs.quantity} | self._means
        if self.inputs.split is None:
            content["inputs"] = [self.row(index) for index in range(len(self.errors))]
        if self.curve is not None:
            content["curve"] = [
                {self.budget: strength, "error_attacked": error, "error_of_noise": chance}
                for strength, error, chance in zip(*(each.tolist() for each in self.curve))
            ]
        return content

    def row(self, index: int) -> dict[str, Any]:
        """About one input."""
        errors = zip(self._means, (self.errors, self.errors_after, self.errors_of_noise))
        return {"input": self.inputs.names[index]} | {name: float(each[index]) for name, each in errors}

    def sentences(self) -> list[str]:
        inputs = self.inputs
        if inputs.split is None:
            rows = (self.row(index) for index in range(len(self.errors)))
            return [
                f"{row['input']}: {inputs.quantity} {row['error']:.4g} -> {row['error_attacked']:.4g}, "
                f"with {self.noise} {row['error_of_noise']:.4g}"
                for row in rows
            ]
        before, after, noise = self._means.values()
        what = f"{self.title()} on {len(self.errors)} {inputs.split} {inputs.noun}"
        return [
            f"{what}: {inputs.quantity} {before:.4g} -> {after:.4g}",
            f"with {self.noise} instead: {noise:.4g}",
        ]

    def headline(self) -> dict[str, str]:
        names = (self.inputs.quantity, "attacked", self.noise)
        return {name: f"{mean:.4g}" for name, mean in zip(names, self._means.values())}

    def shown(self, count: int) -> list[int]:
        """At most ``count`` inputs, spread from the one whose error rose most to the one whose rose least."""
        order = torch.argsort(self.errors_after - self.errors, descending=True, stable=True)
        return order[spread_over(len(order), count)].tolist()

    def change(self, index: int) -> str:
        """The errors of one input, in words."""
        row = self.row(index)
        return f"{row['error']:.4g} -> {row['error_attacked']:.4g}, with {self.noise} {row['error_of_noise']:.4g}"

    def robustness(self) -> tuple[Figure, str] | None:
        if self.curve is None:
            return None
        figure = harm_figure(*self.curve, self.axis, self.inputs.quantity)
        return figure, f"The same attack at other budgets, and {self.noise}."
