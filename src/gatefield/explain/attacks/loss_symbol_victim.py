"""A network over symbols whose answers are no classes as an attacker sees it: through the loss of what it answers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError
from ...functional.layer_outputs import evaluating
from .loss_victim import checked_numbers
from .symbol_victim import SymbolVictim

#: Symbols (rows, longest), lengths (rows,) and the numbers of the rows (rows,), all int64, to the loss of each (rows,).
SymbolLosses = Callable[[Tensor, Tensor, Tensor], Tensor]


class LossSymbolVictim(SymbolVictim):
    """What is attacked where each row of symbols has an answer of its own shape: tags, a translation, what follows.

    An attack is told the numbers of its rows in place of labels; which answer is right, or wanted, is known to
    ``losses`` alone. No row is ever done: answers are wrong by degrees, and the whole budget is spent.

    Args:
        model: the network.
        losses: see `SymbolLosses`; differentiable through the ``embedding``.
        writable: bool (vocabulary,), the symbols that may take another's place.
        embedding: the layer that embeds the symbols that are attacked, in their order, and no others.
        fixed: bool (vocabulary,), the symbols whose place none may take, begin and end for example; None: there are
            none.
        within: of rows of these lengths (rows,), how many of the first steps may change, (rows,); None: all.

    Raises:
        ArgumentError: no symbol may be written, or ``fixed`` is of another vocabulary.
    """

    def __init__(
        self,
        model: nn.Module,
        losses: SymbolLosses,
        writable: Tensor,
        embedding: nn.Module,
        fixed: Tensor | None = None,
        within: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(model, writable)
        self.fixed = torch.zeros_like(writable) if fixed is None else fixed
        if self.fixed.shape != writable.shape or self.fixed.dtype != torch.bool:
            message = f"{tuple(writable.shape)} symbols may be written or not, and {tuple(self.fixed.shape)} are fixed"
            raise ArgumentError(message, hint="give true for those that are fixed, (vocabulary,)", path=("fixed",))
        self.embedding, self._losses, self._within = embedding, losses, within

    def losses(self, symbols: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """The loss of each row, (rows,), without gradients; ``labels`` are the numbers of the rows."""
        with evaluating(self.model), torch.no_grad():
            return self._losses(symbols, lengths, labels)

    def free(self, symbols: Tensor, lengths: Tensor) -> Tensor:
        """Which steps may be written anew, bool (rows, longest)."""
        reach = lengths if self._within is None else self._within(lengths)
        return super().free(symbols, reach) & ~self.fixed[symbols]

    def done(self, symbols: Tensor, lengths: Tensor, labels: Tensor, target: Tensor | None) -> Tensor:
        return torch.zeros(len(symbols), dtype=torch.bool, device=symbols.device)

    def checked(self, wanted: int | Tensor, symbols: Tensor, lengths: Tensor, name: str) -> Tensor:
        """The numbers of the rows of ``symbols``, (rows,).

        Raises:
            ArgumentError: another number of them, or other values than whole numbers.
        """
        return checked_numbers(wanted, symbols, name)

    def _loss(self, symbols: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        return self._losses(symbols, lengths, labels).sum()

    def _embedding(self, symbols: Tensor, lengths: Tensor) -> nn.Module:
        return self.embedding
