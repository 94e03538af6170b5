"""What networks write, for explainers: each symbol by what it was written from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..explainable import Answer, Explainable, ExplainableInput


@dataclass(frozen=True)
class WrittenInput(ExplainableInput):
    """An input, and what the network writes from it; its positions are the symbols written.

    Attributes:
        symbols: numbers of what is written.
        steps: of the network's outputs, the one at which each symbol is written.
    """

    symbols: Sequence[int] = ()
    steps: Sequence[int] = ()


@dataclass(frozen=True)
class ExplainableWriting(Explainable):
    """Symbols that a network has written, of which each is explained where it stands.

    Explained is the score of the symbol before the softmax; of a target, what its score would have been there. The
    outputs of the network, in one pass over what it has written, are scores (1, steps, symbols).

    Attributes:
        cut: a word that a person names -> the symbols that it is inside a text.
    """

    cut: Callable[[str], Sequence[str]] = lambda word: [word]

    def number(self, target: str) -> int:
        symbols = self.cut(target)
        return super().number(symbols[0] if target not in self.classes and len(symbols) == 1 else target)

    def answers(
        self, given: ExplainableInput, outputs: Any, target: str | None, position: int | None
    ) -> Iterator[Answer]:
        assert isinstance(given, WrittenInput)
        probabilities = self.probabilities(outputs)
        for at in given.explained(position):
            assert at is not None
            step, written = given.steps[at], given.symbols[at]
            chosen = written if target is None else self.number(target)
            probability = float(probabilities[0, step, chosen])
            label, name = self.classes[written], self.classes[chosen]
            sentence = f"Position {at + 1}: explained is '{name}', to which the network gives {probability:.1%}."
            if chosen != written:
                sentence += f" It wrote '{label}'."
            yield Answer(label, name, (step, chosen), probability, at, sentence)


def softmax(scores: Tensor) -> Tensor:
    """The probabilities of symbols that have these scores."""
    return scores.softmax(-1)


def asked(answer: Answer) -> str:
    """What is explained of a written symbol: why it stands there, or what speaks for another."""
    return answer.target if answer.target == answer.label else f"{answer.target} in place of {answer.label}"
