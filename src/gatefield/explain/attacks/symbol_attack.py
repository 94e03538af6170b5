"""The contract of an attack on symbols, and mere chance to compare it with."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ...core.configurable import Configurable
from ...core.errors import ArgumentError
from ...core.seeding import generator
from .symbol_victim import SymbolVictim


class Replacements(NamedTuple):
    """Which symbols take the place of which, in the order in which they were chosen.

    Attributes:
        positions: int64 (rows, budget), steps from 0; -1 where a row needs no further one.
        symbols: int64 (rows, budget), what is written there.
    """

    positions: Tensor
    symbols: Tensor

    @property
    def count(self) -> Tensor:
        """How many there are in each row, (rows,)."""
        return (self.positions >= 0).sum(1)

    def applied(self, symbols: Tensor, most: int | None = None) -> Tensor:
        """``symbols`` (rows, longest) with the first ``most`` replacements of each row, by default all."""
        changed = symbols.clone()
        for position, symbol in list(zip(self.positions.unbind(1), self.symbols.unbind(1)))[:most]:
            rows = (position >= 0).nonzero().flatten()
            changed[rows, position[rows]] = symbol[rows]
        return changed


class SymbolAttack(Configurable):
    """Exchanges symbols of a text, words for example, for others, so that a network's answer changes.

    What a person reads may change as well: a number of words is no bound on their meaning.

    Class attributes:
        budget: the argument that says how many it may exchange.
        random: what mere chance does to texts in its place, in words.
    """

    kind: ClassVar[str] = "attack on symbols"
    package: ClassVar[str] = "gatefield.explain.attacks"
    budget: ClassVar[str] = "replacements"
    random: ClassVar[str] = "as many random symbols"

    def __call__(
        self,
        victim: SymbolVictim,
        symbols: Tensor,
        lengths: Tensor,
        labels: Tensor,
        target: int | Tensor | None = None,
    ) -> Replacements:
        """What to replace, each step of a row at most once; nothing in rows whose answer is as it shall be already.

        Args:
            victim: the network and what belongs to it.
            symbols: int64 (rows, longest).
            lengths: int64 (rows,), steps of each row; what is behind them never changes.
            labels: the true classes (rows,), away from which the answer shall move.
            target: the class, or one for each row, that the network shall answer; None: any wrong one.

        Raises:
            ArgumentError: classes or lengths that do not fit.
            InputError: a network without true gradients.
        """
        if lengths.shape != (len(symbols),) or (len(symbols) and int(lengths.max()) > symbols.shape[1]):
            message = f"lengths {lengths.tolist()} of symbols of shape {tuple(symbols.shape)}"
            raise ArgumentError(message, hint="give one for each row, up to its end", path=("lengths",))
        labels = victim.checked(labels, symbols, lengths, "labels")
        if target is not None:
            target = victim.checked(target, symbols, lengths, "target")
        return self._replacements(victim, symbols, lengths, labels, target)

    def _replacements(
        self, victim: SymbolVictim, symbols: Tensor, lengths: Tensor, labels: Tensor, target: Tensor | None
    ) -> Replacements:
        raise NotImplementedError


def random_replacements(
    victim: SymbolVictim,
    symbols: Tensor,
    lengths: Tensor,
    like: Replacements,
    seed: int = 0,
    same_steps: bool = False,
) -> Replacements:
    """As many replacements in each row as ``like`` has, of random steps by random symbols other than those there.

    Args:
        same_steps: of the steps of ``like``, in its order, in place of random ones.
    """
    random = generator(seed, "replacements")
    positions, written = torch.full_like(like.positions, -1), torch.zeros_like(like.symbols)
    writable = victim.writable.nonzero().flatten().cpu()
    free = victim.free(symbols, lengths).cpu()
    for row, count in enumerate(like.count.tolist()):
        if same_steps:
            steps = like.positions[row][like.positions[row] >= 0].cpu()
        else:
            steps = free[row].nonzero().flatten()
            steps = steps[torch.randperm(len(steps), generator=random)[:count]]
        for number, step in enumerate(steps.tolist()):
            others = writable[writable != int(symbols[row, step])]
            if len(others):
                positions[row, number] = step
                written[row, number] = others[torch.randint(len(others), (), generator=random)]
    return Replacements(positions, written)
