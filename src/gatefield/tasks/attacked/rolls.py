"""Piano rolls under attack: keys that are struck or let go of where the network hears them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...data.corpus import Roll
from ...data.ragged import Ragged
from ...explain.attacks.answer_victim import AnswerVictim
from ...models.sequence.sequence_predictor import SequencePredictor
from ...render.attacked_roll import attacked_roll
from ...render.page import Page
from .parts import ROWS, Part
from .values import AttackedValues, Values

EPSILON = 0.1  # of a key
SHOWN, FRAMES = 3, 100


@dataclass(frozen=True)
class AttackedRolls(AttackedValues):
    """What became of each piece.

    Attributes:
        expected, expected_after: probability of each key in the frame after each, (time - 1, keys).
    """

    inputs: Rolls
    expected: Sequence[Tensor]
    expected_after: Sequence[Tensor]

    def illustrate(self, page: Page) -> None:
        page.heading("What was heard, and what the network expects")
        page.text(
            "Above the frames that the network hears: in blue what was played, in orange keys that the attack struck, "
            "in outlines keys that it let go of. Below what the network expects of each frame, having heard all before "
            "it, before and after the attack. From the piece that suffered most to the one that suffered least."
        )
        for index in self.shown(SHOWN):
            heard = self.raw[index][:FRAMES]
            if not len(heard):
                continue
            expected, after = self.expected[index][:FRAMES], self.expected_after[index][:FRAMES]
            figure = attacked_roll(heard, self.changed[index][:FRAMES], expected, after)
            caption = f"{self.inputs.names[index]}: {self.inputs.quantity} {self.change(index)}."
            page.figure(figure, caption, "a piano roll with changed keys above what is expected before and after")


@dataclass(frozen=True)
class Rolls(Values):
    """All frames but the last of each piece, (time - 1, keys), 0 or 1."""

    method = "flip"
    noun = "pieces"
    unit = "of a key"
    note = (
        "A flip strikes a key that is silent, or lets go of one that sounds, in one frame that the network hears; an "
        "epsilon lies between silence, 0, and sound, 1. What is to be foretold stays what was played. A piece counts "
        "as one, however long it is."
    )
    result = AttackedRolls

    @classmethod
    def of(cls, network: SequencePredictor, split: str | None, pieces: Sequence[Roll]) -> Rolls:
        """What ``network`` offers of ``pieces``."""
        rows = Ragged.from_rows([piece.notes for piece in pieces])
        parts = [_part(network, rows, indices) for indices in torch.argsort(rows.lengths, stable=True).split(ROWS)]
        names = [piece.place for piece in pieces]
        return cls(split, names, "nats a frame", parts, options={"epsilon": EPSILON})

    def more(self, raw: Sequence[Tensor], changed: Sequence[Tensor], noisy: Sequence[Tensor]) -> dict[str, Any]:
        values = {"expected": raw, "expected_after": changed}
        return {name: [logits.sigmoid() for logits in self.answers(given)] for name, given in values.items()}


def _part(network: SequencePredictor, rolls: Ragged, indices: Tensor) -> Part:
    """The pieces ``indices``, and the network over them: from frames to logits of the keys of each following one."""
    raw, lengths = (each.to(network.device) for each in rolls.without_last().padded(indices))
    following = rolls.without_first().padded(indices)[0].to(network.device, torch.float32)
    there = (torch.arange(raw.shape[1], device=raw.device) < lengths[:, None])[..., None].expand(raw.shape)

    def answer(raw: Tensor, rows: Tensor) -> Tensor:
        return network(raw, lengths[rows])[0]

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        losses = functional.binary_cross_entropy_with_logits(logits, following[rows], reduction="none")
        return torch.where(there[rows], losses, 0).sum((1, 2)) / lengths[rows].clamp(min=1)

    return Part(indices, AnswerVictim(network, answer, loss, (0.0, 1.0), there), raw)
