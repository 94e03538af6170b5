"""Forecasts of films for explainers: what each pixel that was seen counts for a spot of a frame to come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...explain.explainer import Explainer
from ...models.model import Model
from ...render.film_contributions import FilmRow, film_contributions
from ..exhibits import title
from ..explainable import Answer, Drawing, Exhibit, Explainable, ExplainableInput, Explanation, Map

SIDE = 3  # of the spot around a pixel
REMARK = (
    f"Explained is the brightness of a spot of {SIDE} x {SIDE} pixels in a frame to come, as the mean of its pixels' "
    "log-odds, log p/(1 - p): the brightest spot of each frame, or the one around --target ROW,COLUMN. Contributions "
    "are counted from a black film."
)


@dataclass(frozen=True)
class SeenFilm(Exhibit):
    """The frames that the network saw, and those that it forecasts.

    Attributes:
        frames: uint8 (past, channels, height, width).
        forecast: in [0, 1], (horizon, channels, height, width).
    """

    frames: Tensor
    forecast: Tensor

    def axis(self) -> dict[str, Any]:
        """The numbers of the frames: 0 is the last that was seen."""
        return {"frames": list(range(1 - len(self.frames), 1))}

    def places(self, heat: Tensor, explainer: Explainer, answer: Answer) -> Tensor:
        """(past, height, width)."""
        if heat.dim() == 3:
            return heat
        if explainer.shares_places:
            return heat[0]
        return heat.sum(0) if explainer.signed else heat.norm(dim=0)

    def peak(self, heat: Tensor) -> dict[str, int]:
        """The frame, 0 being the last that was seen, and in it row and column."""
        frame, row, column = (int(index) for index in torch.unravel_index(heat.argmax(), heat.shape))
        return {"frame": frame + 1 - len(self.frames), "row": row, "column": column}

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        methods = list(dict.fromkeys(each.method for explanation in explanations for each in explanation.maps))
        rows = [
            (each.method, self._row(explanation, each)) for explanation in explanations for each in explanation.maps
        ]
        if len(explanations) == 1:
            return [self._drawing([row for _, row in rows], methods)]
        return [self._drawing([row for name, row in rows if name == method], [method]) for method in methods]

    def _row(self, explanation: Explanation, each: Map) -> FilmRow:
        assert isinstance(explanation.answer.place, tuple)
        at, pixel = explanation.answer.place
        frame = (self.forecast[at] * 255).round().to(torch.uint8)
        row, column = divmod(pixel, frame.shape[-1])
        name = f"frame +{at + 1}, row {row}, column {column}: {explanation.answer.label} · {title(each, ' · ')}"
        return FilmRow(name, each.heat, frame, (row, column))

    def _drawing(self, rows: Sequence[FilmRow], methods: Sequence[str]) -> Drawing:
        caption = (
            "Above the frames that were seen, 0 the last; in the rows below what each of their pixels counts for the "
            "framed spot of the forecast at the right. Full colour is a row's largest."
        )
        return Drawing(
            film_contributions(self.frames, rows, SIDE), caption, f"frames with maps by {', '.join(methods)}"
        )


class SpotNetwork(nn.Module):
    """The mean log-odds of the spot around each pixel of the frames to come.

    Args:
        network: from frames (rows, time, channels, height, width) to logits (rows, horizon, pixels).
        size: channels, height and width of a frame.
    """

    def __init__(self, network: Model, size: Sequence[int]) -> None:
        super().__init__()
        self.network, self.size = network, tuple(size)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, horizon, height * width) of films with the axes of volumes, (rows, channels, time, height, width)."""
        z = self.network(x.movedim(2, 1)).unflatten(2, self.size)
        return spots(z).flatten(2)


def spots(frames: Tensor) -> Tensor:
    """The mean over channels and the spot around each pixel: (..., channels, height, width) -> (..., height, width)."""
    grey = frames.mean(-3)
    mean = functional.avg_pool2d(grey.flatten(0, -3)[:, None], SIDE, 1, SIDE // 2, count_include_pad=False)
    return mean.view_as(grey)


@dataclass(frozen=True)
class ExplainableFilms(Explainable):
    """Spots of the frames to come; a target is a pixel, ``row,column`` from 0 at the upper left."""

    @classmethod
    def of(cls, network: Model, size: Sequence[int], inputs: Iterator[ExplainableInput]) -> Self:
        """What ``network`` offers for ``inputs``, whose exhibits are a `SeenFilm`."""
        _, height, width = size
        pixels = [f"{row},{column}" for row in range(height) for column in range(width)]
        window = [1, max(height // 4, 1), max(width // 4, 1)]
        options = {"occlusion": {"window": window}}
        return cls(SpotNetwork(network, size).eval(), pixels, torch.sigmoid, inputs, noun="pixel", options=options)

    def number(self, target: str) -> int:
        return super().number(target.replace(" ", ""))

    def answers(
        self, given: ExplainableInput, outputs: Any, target: str | None, position: int | None
    ) -> Iterator[Answer]:
        film = given.exhibit
        assert isinstance(film, SeenFilm)
        brightness = spots(film.forecast).flatten(1)
        for at in given.explained(position):
            assert at is not None
            assert given.positions is not None
            pixel = int(brightness[at].argmax()) if target is None else self.number(target)
            row, column = divmod(pixel, film.forecast.shape[-1])
            bright = float(brightness[at, pixel])
            sentence = (
                f"Frame {given.positions[at]}: explained is the brightness of the spot around row {row}, column "
                f"{column}{', the brightest of the frame' if target is None else ''}: {bright:.0%}."
            )
            yield Answer(f"{bright:.0%}", self.classes[pixel], (at, pixel), None, at, sentence)
