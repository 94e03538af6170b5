"""Texts under attack, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...core.console import Console
from ...data.corpus import LabelledText
from ...data.ragged import Ragged
from ...data.text_codec import TextCodec
from ...data.vocabulary import Vocabulary
from ...explain.attacks.robustness import Robustness
from ...explain.attacks.symbol_attack import SymbolAttack
from ...explain.attacks.symbol_victim import SymbolVictim
from ...models.model import Model
from ...render.page import Page
from ...render.robustness import robustness_figure
from ...training.objective import Objective
from .answers import Answering, AttackedAnswers, Said
from .symbols import LISTED, ROWS, SHOWN, Exchanged, exchanges, with_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class AttackedTexts(Exchanged, AttackedAnswers):
    """What became of each text.

    Attributes:
        before, after, replaced: see `Exchanged`.
        chance: accuracy by number of words where as many random ones are replaced by random others.
    """

    inputs: Texts
    before: Sequence[Sequence[str]]
    after: Sequence[Sequence[str]]
    replaced: Tensor
    chance: Robustness | None

    @property
    def noise(self) -> str:
        return "as many random words"

    def to_dict(self) -> dict[str, Any]:
        content: dict[str, Any] = super().to_dict() | {"mean_replacements": self.mean_replacements}
        if self.chance is not None:
            for number, (point, accuracy) in enumerate(zip(content.get("curve", ()), self.chance.accuracy.tolist())):
                point |= {self.budget: number, "accuracy_of_noise": accuracy}
        return content

    def row(self, index: int) -> dict[str, Any]:
        return super().row(index) | {"replaced": int(self.replaced[index]), "text": " ".join(self.after[index])}

    @property
    def mean_replacements(self) -> float | None:
        """How many words it took to change an answer, in the mean; None where no answer changed."""
        return float(self.replaced[self.fooled].double().mean()) if self.fooled.any() else None

    def facts(self) -> dict[str, str]:
        mean = self.mean_replacements
        return {} if mean is None else {"words replaced where an answer changed": f"{mean:.2f}"}

    def robustness(self) -> tuple[Figure, str] | None:
        if self.curve is None:
            return None
        chance = None if self.chance is None else self.chance.accuracy
        figure = robustness_figure(*self.curve, "words replaced, at most", chance)
        return figure, "After so many replacements; random ones are as many in each text as the attack needed."

    def illustrate(self, page: Page) -> None:
        page.heading("Before and after")
        page.text(
            "Orange is what was written, blue what it took the place of. Whether a person would still give the first "
            "answer is for the reader to say: words were chosen for the network alone."
        )
        for index in self.shown(SHOWN):
            self.strips(
                page,
                index,
                (self.answer(self.answers, index), self.inputs.names[index]),
                (self.answer(self.answers_after, index), f"{self.inputs.names[index]}, attacked"),
            )
        rows = [
            (
                self.exchanged(i),
                self.answer(self.answers, i),
                self.answer(self.answers_after, i),
                self.answer(self.answers_of_noise, i),
                self.inputs.names[i],
            )
            for i in self.shown(LISTED)
        ]
        page.table(("replaced", "answer", "attacked", "with random words", "text"), rows)


@dataclass(frozen=True)
class Texts(Answering):
    """Texts as rows of symbols.

    Attributes:
        victim: the network.
        words: of each text.
        vocabulary: numbers them.
    """

    victim: SymbolVictim
    words: Sequence[Sequence[str]]
    vocabulary: Vocabulary

    attacks = SymbolAttack
    method = "hot-flip"
    noun = "texts"
    unit = "words"
    note = "A word is what the network reads in one step."

    @classmethod
    def of(
        cls,
        model: Model,
        objective: Objective,
        codec: TextCodec,
        classes: Sequence[str],
        split: str | None,
        texts: Sequence[LabelledText],
        labels: Tensor | None,
    ) -> Texts:
        """What a classifier of ``texts`` offers."""
        vocabulary = codec.vocabulary
        writable = torch.tensor([not vocabulary.is_special(number) for number in range(len(vocabulary))])
        victim = SymbolVictim(model, writable.to(model.device), objective)
        words = [codec.tokenizer.tokens(text.text) for text in texts]
        return cls(split, [text.place for text in texts], classes, labels, victim, words, vocabulary)

    def attacked(self, attack: SymbolAttack, target: int | None, seed: int, console: Console) -> AttackedTexts:
        victim, count = self.victim, len(self.words)
        rows = Ragged.from_rows([self.vocabulary.ids(words) for words in self.words])
        budget = int(attack.arguments[attack.budget])
        labels = self._own_answers(rows) if self.labels is None else self.labels.clone()
        attacked, chance = torch.zeros(2, budget + 1, count, len(self.classes))
        after, replaced = [list(words) for words in self.words], torch.zeros_like(labels)
        for indices, symbols, lengths, found, random in exchanges(victim, rows, attack, labels, target, seed, console):
            for k in range(budget + 1):
                attacked[k, indices] = victim.probabilities(found.applied(symbols, k), lengths).float().cpu()
                chance[k, indices] = victim.probabilities(random.applied(symbols, k), lengths).float().cpu()
            replaced[indices] = found.count.cpu()
            for row, index in enumerate(map(int, indices)):
                after[index] = with_names(self.words[index], found, row, self.vocabulary.symbols)
        curves = self.split is not None and target is None
        return AttackedTexts(
            inputs=self,
            method=attack.config(),
            labels=labels,
            answers=Said.of(attacked[0]),
            answers_after=Said.of(attacked[-1]),
            answers_of_noise=Said.of(chance[-1]),
            curve=_by_number(attacked, labels) if curves else None,
            before=self.words,
            after=after,
            replaced=replaced,
            chance=_by_number(chance, labels) if curves else None,
        )

    def _own_answers(self, rows: Ragged) -> Tensor:
        """What the network answers to each of ``rows``, int64 (count,)."""
        answers = torch.zeros(len(rows), dtype=torch.int64)
        for indices in torch.argsort(rows.lengths, stable=True).split(ROWS):
            symbols, lengths = rows.padded(indices)
            answers[indices] = self.victim.predictions(symbols.to(self.victim.writable.device), lengths).cpu()
        return answers


def _by_number(probabilities: Tensor, labels: Tensor) -> Robustness:
    """Accuracy by number of replacements, of ``probabilities`` (numbers, count, classes)."""
    hits = (probabilities.argmax(-1) == labels).double()
    return Robustness(torch.arange(len(hits), dtype=torch.float64), hits.mean(1))
