"""What a task offers to attacks, and what becomes of it.

A task takes part by one method, ``attackable(files, count)``, that returns an `Attackable`; `attacking` knows no task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from ..core.configurable import Configurable
from ..core.console import Console
from ..explain.attacks.robustness import Robustness
from ..functional.spread import spread_over
from ..render.page import Page
from ..render.robustness import robustness_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Said(NamedTuple):
    """What the network answers to each of several inputs: class (count,), and the probability that it gives to it."""

    label: Tensor
    probability: Tensor

    @classmethod
    def of(cls, probabilities: Tensor) -> Said:
        """The likeliest classes by ``probabilities`` (count, classes), on the CPU."""
        likeliest = probabilities.cpu().max(-1)
        return cls(likeliest.indices, likeliest.values)


@dataclass(frozen=True)
class Attackable:
    """Inputs of a trained network that can be attacked; those of each kind say how.

    Attributes:
        classes: the names of the outputs.
        split: the part of the data, or None of files.
        names: of the inputs.
        labels: their classes, int64 (count,); None of files, whose classes nobody told.
        options: arguments that suit these inputs better than an attack's own, where it has them.

    Class attributes:
        attacks: the base class of the attacks on inputs of this kind.
        method: the attack where nobody names one.
        noun: what the inputs are called.
        unit: what a budget is counted in.
        note: what a reader should know of the unit.
    """

    classes: Sequence[str]
    split: str | None
    names: Sequence[str]
    labels: Tensor | None
    options: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    attacks: ClassVar[type[Configurable]]
    method: ClassVar[str]
    noun: ClassVar[str]
    unit: ClassVar[str]
    note: ClassVar[str]

    def attacked(self, attack: Any, target: int | None, seed: int, console: Console) -> Attacked:
        """What ``attack`` does to all of them.

        Args:
            attack: one of `attacks`.
            target: the class that the network shall answer.
            seed: of mere chance, which is done to them as well.
            console: shows progress.

        Raises:
            ArgumentError: the attack cannot be told a target.
            InputError: the network cannot be attacked.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Attacked:
    """What became of each input; for each kind of inputs there is more to tell and to show.

    Attributes:
        inputs: what was attacked.
        method: the attack, with its arguments.
        labels: the classes; of files, whose classes nobody told, the network's own answers.
        answers, answers_after: the network's, before and after.
        answers_of_noise: to inputs with random changes of the same size.
        curve: accuracy at several budgets; None where the attack has none, or a target.

    Class attributes:
        budget: what the budget is called.
        noise: what the random changes are called.
    """

    inputs: Attackable
    method: dict[str, Any]
    labels: Tensor
    answers: Said
    answers_after: Said
    answers_of_noise: Said
    curve: Robustness | None

    budget: ClassVar[str] = "epsilon"
    noise: ClassVar[str] = "random noise as long"

    @property
    def fooled(self) -> Tensor:
        """Which answers changed, bool (count,)."""
        return self.answers.label != self.answers_after.label

    def title(self) -> str:
        """The attack and its budget."""
        epsilon = self.method.get("epsilon")
        return self.method["name"] if epsilon is None else f"{self.method['name']}, epsilon {epsilon:g},"

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        split = self.inputs.split
        content: dict[str, Any] = {"attack": self.method, "split": split, "count": len(self.labels)}
        if split is None:
            content["inputs"] = [self.row(index) for index in range(len(self.labels))]
        else:
            content["accuracy"] = self.accuracy(self.answers)
            content["accuracy_attacked"] = self.accuracy(self.answers_after)
            content["accuracy_of_noise"] = self.accuracy(self.answers_of_noise)
        content["changed_answers"] = share(self.fooled)
        if self.curve is not None:
            points = zip(self.curve.strengths.tolist(), self.curve.accuracy.tolist())
            content["curve"] = [{self.budget: strength, "accuracy": accuracy} for strength, accuracy in points]
        return content

    def row(self, index: int) -> dict[str, Any]:
        """About one input."""
        said = {"label": self.answers, "attacked": self.answers_after, "noise": self.answers_of_noise}
        row: dict[str, Any] = {"input": self.inputs.names[index]}
        for key, (label, probability) in said.items():
            row |= {key: self.inputs.classes[int(label[index])], _probability(key): float(probability[index])}
        return row

    def accuracy(self, said: Said) -> float:
        """The share of right answers."""
        return share(said.label == self.labels)

    def answer(self, said: Said, index: int) -> str:
        """What the network answers to one input, in words."""
        return f"{self.inputs.classes[int(said.label[index])]}, {float(said.probability[index]):.0%}"

    def shown(self, count: int) -> list[int]:
        """At most ``count`` inputs spread over those whose answer changed; where none did, over all."""
        fooled = self.fooled.nonzero().flatten()
        among = fooled if len(fooled) else torch.arange(len(self.labels))
        return among[spread_over(len(among), count)].tolist()

    def facts(self) -> dict[str, str]:
        """Figures on how large the changes are, and what else these inputs tell: what it is -> value."""
        return {}

    def robustness(self) -> tuple[Figure, str]:
        """The curve over the budget, and its caption."""
        assert self.curve is not None
        figure = robustness_figure(*self.curve, f"{self.budget}, {self.inputs.unit}")
        return figure, "The same attack at other budgets."

    def illustrate(self, page: Page) -> None:
        """Show inputs before and after, and what else there is, on ``page``."""


def share(which: Tensor) -> float:
    """The share that is true; NaN of nothing."""
    return float(which.double().mean()) if len(which) else float("nan")


def _probability(key: str) -> str:
    return "probability" if key == "label" else f"{key}_probability"
