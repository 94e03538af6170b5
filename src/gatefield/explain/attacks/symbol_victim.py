"""A network over symbols as an attacker sees it: texts whose words are exchanged for others of its vocabulary."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError, InputError
from ...functional.layer_outputs import evaluating
from ..scores import embedding
from ..true_gradients import true_gradients
from .victim import Criterion, Softmax, checked_classes


class SymbolVictim:
    """What is attacked: ``model(symbols, lengths)``, in evaluation mode, and which symbols may be written.

    Every pass leaves the network as it was: mode, statistics and gradients of its parameters.

    Args:
        model: symbols (rows, longest), int64, and lengths (rows,) to outputs (rows, classes).
        writable: bool (vocabulary,), the symbols that may take another's place.
        criterion: what the outputs mean.

    Raises:
        ArgumentError: no symbol may be written.
    """

    def __init__(self, model: nn.Module, writable: Tensor, criterion: Criterion | None = None) -> None:
        if writable.dim() != 1 or writable.dtype != torch.bool or not writable.any():
            message = f"no symbol may be written of {tuple(writable.shape)}"
            raise ArgumentError(message, hint="give true for those that may, (vocabulary,)", path=("writable",))
        self.model, self.writable, self.criterion = model, writable, criterion or Softmax()

    def outputs(self, symbols: Tensor, lengths: Tensor) -> Tensor:
        """The network's outputs, without gradients."""
        with evaluating(self.model), torch.no_grad():
            return self.model(symbols, lengths)

    def probabilities(self, symbols: Tensor, lengths: Tensor) -> Tensor:
        """What the network thinks of each row, (rows, classes)."""
        return self.criterion.probabilities(self.outputs(symbols, lengths))

    def predictions(self, symbols: Tensor, lengths: Tensor) -> Tensor:
        """The likeliest class of each row, int64."""
        return self.probabilities(symbols, lengths).argmax(-1)

    def losses(self, symbols: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """The loss of each row, (rows,), without gradients: here -log p of its label."""
        return -self.probabilities(symbols, lengths).gather(1, labels[:, None])[:, 0].log()

    def rises(self, symbols: Tensor, others: Sequence[Tensor], lengths: Tensor, labels: Tensor) -> Tensor:
        """By how much the losses rise where each of ``others`` is written in place of ``symbols``, (rows, others)."""
        now = self.losses(symbols, lengths, labels)
        return torch.stack([self.losses(other, lengths, labels) - now for other in others], 1)

    def free(self, symbols: Tensor, lengths: Tensor) -> Tensor:
        """Which steps may be written anew, bool (rows, longest): here all of each row."""
        return torch.arange(symbols.shape[1], device=symbols.device) < lengths.to(symbols.device)[:, None]

    def done(self, symbols: Tensor, lengths: Tensor, labels: Tensor, target: Tensor | None) -> Tensor:
        """Which rows are answered as an attack wants it, bool (rows,): wrongly, or with the target."""
        answers = self.predictions(symbols, lengths)
        return answers != labels if target is None else answers == target

    def checked(self, wanted: int | Tensor, symbols: Tensor, lengths: Tensor, name: str) -> Tensor:
        """What each row of ``symbols`` is to be answered, (rows,); here a class.

        Raises:
            ArgumentError: other numbers than classes, or another number of them; ``name`` is what they are called.
        """
        classes = self.outputs(symbols[:1], lengths[:1]).shape[-1]
        return checked_classes(wanted, len(symbols), classes, symbols, name)

    @functools.cached_property
    def vectors(self) -> Tensor:
        """What the network's embedding makes of each symbol, (vocabulary, features)."""
        symbols = torch.arange(len(self.writable), device=self.writable.device)[None]
        with evaluating(self.model), torch.no_grad():
            layer = self._embedding(symbols[:, :1], torch.ones(1, dtype=torch.int64))
            return layer(symbols)[0]

    def loss_gradient(self, symbols: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """d loss / d embedding of each symbol, (rows, longest, features); rows do not know each other.

        Raises:
            ArgumentError: not one layer of the network embeds its symbols.
            InputError: the network has no gradient, or one that is not its derivative.
        """
        return self._gradient(symbols, lengths, lambda: self._loss(symbols, lengths, labels))

    def _gradient(self, symbols: Tensor, lengths: Tensor, value: Callable[[], Tensor]) -> Tensor:
        """d value / d embedding, the network being run on ``symbols`` within ``value``."""
        variable: Tensor | None = None

        def cut(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            nonlocal variable
            variable = output.detach().requires_grad_()
            return variable.clone()  # a clone: the next layer may change it in place

        with evaluating(self.model), true_gradients(self.model):
            hook = self._embedding(symbols, lengths).register_forward_hook(cut)
            try:
                total = value()
            finally:
                hook.remove()
            assert variable is not None
            if not total.requires_grad:
                raise InputError("the network's outputs have no gradient", hint="attack the network it was packed from")
            return torch.autograd.grad(total, variable)[0]

    def _loss(self, symbols: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """What an attack raises, a scalar."""
        return self.criterion.loss(self.model(symbols, lengths), labels)

    def _embedding(self, symbols: Tensor, lengths: Tensor) -> nn.Module:
        return self.model.get_submodule(embedding(self.model, (symbols, lengths)))
