"""Films under attack: the frames that are seen, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...data.film_windows import FilmWindows
from ...explain.attacks.answer_victim import AnswerVictim
from ...explain.attacks.attack import whole_pixels
from ...models.model import Model
from ...render.film import FilmRow, film_rows
from ...render.page import Page
from ..film_errors import entropies
from .parts import Part
from .values import AttackedValues, Values

SHOWN = 3


@dataclass(frozen=True)
class AttackedFilms(AttackedValues):
    """What became of each window of a film.

    Attributes:
        said, said_after, said_of_noise: what is forecast, in [0, 1], (horizon, channels, height, width) each.
    """

    inputs: SeenFrames
    said: Sequence[Tensor]
    said_after: Sequence[Tensor]
    said_of_noise: Sequence[Tensor]

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"least": self.inputs.least}

    def facts(self) -> dict[str, str]:
        return {f"a forecast that is right, {self.inputs.quantity}": f"{self.inputs.least:.4g}"}

    def illustrate(self, page: Page) -> None:
        page.heading("What was seen, and what is forecast of it")
        page.text(
            "What was added to the frames is drawn larger than it is, grey where nothing was. From the film that "
            "suffered most to the one that suffered least."
        )
        for index in self.shown(SHOWN):
            raw, added = self.raw[index], self.added[index]
            scale = 127 / max(float(added.abs().max()), 1e-12) if added.any() else 1.0
            rows = [
                FilmRow("seen, then what came", torch.cat([raw, self.inputs.came[index]])),
                FilmRow("forecast", _grey(self.said[index]), len(raw)),
                FilmRow(f"added, {scale:.3g} times", (128 + scale * added).clamp(0, 255).to(torch.uint8)),
                self._row("attacked, then forecast", self.changed[index], self.said_after[index], raw),
                self._row(f"with {self.noise}, then forecast", self.noisy[index], self.said_of_noise[index], raw),
            ]
            caption = f"{self.inputs.names[index]}: {self.inputs.quantity} {self.change(index)}."
            page.figure(film_rows(rows, len(raw)), caption, "frames and their forecasts before and after the attack")

    @staticmethod
    def _row(name: str, seen: Tensor, said: Tensor, raw: Tensor) -> FilmRow:
        return FilmRow(name, torch.cat([whole_pixels(seen, raw), _grey(said)]))


@dataclass(frozen=True)
class SeenFrames(Values):
    """The frames before each forecast, uint8 (past, channels, height, width).

    Attributes:
        came: the frames that followed, uint8 (horizon, channels, height, width).
    """

    came: Sequence[Tensor]

    noun = "windows of films"
    unit = "grey levels"
    note = "Budgets are in grey levels of 255. The frames that are seen are attacked; what came stays what came."
    result = AttackedFilms

    @classmethod
    def of(
        cls, network: Model, split: str | None, names: Sequence[str], windows: FilmWindows, chosen: Tensor
    ) -> SeenFrames:
        """What ``network`` offers of the windows number ``chosen``, int64 (count,)."""
        frames = windows.frames(chosen)
        raw, came = frames[:, : windows.past], frames[:, windows.past :]
        targets = (came.flatten(2).float() / 255).to(network.device)

        def answer(raw: Tensor, rows: Tensor) -> Tensor:
            return network(raw / 255)

        def loss(logits: Tensor, rows: Tensor) -> Tensor:
            losses = functional.binary_cross_entropy_with_logits(logits, targets[rows], reduction="none")
            return losses.sum(2).mean(1)

        victim = AnswerVictim(network, answer, loss, (0.0, 255.0))
        part = Part(torch.arange(len(raw)), victim, raw.to(network.device))
        return cls(split, names, "nats a frame", [part], list(came))

    @property
    def least(self) -> float:
        """The cross-entropy of forecasts that are right: greys, neither on nor off, keep their own."""
        return float(entropies(torch.stack(list(self.came)).flatten(2).double() / 255).sum(2).mean())

    def more(self, raw: Sequence[Tensor], changed: Sequence[Tensor], noisy: Sequence[Tensor]) -> dict[str, Any]:
        values = {"said": raw, "said_after": changed, "said_of_noise": noisy}
        return {
            name: [logits.sigmoid().view_as(came) for logits, came in zip(self.answers(given), self.came)]
            for name, given in values.items()
        }


def _grey(shares: Tensor) -> Tensor:
    return (shares * 255).round().to(torch.uint8)
