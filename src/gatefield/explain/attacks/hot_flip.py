"""HotFlip on words."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from ...core.arguments import Interval, NonNegativeInt, PositiveInt
from .symbol_attack import Replacements, SymbolAttack
from .symbol_victim import SymbolVictim


class HotFlip(SymbolAttack):
    """Writes w in place of the symbol x_t where that raises the loss J most by its first-order estimate,

        J(x with w at t) - J(x) = (e_w - e_(x_t)) . dJ/de_t,

    e being the vectors of the network's embedding; and again, until the answer is wrong, nothing raises the loss, or
    the budget is spent, as it always is where answers are wrong by degrees. Towards a target it lowers the target's
    loss. Of a network that is linear in the sum of its embeddings the first replacement is the best there is.

    Args:
        replacements: of each text, at most.
        similarity: of the vectors of a symbol and of what replaces it, the least cosine; -1: any may.
        candidates: so many replacements of the best estimates are tried each time, and that one is made which truly
            raises the loss most, if any does; of 1 the estimate is believed.

    Source: Ebrahimi, Rao, Lowd and Dou (2018), sections 3 and 5, where the cosine of words is at least 0.8. Departs
    from the paper: each step is the best by itself, a beam of one; words are not asked for their part of speech;
    the paper tries none.
    """

    name = "hot-flip"
    reference = "ebrahimi2018"

    def __init__(
        self,
        replacements: NonNegativeInt = 5,
        similarity: Annotated[float, Interval("[-1, 1]")] = -1.0,
        candidates: PositiveInt = 1,
    ) -> None:
        self.replacements, self.similarity, self.candidates = replacements, similarity, candidates

    def _replacements(
        self, victim: SymbolVictim, symbols: Tensor, lengths: Tensor, labels: Tensor, target: Tensor | None
    ) -> Replacements:
        wanted, sign = (labels, 1) if target is None else (target, -1)
        positions = symbols.new_full((len(symbols), self.replacements), -1)
        written, changed = torch.zeros_like(positions), symbols.clone()
        free, rows = victim.free(symbols, lengths), torch.arange(len(symbols), device=symbols.device)
        for number in range(self.replacements):
            rows = rows[free[rows].any(1)]
            if len(rows):
                told = None if target is None else target[rows]
                rows = rows[~victim.done(changed[rows], lengths[rows.to(lengths.device)], labels[rows], told)]
            if not len(rows):
                break
            now, ends, own = changed[rows], lengths[rows.to(lengths.device)], wanted[rows]
            gradient = sign * victim.loss_gradient(now, ends, own)
            reach = int(free[rows].any(0).nonzero().max()) + 1  # nothing behind it is weighed
            rise = self._rise(victim, now[:, :reach], gradient[:, :reach])
            rise.masked_fill_(~free[rows, :reach, None], -torch.inf)
            best, place = rise.flatten(1).max(1)
            if self.candidates > 1:
                best, place = self._tried(victim, rise, now, ends, own, sign)
            rows, place = rows[best > 0], place[best > 0]
            step, symbol = place // rise.shape[2], place % rise.shape[2]
            changed[rows, step], free[rows, step] = symbol, False
            positions[rows, number], written[rows, number] = step, symbol
        return Replacements(positions, written)

    def _tried(
        self, victim: SymbolVictim, rise: Tensor, symbols: Tensor, lengths: Tensor, wanted: Tensor, sign: int
    ) -> tuple[Tensor, Tensor]:
        """The largest true rise of the loss among the replacements of the best estimates, and its place in ``rise``."""
        estimates, places = rise.flatten(1).topk(min(self.candidates, rise[0].numel()), 1)
        columns = ((place[:, None] // rise.shape[2], place[:, None] % rise.shape[2]) for place in places.unbind(1))
        others = [symbols.scatter(1, step, symbol) for step, symbol in columns]
        true = sign * victim.rises(symbols, others, lengths, wanted)
        best, which = true.to(estimates).masked_fill(estimates == -torch.inf, -torch.inf).max(1, keepdim=True)
        return best[:, 0], places.gather(1, which)[:, 0]

    def _rise(self, victim: SymbolVictim, symbols: Tensor, gradient: Tensor) -> Tensor:
        """By how much each symbol at each step is estimated to raise what ``gradient`` is of; -inf where it may not be.

        Of shape (rows, longest, vocabulary).
        """
        e = victim.vectors
        rise = gradient @ e.T - (gradient * e[symbols]).sum(-1, keepdim=True)
        rise.masked_fill_(~victim.writable, -torch.inf)
        if self.similarity > -1:
            unit = torch.nn.functional.normalize(e, dim=1)
            rise.masked_fill_(unit[symbols] @ unit.T < self.similarity, -torch.inf)
        return rise.scatter_(2, symbols[..., None], -torch.inf)
