"""Problems that test a memory under attack, at the steps at which nothing stands that counts.

What is right stays right, whatever is done to these: a network that solves its problem cannot be fooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...data.ragged import Ragged
from ...data.synthetic.copy_memory import BLANK, GO
from ...data.synthetic.temporal_order import SYMBOLS
from ...explain.attacks.answer_victim import AnswerVictim
from ...explain.attacks.loss_symbol_victim import LossSymbolVictim
from ...models.sequence.sequence_predictor import SequencePredictor
from ...render.page import Page
from ...render.remembered import remembered_figure
from ..explained.memory import copy_names
from ..memory_sequences import COPY_SYMBOLS, DISTRACTORS, Drawn
from .parts import Part
from .symbols import AttackedSymbols, Symbols
from .values import AttackedValues, Values

EPSILON = 0.1  # of numbers from 0 to 1
SHOWN = 4


@dataclass(frozen=True)
class AttackedSums(AttackedValues):
    """What became of each sum.

    Attributes:
        said, said_after, said_of_noise: what the network answers, a number each.
    """

    inputs: Addends
    said: Sequence[Tensor]
    said_after: Sequence[Tensor]
    said_of_noise: Sequence[Tensor]

    def illustrate(self, page: Page) -> None:
        page.heading("What was added to numbers that do not count")
        page.text(
            "Above the numbers, dark the two that are to be added, which are left alone; below what was added to the "
            "others. From the sequence that suffered most to the one that suffered least."
        )
        for index in self.shown(SHOWN):
            inputs = self.inputs
            numbers, marks = inputs.sequences[index].unbind(1)
            added = torch.zeros_like(numbers)
            added[marks == 0] = self.added[index]
            said, after, noise = (float(each[index]) for each in (self.said, self.said_after, self.said_of_noise))
            title = f"added; the answer {said:.4f} becomes {after:.4f}"
            figure = remembered_figure(numbers, {title: added}, marks.nonzero()[:, 0].tolist())
            right = float(numbers[marks > 0].sum())
            caption = f"{inputs.names[index]}: right is {right:.4f}, and with {self.noise} the answer {noise:.4f}."
            page.figure(figure, caption, "a sequence of numbers and what the attack added to them")


@dataclass(frozen=True)
class Addends(Values):
    """The numbers of adding problems that are not marked, (length - 2,); the marked ones and all marks are left alone.

    Attributes:
        sequences: numbers and marks, (length, 2) each.
    """

    sequences: Sequence[Tensor]

    noun = "sequences"
    unit = "of numbers from 0 to 1"
    note = (
        "Attacked are the numbers that are not marked, within [0, 1], where all of them were drawn from: the sum of "
        "the marked ones stays, and a network that solves the problem would answer the same."
    )
    result = AttackedSums

    @classmethod
    def of(cls, network: SequencePredictor, split: str | None, names: Sequence[str], drawn: Drawn) -> Addends:
        """What ``network`` offers of sequences that were drawn."""
        inputs, sums = drawn.inputs.to(network.device), drawn.targets[:, -1, 0].to(network.device)
        numbers, marks = inputs.unbind(2)
        places = (marks == 0).nonzero()[:, 1].view(len(inputs), -1)

        def answer(raw: Tensor, rows: Tensor) -> Tensor:
            others = numbers[rows].scatter(1, places[rows], raw)
            return network(torch.stack([others, marks[rows]], 2))[0][:, -1, 0]

        def loss(said: Tensor, rows: Tensor) -> Tensor:
            return (said - sums[rows]).abs()

        raw = numbers.gather(1, places)
        part = Part(torch.arange(len(raw)), AnswerVictim(network, answer, loss, (0.0, 1.0)), raw)
        quantity = "absolute error of the sum"
        return cls(split, names, quantity, [part], list(drawn.inputs), options={"epsilon": EPSILON})

    def more(self, raw: Sequence[Tensor], changed: Sequence[Tensor], noisy: Sequence[Tensor]) -> dict[str, Any]:
        values = {"said": raw, "said_after": changed, "said_of_noise": noisy}
        return {name: self.answers(given) for name, given in values.items()}


class OneOfN(nn.Module):
    """A network over steps of which one number is 1 and all others 0, as a function of the place of the 1.

    Args:
        network: takes (rows, time, symbols).
        symbols: places there are.
        asked: steps at the end that are answers.
    """

    def __init__(self, network: SequencePredictor, symbols: int, asked: int) -> None:
        super().__init__()
        self.network, self.asked = network, asked
        self.embedding = nn.Embedding.from_pretrained(torch.eye(symbols, device=network.device))

    def forward(self, symbols: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits (rows, asked, classes)."""
        return self.network(self.embedding(symbols))[0][:, -self.asked :]


