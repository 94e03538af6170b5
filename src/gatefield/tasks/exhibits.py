"""What a person looks at: pictures, texts, sounds and the past of a series, with what counts in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..core.discovery import family
from ..data.corpus import Recording
from ..explain.explainer import Explainer
from ..functional.spectrogram import log_mel_spectrogram
from ..render.contributions import contribution_figure
from ..render.overlay import Box, overlay
from ..render.pictures import picture_grid
from ..render.position_map import position_map
from ..render.spectrogram import spectrogram_strips
from ..render.token_strip import token_strip
from .explainable import Answer, Drawing, Exhibit, Explanation, Map
from .sound_sections import BANDS

MOST = 60  # names along an axis of a map
COLUMNS = 5  # of a series and its covariates that are drawn by themselves


@dataclass(frozen=True)
class Picture(Exhibit):
    """A picture at its own size.

    Attributes:
        pixels: uint8 (channels, height, width).
        box: (top, left, height, width), the part that the network sees.
    """

    pixels: Tensor
    box: Box

    def places(self, heat: Tensor, explainer: Explainer, answer: Answer) -> Tensor:
        if heat.dim() == 2:
            return heat
        if explainer.shares_places:
            return heat[0]
        return heat.sum(0) if explainer.signed else heat.abs().amax(0)

    def peak(self, heat: Tensor) -> list[int]:
        """Row and column of the picture."""
        place = torch.unravel_index(heat.argmax(), heat.shape)
        top, left, height, width = self.box
        scales = (height / heat.shape[0], width / heat.shape[1])
        return [int(start + (index + 0.5) * scale) for start, index, scale in zip((top, left), place, scales)]

    def overlays(self, maps: Sequence[Map]) -> list[Any]:
        """The picture with each of ``maps`` laid over it, uint8 (3, height, width)."""
        return [overlay(self.pixels, each.heat, self.box) for each in maps]

    def tiles(self, explanation: Explanation) -> tuple[list[Any], list[str]]:
        """The picture and its overlays, and what stands below each."""
        captions = [explanation.answer.label, *map(title, explanation.maps)]
        return [self.pixels, *self.overlays(explanation.maps)], captions

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        names = ", ".join(each.method for each in explanations[0].maps)
        figure = picture_grid(*self.tiles(explanations[0]), columns=5)
        return [Drawing(figure, "The picture, and what counts in it.", f"the picture and maps by {names}")]


@dataclass(frozen=True)
class Text(Exhibit):
    """A text, token by token."""

    tokens: Sequence[str]
    caption: ClassVar[str] = "A row for each answer, a column for each token it may be due to"

    def axis(self) -> dict[str, Any]:
        """The tokens, a number of a map for each."""
        return {"tokens": list(self.tokens)}

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        if len(explanations) > 1:
            return self._maps(explanations)
        (explanation,) = explanations
        asked, marked = self.asked(explanation.answer), self.marked(explanation.answer)
        return [
            Drawing(token_strip(self.tokens, each.heat, f"{asked} · {title(each, ' · ')}", marked), "", each.method)
            for each in explanation.maps
        ]

    def asked(self, answer: Answer) -> str:
        """What an answer is called among others."""
        return answer.target if answer.position is None else f"{self.tokens[answer.position]}: {answer.target}"

    def marked(self, answer: Answer) -> int | None:
        """The token that an answer belongs to, if any."""
        return answer.position

    def _maps(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        """A row for each position that has an answer, a column for each token."""
        rows = [self.asked(explanation.answer) for explanation in explanations]
        return [
            Drawing(
                position_map(rows, self.tokens, heat, title(each, " · "), each_row=True),
                f"{self.caption}; full colour is a row's largest.",
                f"map by {each.method}",
            )
            for each, heat in stacked(explanations)
        ]


@dataclass(frozen=True)
class Sound(Exhibit):
    """A recording, frame by frame.

    Attributes:
        recording: what was heard.
        hop: seconds from one frame to the next.
        window: seconds that a frame lasts.
    """

    recording: Recording
    hop: float
    window: float

    def axis(self) -> dict[str, Any]:
        """Seconds: the middle of the first frame, and from one to the next."""
        return {"first": self.window / 2, "hop": self.hop}

    def peak(self, heat: Tensor) -> list[float]:
        """The middle of the frame, in seconds."""
        return [round(int(heat.argmax()) * self.hop + self.window / 2, 4)]

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        maps = explanations[0].maps
        caption = "Above the sound, low bands below; below what each moment counts for the answer."
        return [self.strips({title(each): each.heat for each in maps}, caption)]

    def strips(self, strips: Mapping[str, Tensor], caption: str) -> Drawing:
        """The sound, and below it one number a frame by each name."""
        samples, rate = self.recording.samples, self.recording.rate
        S = log_mel_spectrogram(samples, rate, bands=BANDS, low=60.0)
        figure = spectrogram_strips(S, len(samples) / rate, strips, self.window / 2, self.hop)
        return Drawing(figure, caption, f"spectrogram and what counts: {', '.join(strips)}")


@dataclass(frozen=True)
class Past(Exhibit):
    """The window of a series that a forecaster sees, and its forecasts.

    Attributes:
        past: what the network was given, in the units of the series, (window, columns); series first.
        columns: names.
        ahead: stamps of the steps ahead.
        forecast: (horizon, series).
        scale: what a contribution is multiplied by to be in the units of its series, (series,).
        unit: what contributions are then measured in.
    """

    past: Tensor
    columns: Sequence[str]
    ahead: Sequence[str]
    forecast: Tensor
    scale: Tensor
    unit: str

    def places(self, heat: Tensor, explainer: Explainer, answer: Answer) -> Tensor:
        """(window,) or, of several columns, (window, columns); contributions in the units of the series."""
        if heat.dim() == 2 and (explainer.shares_places or heat.shape[1] == 1):
            heat = heat[:, 0]
        if not explainer.signed:
            return heat.abs()
        return heat * float(self.scale[_series(answer)]) if _contributes(type(explainer)) else heat

    def peak(self, heat: Tensor) -> dict[str, Any]:
        """The column, and how many steps before the first forecast: 1 is the last value."""
        step, *column = (int(index) for index in torch.unravel_index(heat.abs().argmax(), heat.shape))
        return {"lag": len(heat) - step, **({"column": self.columns[column[0]]} if column else {})}

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        if len(explanations) > 1:
            return self._maps(explanations)
        (explanation,) = explanations
        position, series = explanation.answer.position or 0, _series(explanation.answer)
        panels = {}
        for each in explanation.maps:
            panels |= self._panels(each, alone=len(explanation.maps) == 1)
        figure = contribution_figure(
            self.past[:, series], self.forecast[:, series], position, panels, self.columns[series]
        )
        unit = self._unit(explanation.maps)
        caption = f"Above the series and its forecast; below what each step back counts for the marked one{unit}."
        return [Drawing(figure, caption, f"contributions by lag to the forecast of {self.ahead[position]}")]

    def _panels(self, each: Map, alone: bool) -> dict[str, Tensor]:
        """The sum over all columns; of a method alone also those columns that count most."""
        if each.heat.dim() == 1:
            return {title(each): each.heat}
        order = each.heat.abs().sum(0).argsort(descending=True, stable=True)[: COLUMNS * alone].tolist()
        several: dict[str, Tensor] = {str(self.columns[column]): each.heat[:, column] for column in order}
        return {title(each): each.heat.sum(1), **several}

    def _maps(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        """A row for each step ahead, a column for each step back."""
        answers = [explanation.answer for explanation in explanations]
        rows = spaced([f"{self.ahead[answer.position or 0]}: {answer.label}" for answer in answers])
        window = len(self.past)
        columns = spaced([str(lag) for lag in range(window, 0, -1)])
        caption = "A row for each step ahead, a column for each step back; the last value is 1 step back."
        drawings = []
        for each, heat in stacked(explanations):
            heat = heat.sum(-1) if heat.dim() == 3 else heat
            figure = position_map(rows, columns, heat, title(each, " · "))
            largest = f" Full colour is {float(heat.abs().max()):.3g}{self._unit([each])}."
            drawings.append(Drawing(figure, caption + largest, f"map by {each.method}"))
        return drawings

    def _unit(self, maps: Sequence[Map]) -> str:
        """What the numbers are measured in, where all ``maps`` are contributions."""
        return (
            f", in {self.unit}" if all(_contributes(family(Explainer).find(each.method).cls) for each in maps) else ""
        )


def title(each: Map, between: str = "\n") -> str:
    """What stands above a map: its method, its layer, and whether it is empty."""
    nothing = [] if bool(each.heat.any()) else ["nothing speaks for it"]
    return between.join([each.method, *([] if each.layer is None else [each.layer]), *nothing])


def _contributes(explainer: type[Explainer]) -> bool:
    """Whether it shares out a score, so that its numbers are in the score's units."""
    return explainer.signed and not explainer.per_place


def _series(answer: Answer) -> int:
    """The number of the series whose forecast is explained."""
    assert isinstance(answer.place, tuple)
    return answer.place[1]


def stacked(explanations: Sequence[Explanation]) -> list[tuple[Map, Tensor]]:
    """For each method that explained all positions: a map that stands for it, and all numbers, (positions, ...)."""
    found = []
    for each in explanations[0].maps:
        own = [other for explanation in explanations for other in explanation.maps if other.method == each.method]
        if len(own) == len(explanations):
            heat = torch.stack([other.heat for other in own])
            found.append((each._replace(heat=heat), heat))
    return found


def spaced(names: Sequence[str], most: int = MOST) -> list[str]:
    """``names`` with so many left out that the rest, ``most`` of them, can be read."""
    every = -(-len(names) // most)
    return [name if number % every == 0 else "" for number, name in enumerate(names)]
