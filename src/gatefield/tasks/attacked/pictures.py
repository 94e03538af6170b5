"""Pictures under attack, pixel by pixel; and plain vectors, which classifiers take as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...explain.attacks.attack import whole_pixels
from ...explain.attacks.robustness import translation_robustness
from ...explain.attacks.victim import Victim
from ...functional.spread import spread_over
from ...render.page import Page
from ...render.pictures import picture_grid
from ..classifier import TrainedClassifier
from .numbers import AttackedNumbers, Numbers
from .parts import Part

MOVED, REACH = 200, 2  # images that are moved, and by how many pixels
SHOWN = 8


@dataclass(frozen=True)
class AttackedPictures(AttackedNumbers):
    """What became of each picture.

    Attributes:
        moved: accuracy where pictures move by (dy, dx) pixels, each from -2 to 2; None of files and other inputs.
    """

    moved: Tensor | None

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | ({} if self.moved is None else {"moved": self.moved.tolist()})

    def illustrate(self, page: Page) -> None:
        if self.moved is not None:
            page.heading("Accuracy where pictures move")
            names = [f"{step:+d}" if step else "0" for step in range(-REACH, REACH + 1)]
            columns = ["down \\ right", *names]
            rows = [[name, *(f"{share:.1%}" for share in row)] for name, row in zip(names, self.moved.tolist())]
            page.table(columns, rows, f"By so many pixels, of {min(MOVED, len(self.raw))} pictures; borders repeat.")
        if len(self.raw) and self.raw[0].dtype == torch.uint8 and self.raw[0].dim() == 3:
            self._pictures(page)

    def _pictures(self, page: Page) -> None:
        """Before, what was added, after, and mere noise."""
        images, captions = [], []
        for index in self.shown(SHOWN):
            four, scale = before_and_after(self.raw[index], self.changed[index], self.noisy[index])
            images += four
            captions += [
                f"{self.answer(self.answers, index)}\n{self.inputs.names[index]}",
                f"added\n{scale:.3g} times",
                f"{self.answer(self.answers_after, index)}\nattacked",
                f"{self.answer(self.answers_of_noise, index)}\nwith {self.noise}",
            ]
        page.heading("Before, what was added, after, and mere noise")
        caption = (
            "Below each what the network answers, and the probability that it gives to it; pictures show changes "
            "rounded to whole grey levels, answers are to those that are not."
        )
        page.figure(picture_grid(images, captions, columns=4), caption, "pictures before and after the attack")


@dataclass(frozen=True)
class Pictures(Numbers):
    """Pictures, uint8 (channels, height, width), or vectors of real numbers."""

    noun = "images"
    unit = "grey levels"
    note = "Budgets and lengths are in grey levels of 255."
    precision = "whole grey levels"
    result = AttackedPictures

    @classmethod
    def of(
        cls,
        trained: TrainedClassifier,
        split: str | None,
        names: Sequence[str],
        raw: Tensor,
        labels: Tensor | None,
    ) -> Pictures:
        """What a classifier offers of ``raw`` (count, ...)."""
        raw = raw.to(trained.device)
        part = Part(torch.arange(len(raw)), victim_of(trained, raw), raw)
        return cls(split, names, trained.classes, labels, [part])

    def rounded(self, changed: Tensor, raw: Tensor) -> Tensor | None:
        return whole_pixels(changed, raw) if raw.dtype == torch.uint8 else None

    def more(self, labels: Tensor) -> dict[str, Any]:
        (part,) = self.parts
        raw = part.raw
        if self.split is None or raw.dtype != torch.uint8 or raw.dim() != 4 or min(raw.shape[2:]) <= REACH:
            return {"moved": None}
        spread = spread_over(len(raw), MOVED)
        return {"moved": translation_robustness(part.victim, raw[spread], labels[spread].to(raw.device), REACH)}


def before_and_after(raw: Tensor, changed: Tensor, noisy: Tensor) -> tuple[list[Tensor], float]:
    """A picture uint8 (channels, height, width), what was added, the changed one and the one with mere noise, in whole
    grey levels; and how many times larger than it is what was added is drawn, on grey.
    """
    after = whole_pixels(changed, raw)
    r = after.float() - raw.float()
    scale = 127 / max(float(r.abs().max()), 1.0)
    return [raw, (128 + scale * r).clamp(0, 255).to(torch.uint8), after, whole_pixels(noisy, raw)], scale


def victim_of(trained: TrainedClassifier, raw: Tensor) -> Victim:
    """The classifier as an attacker sees it: pixels lie in [0, 255], other numbers anywhere."""
    bounds = (0.0, 255.0) if raw.dtype == torch.uint8 else (-torch.inf, torch.inf)
    return Victim(trained.model, lambda x: trained.preparation(x, trained.device), trained.objective, bounds)
