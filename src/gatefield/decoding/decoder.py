"""The contract of a decoder, and what all of them are asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from ..core.configurable import Configurable
from ..core.errors import ArgumentError
from .constraints import Constraint
from .hypothesis import Hypothesis
from .stepper import Stepper, sentence_count


class Decoder(Configurable):
    """From a stepper to sequences. What a sentence gets does not depend on the others of its batch."""

    kind: ClassVar[str] = "decoder"
    package: ClassVar[str] = "gatefield.decoding"

    #: Fewest symbols before the end symbol.
    minimum: int = 0

    def decode(
        self,
        stepper: Stepper,
        state: Any,
        begin: int | Tensor,
        end: int | None,
        limit: int | Sequence[int] | Tensor,
        constraints: Sequence[Constraint] = (),
        numbers: Sequence[int] | None = None,
    ) -> list[list[Hypothesis]]:
        """The hypotheses of every sentence, best first.

        Args:
            state: what ``stepper.start`` gave: n sentences with one hypothesis each. The model is in evaluation mode.
            begin: the symbol that is read first, or one a sentence, (n,).
            end: the symbol that ends a sequence; None if only the limit does.
            limit: most steps, 0 or more, of all sentences or one a sentence; the end symbol takes a step.
            constraints: what a hypothesis may say; see `constraints`.
            numbers: (n,), the number of each sentence in its whole data set, after which random streams are named;
                0, 1, ... by default. A decoder that draws nothing does not look at it.

        Raises:
            ArgumentError: a symbol outside the vocabulary, a negative limit, a state that does not fit.
            DivergenceError: the stepper gave NaN, no possible symbol, or numbers that are no log-probabilities.
        """
        request = Request.of(state, begin, end, limit, constraints, numbers, self.minimum)
        return self.answer(stepper, state, request)

    def answer(self, stepper: Stepper, state: Any, request: Request) -> list[list[Hypothesis]]:
        """`decode`, what is asked for being checked."""
        raise NotImplementedError


class Request(NamedTuple):
    """What `Decoder.decode` is asked for, checked: first symbols and limits are one a sentence, (n,)."""

    begin: Tensor
    end: int | None
    limits: Tensor
    constraints: Sequence[Constraint]
    numbers: Sequence[int]
    minimum: int

    @classmethod
    def of(
        cls,
        state: Any,
        begin: int | Tensor,
        end: int | None,
        limit: int | Sequence[int] | Tensor,
        constraints: Sequence[Constraint] = (),
        numbers: Sequence[int] | None = None,
        minimum: int = 0,
    ) -> Request:
        """Raises ArgumentError where `Decoder.decode` says so, and for a ``minimum`` without an end symbol."""
        if minimum and end is None:
            hint = "leave 'minimum' at 0, or name the end symbol"
            raise ArgumentError("a minimum holds the end symbol back, and there is none", hint=hint, path=("minimum",))
        if isinstance(begin, Tensor):
            count, device = len(begin), begin.device
        else:
            count, device = sentence_count(state)
        begins = torch.as_tensor(begin, device=device).expand(count).long()
        limits = torch.as_tensor(limit, device=device)
        if limits.ndim and len(limits) != count:
            message = f"there are {len(limits)} limits for {count} sentences"
            raise ArgumentError(message, hint="give one limit, or one a sentence", path=("limit",))
        if limits.is_floating_point() or (limits < 0).any():
            message, hint = f"the limit {limit} is no number of steps", "give whole numbers of 0 or more"
            raise ArgumentError(message, hint=hint, path=("limit",))
        for name, symbols in (("begin", begins), ("end", begins.new_tensor([] if end is None else [end]))):
            if (symbols < 0).any():
                raise ArgumentError(f"the {name} symbol {int(symbols.min())} is negative", hint=_RANGE, path=(name,))
        numbers = range(count) if numbers is None else numbers
        if len(numbers) != count:
            message = f"there are {len(numbers)} numbers for {count} sentences"
            raise ArgumentError(message, hint="number every sentence", path=("numbers",))
        return cls(begins, end, limits.expand(count).long(), constraints, numbers, minimum)

    def require_vocabulary(self, vocabulary: int) -> None:
        """The begin and the end symbol are among ``vocabulary``, which is known after the first step."""
        symbols = {"begin": int(self.begin.max()), "end": -1 if self.end is None else self.end}
        for name, symbol in symbols.items():
            if symbol >= vocabulary:
                message = f"the {name} symbol {symbol} is not in the vocabulary of {vocabulary} symbols"
                raise ArgumentError(message, hint=_RANGE, path=(name,))


_RANGE = "symbols are whole numbers in [0, vocabulary)"