@dataclass(frozen=True)
class AttackedMemories(AttackedSymbols):
    """What became of each sequence of symbols; answers are the numbers of classes."""

    inputs: Memories

    legend = (
        "Orange is what was written, blue what it took the place of. Nothing that the right answer depends on was "
        "exchanged."
    )

    def draw(self, page: Page, index: int) -> None:
        answers = (self.answers[index], self.answers_after[index], self.answers_of_noise[index])
        said, after, chance, right = map(self.inputs.in_words, (*answers, self.inputs.right[index].tolist()))
        before = f"{self.inputs.names[index]}; right is {right}"
        caption = f"the same, attacked; with {self.noise} the answer is {chance}"
        self.strips(page, index, (f"answer {said}", before), (f"answer {after}", caption))


@dataclass(frozen=True)
class Memories(Symbols):
    """Sequences of symbols, some of which mean nothing.

    Attributes:
        network: from symbols to logits.
        right: the right answers of each sequence, int64 (count, asked).
        classes: what answers are called.
    """

    network: OneOfN
    right: Tensor
    classes: Sequence[str]

    noun = "sequences"
    note = (
        "Exchanged are symbols that mean nothing, so that what is right stays right: in temporal order a, b, c and d "
        "for each other; where symbols are to be copied, blanks for symbols, which never stood there in training."
    )
    result = AttackedMemories

    @classmethod
    def of(
        cls,
        network: SequencePredictor,
        problem: str,
        split: str | None,
        names: Sequence[str],
        drawn: Drawn,
        asked: int,
        classes: Sequence[str],
    ) -> Memories:
        """What ``network`` offers of sequences of ``problem`` that were drawn, with ``asked`` answers each."""
        numbers, right = drawn.inputs.argmax(2), drawn.targets[:, -asked:]
        model = OneOfN(network, drawn.inputs.shape[2], asked).eval()
        spelling, writable, fixed = _means_nothing(problem)
        targets = right.to(network.device)

        def losses(symbols: Tensor, lengths: Tensor, rows: Tensor) -> Tensor:
            logits = model(symbols).transpose(1, 2)
            return functional.cross_entropy(logits, targets[rows.to(targets.device)], reduction="none").mean(1)

        device = network.device
        victim = LossSymbolVictim(model, losses, writable.to(device), model.embedding, fixed.to(device))
        sequences: list[list[int]] = numbers.tolist()
        symbols, rows = [[spelling[number] for number in each] for each in sequences], Ragged.from_rows(sequences)
        return cls(split, names, "share of wrong answers", victim, rows, symbols, spelling, model, right, classes)

    @torch.no_grad()
    def answers(self, symbols: Tensor, lengths: Tensor, numbers: Tensor) -> list[list[int]]:
        return self.network(symbols).argmax(2).tolist()

    def error(self, answer: list[int], number: int, stands: Tensor) -> float:
        return float((torch.tensor(answer) != self.right[number]).double().mean())

    def text(self, symbols: Sequence[str]) -> str:
        return " ".join(symbols)

    def in_words(self, answer: Sequence[int]) -> str:
        """What the numbers of an answer are called."""
        return " ".join(self.classes[number] for number in answer)


def _means_nothing(problem: str) -> tuple[Sequence[str], Tensor, Tensor]:
    """What the symbols of ``problem`` are called, which may take the place of another, and which none may replace."""
    numbers = torch.arange(COPY_SYMBOLS if problem == "copy" else len(SYMBOLS))
    if problem == "copy":
        return copy_names(), (numbers > BLANK) & (numbers < GO), numbers != BLANK
    return SYMBOLS, numbers < DISTRACTORS, numbers >= DISTRACTORS
