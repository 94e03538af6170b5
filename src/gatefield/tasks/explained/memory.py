"""Sequences to be remembered, for explainers: what each step counts for what is said at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...data.synthetic.copy_memory import BLANK, GO
from ...data.synthetic.temporal_order import SYMBOLS
from ...explain.explainer import Explainer
from ...models.sequence.sequence_predictor import SequencePredictor
from ...render.remembered import remembered_figure, remembered_map
from ..exhibits import stacked, title
from ..explainable import Answer, Drawing, Exhibit, Explainable, ExplainableInput, Explanation
from ..memory_sequences import COPY_SYMBOLS, DISTRACTORS
from .odds import log_odds, until

SUM = "the sum"  # the only answer to an adding problem
READABLE = 120  # symbols side by side
#: Of each problem, what contributions are counted from.
COUNTED = {
    "adding": (
        "Contributions are counted from a sequence of zeros without marks, in the units of the numbers: integrated "
        "gradients sum to the answer less what the network answers to that one. Ideally each marked step contributes "
        "its number, and no other step anything."
    ),
    "copy": (
        "Contributions are counted from a sequence of blanks, and an answer is explained in log-odds, log p/(1 - p): "
        "integrated gradients sum to its log-odds less those after nothing but blanks."
    ),
    "temporal-order": (
        "Contributions are counted from a sequence of the mean of a, b, c and d, and an answer is explained in "
        "log-odds, log p/(1 - p): integrated gradients sum to its log-odds less those after that sequence."
    ),
}


@dataclass(frozen=True)
class Remembered(Exhibit):
    """A sequence, and the steps that the right answers depend on.

    Attributes:
        tokens: what stands at each step.
        marked: for each answer, the steps that it depends on, from 0.
        right: the right answers.
        legend: what the tokens mean, a sentence.
        causal: an answer, given at its step of the last ones, knows nothing of those after it.
        numbers: where the steps are numbers, these, (time,).
    """

    tokens: Sequence[str]
    marked: Sequence[Sequence[int]]
    right: Sequence[str]
    legend: str
    causal: bool
    numbers: Tensor | None = None

    def axis(self) -> dict[str, Any]:
        """What stands at each step, and the numbers, from 0, of those that some answer depends on."""
        return {"tokens": list(self.tokens), "marked": sorted({step for own in self.marked for step in own})}

    def places(self, heat: Tensor, explainer: Explainer, answer: Answer) -> Tensor:
        """One number a step."""
        heat = super().places(heat, explainer, answer)
        return until(heat, len(heat) - len(self.right) + (answer.position or 0)) if self.causal else heat

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        if len(explanations) > 1:
            return self._maps(explanations)
        (explanation,) = explanations
        marked = self.marked[explanation.answer.position or 0]
        panels = {f"{title(each, ' · ')} · {_on(each.heat, marked)}": each.heat for each in explanation.maps}
        top = self._names(marked) if self.numbers is None else self.numbers
        caption = (
            f"{self.legend} Shaded are the steps that the right answer depends on; below what each step counts for "
            "what the network says."
        )
        alt = f"a sequence of {len(self.tokens)} steps and what each counts"
        return [Drawing(remembered_figure(top, panels, marked), caption, alt)]

    def _maps(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        """A row for each answer, a column for each step."""
        answers = [explanation.answer for explanation in explanations]
        rows = [f"{(answer.position or 0) + 1}: {answer.target}" for answer in answers]
        cells = [(row, step) for row, answer in enumerate(answers) for step in self.marked[answer.position or 0]]
        drawings = []
        for each, heat in stacked(explanations):
            own = torch.stack([heat[cell].abs() for cell in cells]).sum() / heat.abs().sum().clamp(min=1e-30)
            caption = (
                f"A row for each answer, a column for each step; framed is the one that the answer depends on. "
                f"{float(own):.0%} of all colour is there. {self.legend}"
            )
            figure = remembered_map(rows, self._names([]), heat, cells, title(each, " · "))
            drawings.append(Drawing(figure, caption, f"map by {each.method}"))
        return drawings

    def _names(self, marked: Sequence[int]) -> list[str]:
        """What stands at each step; of so many that nobody could read them, at the ``marked`` ones."""
        few = len(self.tokens) <= READABLE
        return [token if few or step in marked else "" for step, token in enumerate(self.tokens)]


class MemoryNetwork(nn.Module):
    """What is answered where something is asked, counted from sequences in which nothing stands.

    Args:
        network: takes steps (rows, time, features).
        nothing: what stands at a step where nothing does, (features,); this network takes the difference from it.
        asked: answers, of which each has a step at the end.
    """

    def __init__(self, network: SequencePredictor, nothing: Tensor, asked: int) -> None:
        super().__init__()
        self.network, self.asked = network, asked
        self.nothing: Tensor
        self.register_buffer("nothing", nothing)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Numbers, or log-odds of classes: (rows, asked, answers), without the middle axis where one is asked."""
        z = self.network(x + self.nothing, lengths)[0][:, -self.asked :]
        answers = z if self.network.output == "linear" else log_odds(z)
        return answers if self.asked > 1 else answers[:, 0]


