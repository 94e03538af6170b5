"""Inputs of real numbers whose answers have errors under attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from ...core.configurable import Configurable
from ...core.console import Console
from ...explain.attacks.answer_victim import AnswerVictim
from ...explain.attacks.attack import Attack
from ...explain.attacks.loss_victim import LossVictim
from . import parts as attacked_parts
from .errors import AttackedErrors, Erring, Harm
from .parts import ROWS, Part


@dataclass(frozen=True)
class Values(Erring):
    """Inputs of real numbers, in one part or several; each input is in one of them.

    The victims are told the numbers of rows within their part.

    Class attributes:
        result: what becomes of such inputs.
    """

    parts: Sequence[Part]

    attacks = Attack
    method = "fgsm"
    result: ClassVar[type[AttackedValues]]

    def able(self) -> list[type[Configurable]]:
        return [each for each in super().able() if issubclass(each, Attack) and each.by_loss]

    def errors(self, part: Part, raw: Tensor, rows: Tensor) -> Tensor:
        """The errors (rows,) of what the network answers to ``raw`` in place of the ``rows`` of ``part``.

        Here the loss that attacks raise.
        """
        victim = part.victim.rows(rows)
        assert isinstance(victim, LossVictim)
        return victim.losses(raw, rows)

    def towards(self, target: Any) -> Self:
        """The same inputs, with errors against ``target`` in place of what is right."""
        raise NotImplementedError

    def noisy(self, attack: Attack, changed: Sequence[Tensor], seed: int) -> list[Tensor]:
        """Each part with random changes of the size of those of ``changed``, which ``attack`` made."""
        return attacked_parts.noisy(self.parts, attack, changed, seed)

    def attacked(self, attack: Attack, target: Any, seed: int, console: Console) -> AttackedValues:
        told = self if target is None else self.towards(target)
        parts = told.parts
        numbers = [torch.arange(len(part.raw), device=part.raw.device) for part in parts]
        changed = attacked_parts.attacked(parts, attack, numbers, None if target is None else numbers, console)
        noisy = told.noisy(attack, changed, seed)
        raw = [part.raw for part in parts]
        return told.result(
            inputs=told,
            method=attack.config(),
            errors=told.measured(raw),
            errors_after=told.measured(changed),
            errors_of_noise=told.measured(noisy),
            curve=told._curve(attack, numbers, seed) if attack.budget and target is None else None,
            raw=attacked_parts.each(parts, raw),
            changed=attacked_parts.each(parts, changed),
            noisy=attacked_parts.each(parts, noisy),
            **told.more(raw, changed, noisy),
        )

    def more(self, raw: Sequence[Tensor], changed: Sequence[Tensor], noisy: Sequence[Tensor]) -> dict[str, Any]:
        """What else the result of this kind holds: what the network answers to each, for example."""
        return {}

    def measured(self, values: Sequence[Tensor]) -> Tensor:
        """The errors of all inputs, float64 in their order; ``values`` are of the shapes of the parts."""
        errors = torch.zeros(len(self.names), dtype=torch.float64)
        for part, given in zip(self.parts, values):
            for rows in torch.arange(len(given)).split(ROWS):
                errors[part.indices[rows]] = self.errors(part, given[rows].float(), rows).double().cpu()
        return errors

    def answers(self, values: Sequence[Tensor]) -> list[Tensor]:
        """What the network answers to each of ``values``, which are of the shapes of the parts; on the CPU, in order.

        Of parts whose victims are an `AnswerVictim`.
        """
        found = []
        for part, given in zip(self.parts, values):
            victim = part.victim
            assert isinstance(victim, AnswerVictim)
            numbers = torch.arange(len(given), device=given.device)
            found.append(torch.cat([victim.answers(given[rows].float(), rows) for rows in numbers.split(ROWS)]))
        return attacked_parts.each(self.parts, found)

    def _curve(self, attack: Attack, numbers: Sequence[Tensor], seed: int) -> Harm:
        strengths = attacked_parts.strengths(attack, self.options)
        means = []
        for budget in strengths:
            stronger = attack.with_budget(budget)
            changed = [part.attacked(stronger, own, None) for part, own in zip(self.parts, numbers)]
            noisy = self.noisy(stronger, changed, seed)
            means.append([float(self.measured(changed).mean()), float(self.measured(noisy).mean())])
        return Harm(torch.tensor(strengths, dtype=torch.float64), *torch.tensor(means, dtype=torch.float64).unbind(1))


@dataclass(frozen=True)
class AttackedValues(AttackedErrors):
    """What became of each input of real numbers.

    Attributes:
        raw: the inputs.
        changed: the attacked inputs, float32.
        noisy: the inputs with random changes as long as the attack's.
    """

    inputs: Values
    raw: Sequence[Tensor]
    changed: Sequence[Tensor]
    noisy: Sequence[Tensor]

    @property
    def added(self) -> list[Tensor]:
        """What the attack added to each input, float32."""
        return [changed - raw.float() for changed, raw in zip(self.changed, self.raw)]

    def to_dict(self) -> dict[str, Any]:
        largest = max((float(r.abs().max()) for r in self.added if r.numel()), default=None)
        return super().to_dict() | {"largest_change": largest}
