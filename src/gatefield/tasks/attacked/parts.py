"""Inputs of real numbers for attacks: the tensors that hold them, and what attacks and mere chance make of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...core.console import Console
from ...core.seeding import derive
from ...explain.attacks.attack import Attack
from ...explain.attacks.victim import Victim

ROWS = 64  # attacked at once


class Part(NamedTuple):
    """Inputs that one tensor holds.

    Attributes:
        indices: int64 (rows,), which inputs they are.
        victim: the network over these rows.
        raw: (rows, ...).
    """

    indices: Tensor
    victim: Victim
    raw: Tensor

    def attacked(self, attack: Attack, wanted: Tensor, target: int | Tensor | None) -> Tensor:
        """What ``attack`` makes of all rows, float32, told what is ``wanted`` of each, (rows,), and the ``target``."""
        found = [self.raw[:0].float()]
        for rows in torch.arange(len(self.raw)).split(ROWS):
            told = target[rows] if isinstance(target, Tensor) else target
            found.append(attack(self.victim.rows(rows), self.raw[rows], wanted[rows], told))
        return torch.cat(found)


def attacked(
    parts: Sequence[Part],
    attack: Attack,
    wanted: Sequence[Tensor],
    target: int | Sequence[Tensor] | None,
    console: Console,
) -> list[Tensor]:
    """What ``attack`` makes of each part, with progress."""
    changed = []
    with console.progress("attack", sum(len(part.raw) for part in parts), "input") as progress:
        for number, part in enumerate(parts):
            told = target if target is None or isinstance(target, int) else target[number]
            changed.append(part.attacked(attack, wanted[number], told))
            progress.advance(len(part.raw))
    return changed


def noisy(parts: Sequence[Part], attack: Attack, changed: Sequence[Tensor], seed: int) -> list[Tensor]:
    """Each part with random changes of the size, row by row, of those of ``changed``, as ``attack`` measures it."""
    return [
        attack.chance(part.victim, new, part.raw, derive(seed, number))
        for number, (part, new) in enumerate(zip(parts, changed))
    ]


def each(parts: Sequence[Part], values: Sequence[Tensor]) -> list[Tensor]:
    """Every input of ``values``, which are of the shapes of the parts, by itself, in their order, on the CPU."""
    placed = {
        int(index): part.victim.row(given, row).cpu()
        for part, given in zip(parts, values)
        for row, index in enumerate(part.indices)
    }
    return [placed[index] for index in range(len(placed))]


def strengths(attack: Attack, options: Mapping[str, Any]) -> list[float]:
    """The budgets at which a network is measured: of none, of some less and one more than the attack's.

    Where the attack has a budget of nothing, that of ``options`` stands for it, or the usual one.
    """
    _, usual = attack.signature()[attack.budget]
    most = attack.arguments[attack.budget] or options.get(attack.budget, usual)
    points = [0, most / 4, most / 2, most, 2 * most]
    return sorted({round(point) for point in points}) if isinstance(usual, int) else points
