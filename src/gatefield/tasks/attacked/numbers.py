"""Inputs of real numbers whose answers are classes under attack: what pictures and sounds have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...core.console import Console
from ...explain.attacks.attack import Attack
from ...explain.attacks.robustness import Robustness, robustness_curve
from . import parts as attacked_parts
from .answers import Answering, AttackedAnswers, Said
from .parts import ROWS, Part


@dataclass(frozen=True)
class Numbers(Answering):
    """Inputs of real numbers, in one part or several; each input is in one of them.

    Class attributes:
        result: what becomes of such inputs.
        precision: what changes are rounded to where inputs are written to a file.
    """

    parts: Sequence[Part]

    attacks = Attack
    method = "fgsm"
    result: ClassVar[type[AttackedNumbers]]
    precision: ClassVar[str]

    def rounded(self, changed: Tensor, raw: Tensor) -> Tensor | None:
        """``changed`` as a file can hold it, each change rounded towards none; None of inputs that no file holds."""
        return None

    def attacked(self, attack: Attack, target: int | None, seed: int, console: Console) -> AttackedNumbers:
        parts = self.parts
        answers = self._said([part.raw for part in parts])
        labels = answers.label if self.labels is None else self.labels
        own = [labels[part.indices].to(part.raw.device) for part in parts]
        changed = attacked_parts.attacked(parts, attack, own, target, console)
        noisy = attacked_parts.noisy(parts, attack, changed, seed)
        rounded = [self.rounded(new, part.raw) for part, new in zip(parts, changed)]
        return self.result(
            inputs=self,
            method=attack.config(),
            labels=labels,
            answers=answers,
            answers_after=self._said(changed),
            answers_of_noise=self._said(noisy),
            curve=self._curve(own, attack) if attack.budget and target is None else None,
            raw=attacked_parts.each(parts, [part.raw for part in parts]),
            changed=attacked_parts.each(parts, changed),
            noisy=attacked_parts.each(parts, noisy),
            answers_rounded=self._said([each for each in rounded if each is not None]) if None not in rounded else None,
            **self.more(labels),
        )

    def more(self, labels: Tensor) -> dict[str, Any]:
        """What else the result of this kind holds."""
        return {}

    def _said(self, values: Sequence[Tensor]) -> Said:
        """The network's answers to all inputs, in their order; ``values`` are of the shapes of the parts."""
        probabilities = torch.zeros(sum(map(len, values)), len(self.classes))
        for part, given in zip(self.parts, values):
            for rows in torch.arange(len(given)).split(ROWS):
                found = part.victim.rows(rows).probabilities(given[rows].float())
                probabilities[part.indices[rows]] = found.float().cpu()
        return Said.of(probabilities)

    def _curve(self, labels: Sequence[Tensor], attack: Attack) -> Robustness:
        strengths = attacked_parts.strengths(attack, self.options)
        accuracy, count = torch.zeros(len(strengths), dtype=torch.float64), sum(map(len, labels))
        for part, own in zip(self.parts, labels):
            curve = robustness_curve(part.victim, part.raw, own, attack, strengths)
            accuracy += curve.accuracy * len(own) / count
        return Robustness(torch.tensor(strengths, dtype=torch.float64), accuracy)


@dataclass(frozen=True)
class AttackedNumbers(AttackedAnswers):
    """What became of each input of real numbers.

    Attributes:
        raw: the inputs.
        changed: the attacked inputs, float32.
        noisy: the inputs with random changes as long as the attack's.
        answers_rounded: the network's after changes are rounded to what a file holds; None of inputs that no file does.
    """

    inputs: Numbers
    raw: Sequence[Tensor]
    changed: Sequence[Tensor]
    noisy: Sequence[Tensor]
    answers_rounded: Said | None

    @property
    def added(self) -> list[Tensor]:
        """What the attack added to each input, float32."""
        return [changed - raw.float() for changed, raw in zip(self.changed, self.raw)]

    @property
    def mean_l2(self) -> float | None:
        """The mean length of what changed an answer, in raw units; None where no answer changed."""
        lengths = [float(r.norm()) for r, fooled in zip(self.added, self.fooled.tolist()) if fooled]
        return sum(lengths) / len(lengths) if lengths else None

    def to_dict(self) -> dict[str, Any]:
        content = super().to_dict()
        if self.answers_rounded is not None and self.inputs.split is not None:
            content["accuracy_rounded"] = self.accuracy(self.answers_rounded)
        largest = max((float(r.abs().max()) for r in self.added), default=None)
        return content | {"mean_l2": self.mean_l2, "largest_change": largest}

    def facts(self) -> dict[str, str]:
        facts = {}
        if self.answers_rounded is not None and self.inputs.split is not None:
            facts[f"in {self.inputs.precision}"] = f"{self.accuracy(self.answers_rounded):.2%}"
        if self.mean_l2 is not None:
            facts[f"mean l2 length of what changed an answer, {self.inputs.unit}"] = f"{self.mean_l2:.3g}"
        return facts
