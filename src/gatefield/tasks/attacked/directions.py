"""Whether a series rises next, under attack: the changes of the series, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...data.ragged import Ragged
from ...data.sequence_set import IGNORED
from ...explain.attacks.answer_victim import AnswerVictim
from ...models.sequence.sequence_predictor import SequencePredictor
from ...render.before_after import Trace, before_after
from ...render.page import Page
from .parts import ROWS, Part
from .values import AttackedValues, Values

EPSILON = 0.1  # standard deviations
SHOWN = 3


@dataclass(frozen=True)
class AttackedDirections(AttackedValues):
    """What became of each stretch.

    Attributes:
        chances, chances_after, chances_of_noise: of a rise after each step, (steps,) each.
    """

    inputs: Stretches
    chances: Sequence[Tensor]
    chances_after: Sequence[Tensor]
    chances_of_noise: Sequence[Tensor]

    def illustrate(self, page: Page) -> None:
        page.heading("Step by step")
        page.text(
            "Above the changes that the network reads, in ink as they are, in orange attacked, in dashes with noise as "
            "long. Below its chance of a rise after each step, in blue before the attack, in orange after it; dots are "
            "what came, above a rise, below none. From the stretch that suffered most to the one that suffered least."
        )
        for index in self.shown(SHOWN):
            inputs = self.inputs
            panels = {
                f"Changes of {inputs.series}, standard deviations": [
                    Trace("with noise", self.noisy[index][:, 0], "chance"),
                    Trace("attacked", self.changed[index][:, 0], "after"),
                    Trace("as it is", self.raw[index][:, 0], "given"),
                ],
                "Chance of a rise next": [
                    Trace("with noise", self.chances_of_noise[index], "chance"),
                    Trace("before", self.chances[index], "before"),
                    Trace("attacked", self.chances_after[index], "after"),
                    Trace("what came", inputs.rises[index].double(), "came"),
                ],
            }
            caption = f"{inputs.names[index]}: {inputs.quantity} {self.change(index)}."
            figure = before_after(panels, inputs.stamps[index])
            page.figure(figure, caption, "changes of a series and chances of a rise before and after the attack")


@dataclass(frozen=True)
class Stretches(Values):
    """Changes of series, (steps, series), in standard deviations.

    Attributes:
        rises: whether the first series rises after each step of each stretch, int64 (steps,).
        stamps: when each step was.
        series: what the first one is called.
    """

    rises: Sequence[Tensor]
    stamps: Sequence[Sequence[str]]
    series: str

    noun = "stretches"
    unit = "standard deviations"
    note = (
        "Budgets are in standard deviations of the changes in the training part. The network is fed other changes; "
        "what is right stays what the true series did."
    )
    result = AttackedDirections

    @classmethod
    def of(
        cls,
        network: SequencePredictor,
        split: str | None,
        names: Sequence[str],
        changes: Sequence[Tensor],
        rises: Sequence[Tensor],
        stamps: Sequence[Sequence[str]],
        series: str,
    ) -> Stretches:
        """What ``network`` offers of ``changes``, float32 (steps, series) each, as it reads them."""
        rows, right = Ragged.from_rows(changes), Ragged.from_rows(rises)
        parts = [
            _part(network, rows, right, indices) for indices in torch.argsort(rows.lengths, stable=True).split(ROWS)
        ]
        quantity = "share of wrong directions"
        return cls(split, names, quantity, parts, rises, stamps, series, options={"epsilon": EPSILON})

    def errors(self, part: Part, raw: Tensor, rows: Tensor) -> Tensor:
        victim = part.victim
        assert isinstance(victim, AnswerVictim)
        said = (victim.answers(raw, rows).softmax(2)[..., 1] > 0.5).long().cpu()
        shares = [
            (row[: len(right)] != right).double().mean()
            for row, right in zip(said, (self.rises[index] for index in part.indices[rows].tolist()))
        ]
        return torch.stack(shares)

    def more(self, raw: Sequence[Tensor], changed: Sequence[Tensor], noisy: Sequence[Tensor]) -> dict[str, Any]:
        values = {"chances": raw, "chances_after": changed, "chances_of_noise": noisy}
        return {name: [row.softmax(1)[:, 1] for row in self.answers(given)] for name, given in values.items()}


def _part(network: SequencePredictor, changes: Ragged, rises: Ragged, indices: Tensor) -> Part:
    """The stretches ``indices``, and the network over them: from changes to logits after each step."""
    raw, lengths = (each.to(network.device) for each in changes.padded(indices))
    right = rises.padded(indices, IGNORED)[0].to(network.device)
    there = (torch.arange(raw.shape[1], device=raw.device) < lengths[:, None])[..., None].expand(raw.shape)

    def answer(raw: Tensor, rows: Tensor) -> Tensor:
        return network(raw, lengths[rows])[0]

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        losses = functional.cross_entropy(logits.transpose(1, 2), right[rows], reduction="none", ignore_index=IGNORED)
        return losses.sum(1) / lengths[rows].clamp(min=1)

    return Part(indices, AnswerVictim(network, answer, loss, there=there), raw)
