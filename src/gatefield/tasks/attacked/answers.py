"""Networks that answer with a class, under attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from ...core.errors import InputError, suggest
from ...explain.attacks.robustness import Robustness
from ...functional.spread import spread_over
from ...render.robustness import robustness_figure
from ..attackable import Attackable, Attacked

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
class Answering(Attackable):
    """Inputs of a network that answers each with a class.

    Attributes:
        classes: the names of the outputs.
        labels: the classes of the inputs, int64 (count,); None of files, whose classes nobody told.
    """

    classes: Sequence[str]
    labels: Tensor | None

    def wanted(self, target: str) -> int:
        """The number of the class ``target``."""
        if target not in self.classes:
            raise InputError(f"the network knows no class '{target}'", hint=suggest(target, self.classes))
        return list(self.classes).index(target)


@dataclass(frozen=True)
class AttackedAnswers(Attacked):
    """What the network answers to each input, before and after.

    Attributes:
        labels: the classes; of files, whose classes nobody told, the network's own answers.
        answers, answers_after: the network's, before and after.
        answers_of_noise: to inputs with random changes of the same size.
        curve: accuracy at several budgets; None where the attack has none, or a target.
    """

    inputs: Answering
    labels: Tensor
    answers: Said
    answers_after: Said
    answers_of_noise: Said
    curve: Robustness | None

    @property
    def fooled(self) -> Tensor:
        """Which answers changed, bool (count,)."""
        return self.answers.label != self.answers_after.label

    def to_dict(self) -> dict[str, Any]:
        content = super().to_dict()
        if self.inputs.split is None:
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

    def sentences(self) -> list[str]:
        inputs = self.inputs
        if inputs.split is None:
            rows = (self.row(index) for index in range(len(self.labels)))
            return [
                f"{row['input']}: {row['label']} ({row['probability']:.1%}) -> "
                f"{row['attacked']} ({row['attacked_probability']:.1%})"
                for row in rows
            ]
        before, after = self.accuracy(self.answers), self.accuracy(self.answers_after)
        return [
            f"{self.title()} on {len(self.labels)} {inputs.split} {inputs.noun}: accuracy {before:.2%} -> {after:.2%}",
            f"with {self.noise} instead: {self.accuracy(self.answers_of_noise):.2%}",
        ]

    def headline(self) -> dict[str, str]:
        if self.inputs.split is None:
            return {"answers changed": f"{share(self.fooled):.1%}"}
        said = {"accuracy": self.answers, "attacked": self.answers_after, self.noise: self.answers_of_noise}
        return {name: f"{self.accuracy(each):.2%}" for name, each in said.items()}

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

    def robustness(self) -> tuple[Figure, str] | None:
        if self.curve is None:
            return None
        figure = robustness_figure(*self.curve, self.axis)
        return figure, "The same attack at other budgets."


def share(which: Tensor) -> float:
    """The share that is true; NaN of nothing."""
    return float(which.double().mean()) if len(which) else float("nan")


def _probability(key: str) -> str:
    return "probability" if key == "label" else f"{key}_probability"
