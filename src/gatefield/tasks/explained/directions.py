"""Whether a series rises next, for explainers: what each change before counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from ...explain.explainer import Explainer
from ...models.sequence.sequence_predictor import SequencePredictor
from ...render.course import course_figure
from ..exhibits import title
from ..explainable import Answer, Drawing, Exhibit, Explainable, ExplainableInput, Explanation, Map
from .odds import WORTH, LogOdds, until

REMARK = (
    "Contributions are counted from the mean change of the training part, and the answer is explained in log-odds, "
    "log p/(1 - p): integrated gradients sum to its log-odds less those after nothing but mean changes."
)
COLUMNS = 5  # of several series, that are drawn by themselves


@dataclass(frozen=True)
class Course(Exhibit):
    """The course of a series, and the changes that the network sees.

    Attributes:
        values: of the series that is tagged, (steps,).
        changes: as people read them, from the step before to each: "+0.4%".
        stamps: when each step was.
        names: of the series whose changes are seen; the first is the one that is tagged.
    """

    values: Tensor
    changes: Sequence[str]
    stamps: Sequence[str]
    names: Sequence[str]

    @property
    def tokens(self) -> Sequence[str]:
        """What stands at each step, in words."""
        return self.changes

    def axis(self) -> dict[str, Any]:
        """When each step was."""
        return {"steps": list(self.stamps)}

    def places(self, heat: Tensor, explainer: Explainer, answer: Answer) -> Tensor:
        """(steps,) or, of several series, (steps, series)."""
        if heat.dim() == 2 and (explainer.shares_places or heat.shape[1] == 1):
            heat = heat[:, 0]
        return until(heat if explainer.signed else heat.abs(), answer.position)

    def peak(self, heat: Tensor) -> dict[str, Any]:
        """When the change was that counts most, and in which series."""
        step, *column = (int(index) for index in torch.unravel_index(heat.abs().argmax(), heat.shape))
        return {"step": self.stamps[step], **({"series": self.names[column[0]]} if column else {})}

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        (explanation,) = explanations
        answer, panels = explanation.answer, {}
        assert answer.position is not None
        assert answer.probability is not None
        for each in explanation.maps:
            panels |= self._panels(each, alone=len(explanation.maps) == 1)
        said = f"{answer.target}: {answer.probability:.0%}"
        figure = course_figure(self.values, self.stamps, answer.position, said, panels, self.names[0])
        caption = (
            f"Above the series up to the step that is asked about, and what came of it, pale; below what each change "
            f"before counts for '{answer.target}', {WORTH}."
        )
        return [Drawing(figure, caption, f"contributions of each change to '{answer.target}'")]

    def _panels(self, each: Map, alone: bool) -> dict[str, Tensor]:
        """The sum over all series; of a method alone also those that count most."""
        if each.heat.dim() == 1:
            return {title(each): each.heat}
        order = each.heat.abs().sum(0).argsort(descending=True, stable=True)[: COLUMNS * alone].tolist()
        return {title(each): each.heat.sum(1), **{str(self.names[column]): each.heat[:, column] for column in order}}


@dataclass(frozen=True)
class ExplainableDirections(Explainable):
    """Whether a series rises after a step; a target is "up" or "not up"."""

    @classmethod
    def of(cls, network: SequencePredictor, classes: Sequence[str], inputs: Iterator[ExplainableInput]) -> Self:
        """What ``network`` offers for ``inputs``, whose exhibits are a `Course`."""
        odds = LogOdds(network).eval()
        return cls(odds, classes, torch.sigmoid, inputs, noun="direction", options={"occlusion": {"window": 1}})

    def answers(
        self, given: ExplainableInput, outputs: Any, target: str | None, position: int | None
    ) -> Iterator[Answer]:
        course = given.exhibit
        assert isinstance(course, Course)
        for answer in super().answers(given, outputs, target, position):
            assert isinstance(answer.place, tuple)
            assert answer.position is not None
            sentence = f"{answer.sentence} In log-odds that is {float(outputs[0, *answer.place]):+.3g}."
            following = course.values[answer.position : answer.position + 2]
            if len(following) == 2:
                sentence += f" The series then {'rose' if following[1] > following[0] else 'did not rise'}."
            yield answer._replace(sentence=sentence)
