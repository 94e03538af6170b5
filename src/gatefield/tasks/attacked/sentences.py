"""Inputs of real numbers whose answers are sentences under attack: what recordings and pictures have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from ...explain.attacks.loss_victim import LossVictim
from ...functional.edit_distance import edits
from ...render.page import Page
from .answers import share
from .parts import ROWS
from .values import AttackedValues, Values

LISTED = 30
NOTHING = "(nothing)"


class Speaker(Protocol):
    """A network that answers with sentences; inputs have numbers."""

    def say(self, raw: Tensor, indices: Tensor) -> list[str]:
        """What it answers to ``raw`` in place of the inputs ``indices``."""
        ...

    def symbols(self, sentence: str) -> Sequence[str]:
        """What errors in a sentence are counted in: its words, or its characters."""
        ...

    def victim(self, raw: Tensor, indices: Tensor, right: Sequence[Sequence[str]]) -> LossVictim:
        """The network over the inputs ``indices``, whose loss is that of all that is ``right`` of each."""
        ...


@dataclass(frozen=True)
class Sentences(Values):
    """Inputs of real numbers that a network answers with sentences.

    Attributes:
        speaker: the network.
        right: of each input the sentences of which any is right: of files, of which nobody told one, what the network
            says before the attack.
        target: the sentence that it shall say in place of them; None: anything wrong.
    """

    speaker: Speaker
    right: Sequence[Sequence[str]]
    target: str | None = field(default=None, kw_only=True)

    def against(self, right: Sequence[Sequence[str]]) -> Self:
        """The same inputs, where other sentences are right."""
        parts = [
            part._replace(victim=self.speaker.victim(part.raw, part.indices, [right[int(i)] for i in part.indices]))
            for part in self.parts
        ]
        return dataclasses.replace(self, parts=parts, right=right)

    def against_itself(self) -> Self:
        """The same inputs, where what the network says is right."""
        return self.against([[sentence] for sentence in self.said([part.raw for part in self.parts])])

    def towards(self, target: str) -> Self:
        told = self.against([[target]] * len(self.names))
        quantity = f"{self.quantity.removesuffix(', %')} against '{target}', %"
        return dataclasses.replace(told, target=target, quantity=quantity)

    def measured(self, values: Sequence[Tensor]) -> Tensor:
        """Edits a symbol of the right sentence, of an empty one in all, in percent; of several that of the nearest."""
        pairs = zip(self.said(values), self.right)
        return torch.tensor([self._error(sentence, right) for sentence, right in pairs], dtype=torch.float64)

    def _error(self, said: str, right: Sequence[str]) -> float:
        symbols = self.speaker.symbols
        return 100 * min(edits(symbols(each), symbols(said)).rate for each in right)

    def said(self, values: Sequence[Tensor]) -> list[str]:
        """What the network says to all inputs, in their order; ``values`` are of the shapes of the parts."""
        said = [""] * len(self.names)
        for part, given in zip(self.parts, values):
            for rows in torch.arange(len(given)).split(ROWS):
                indices = part.indices[rows]
                for index, sentence in zip(indices.tolist(), self.speaker.say(given[rows].float(), indices)):
                    said[index] = sentence
        return said

    def more(self, raw: Sequence[Tensor], changed: Sequence[Tensor], noisy: Sequence[Tensor]) -> dict[str, Any]:
        return {"said": self.said(raw), "said_after": self.said(changed), "said_of_noise": self.said(noisy)}


@dataclass(frozen=True)
class AttackedSentences(AttackedValues):
    """What the network says to each input.

    Attributes:
        said, said_after: before and after.
        said_of_noise: to inputs with random changes as long.
    """

    inputs: Sentences
    said: Sequence[str]
    said_after: Sequence[str]
    said_of_noise: Sequence[str]

    def title(self) -> str:
        target = self.inputs.target
        return super().title() if target is None else f"{super().title()} towards '{target}',"

    @property
    def exact(self) -> dict[str, float]:
        """The share of inputs to which the network says without error what is right, or what it was told to say."""
        said = {"exact": self.errors, "exact_attacked": self.errors_after, "exact_of_noise": self.errors_of_noise}
        return {name: share(errors == 0) for name, errors in said.items()}

    def answered(self, index: int) -> tuple[str, str, str]:
        """What the network says to one input: before, after, and to mere noise."""
        before, after, noise = (said[index] or NOTHING for said in (self.said, self.said_after, self.said_of_noise))
        return before, after, noise

    def right(self, index: int) -> str:
        """All that would be right of one input."""
        return " \N{MIDDLE DOT} ".join(self.inputs.right[index])

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"target": self.inputs.target} | self.exact

    def row(self, index: int) -> dict[str, Any]:
        said = {"said": self.said, "said_attacked": self.said_after, "said_of_noise": self.said_of_noise}
        return super().row(index) | {name: each[index] for name, each in said.items()}

    def sentences(self) -> list[str]:
        if self.inputs.split is not None:
            return super().sentences()
        rows = (self.row(index) for index in range(len(self.said)))
        return [
            f"{row['input']}: '{row['said']}' -> '{row['said_attacked']}', with {self.noise} '{row['said_of_noise']}'; "
            f"{self.inputs.quantity}: {row['error']:.4g} -> {row['error_attacked']:.4g}, {row['error_of_noise']:.4g}"
            for row in rows
        ]

    def facts(self) -> dict[str, str]:
        if self.inputs.split is None and self.inputs.target is None:
            return super().facts()
        before, after, noise = (f"{each:.1%}" for each in self.exact.values())
        what = "without error" if self.inputs.target is None else "say just that"
        return {what: f"{before} -> {after}", f"{what}, with {self.noise}": noise} | super().facts()

    def list_sentences(self, page: Page) -> None:
        """What the network says to some inputs, as a table."""
        page.heading("What the network says")
        if self.inputs.split is None and self.inputs.target is None:
            page.text(
                "Nobody told what is right of these: what the network says before the attack stands in for it, though "
                "another sentence may be right as well."
            )
        told = self.inputs.target is None
        columns = [self.inputs.noun, *(["right"] if told else []), "before", "attacked", f"with {self.noise}"]
        rows = [
            (self.inputs.names[index], *([self.right(index)] if told else []), *self.answered(index))
            for index in self.shown(LISTED)
        ]
        page.table(columns, rows)