@dataclass(frozen=True)
class ExplainableSymbols(Explainable):
    """Symbols that are said at the end, or the order in which they came; a target is one of them."""

    @classmethod
    def of(cls, network: MemoryNetwork, classes: Sequence[str], inputs: Iterator[ExplainableInput]) -> Self:
        """What ``network`` offers for ``inputs``, whose exhibits are `Remembered`."""
        options = {"occlusion": {"window": 1}}
        return cls(network.eval(), classes, torch.sigmoid, inputs, noun="answer", options=options)

    def answers(
        self, given: ExplainableInput, outputs: Any, target: str | None, position: int | None
    ) -> Iterator[Answer]:
        shown = given.exhibit
        assert isinstance(shown, Remembered)
        for answer in super().answers(given, outputs, target, position):
            right = shown.right[answer.position or 0]
            yield answer._replace(sentence=f"{answer.sentence} Right is {right}.")


@dataclass(frozen=True)
class ExplainableSum(ExplainableSymbols):
    """The sum of two numbers; it is the only target."""

    def answers(
        self, given: ExplainableInput, outputs: Any, target: str | None, position: int | None
    ) -> Iterator[Answer]:
        shown = given.exhibit
        assert isinstance(shown, Remembered)
        assert shown.numbers is not None
        for at in given.explained(position):
            said, (first, second) = float(outputs[0, 0]), shown.marked[0]
            one, other = float(shown.numbers[first]), float(shown.numbers[second])
            sentence = (
                f"Explained is the answer {said:.4f}. Right is {shown.right[0]}: {one:.4f} at step {first + 1} and "
                f"{other:.4f} at step {second + 1}."
            )
            yield Answer(f"{said:.4f}", SUM, 0, None, at, sentence)


def remembered(problem: str, x: Tensor, right: Sequence[str], causal: bool) -> Remembered:
    """What is shown of a sequence (time, features) of ``problem``, read by a network that is ``causal`` or is not."""
    if problem == "adding":
        numbers, marks = x.unbind(1)
        tokens = [f"{number:.2f}{'*' * (mark > 0)}" for number, mark in x.tolist()]
        legend = "Above the numbers, the marked ones dark."
        return Remembered(tokens, [marks.nonzero()[:, 0].tolist()], right, legend, causal, numbers)
    symbols = x.argmax(1).tolist()
    if problem == "copy":
        names = copy_names()
        tokens = [names[symbol] for symbol in symbols]
        legend = "Of the symbols, · is a blank, and ? asks for those that came first."
        return Remembered(tokens, [[number] for number in range(len(right))], right, legend, causal)
    marked = [step for step, symbol in enumerate(symbols) if symbol >= DISTRACTORS]
    legend = "Of the symbols only X and Y count."
    return Remembered([SYMBOLS[symbol] for symbol in symbols], [marked], right, legend, causal)


def copy_names() -> list[str]:
    """What the symbols of a sequence to be copied are called."""
    return [{BLANK: "·", GO: "?"}.get(symbol, str(symbol)) for symbol in range(COPY_SYMBOLS)]


def _on(heat: Tensor, marked: Sequence[int]) -> str:
    """How much of ``heat`` is at the steps that the answer depends on, in words."""
    share = float(heat[list(marked)].abs().sum() / heat.abs().sum().clamp(min=1e-30))
    return f"{share:.0%} at the shaded steps"
