"""Frames of piano rolls for explainers: what each key that was heard counts for one that may sound next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from ...explain.explainer import Explainer
from ...models.sequence.sequence_predictor import SequencePredictor
from ...render.piano_roll import LOWEST, key_name
from ...render.roll_contributions import roll_contributions
from ..exhibits import title
from ..explainable import Answer, Drawing, Exhibit, Explainable, ExplainableInput, Explanation
from .odds import until

REMARK = (
    "Contributions are counted from silence, and a key is explained in log-odds, log p/(1 - p): integrated gradients "
    "sum to its log-odds less those that it would have after nothing but silence."
)
SHOWN = 48  # frames that are drawn, the last before the one that is asked about


@dataclass(frozen=True)
class HeardRoll(Exhibit):
    """What the network heard.

    Attributes:
        notes: 0 or 1, (time, keys).
        expected: probability of each key in the frame after each, (time, keys).
    """

    notes: Tensor
    expected: Tensor

    @property
    def tokens(self) -> list[str]:
        """The chord of each frame, low keys first."""
        chords = ["·".join(key_name(key) for key in frame.nonzero()[:, 0].tolist()) for frame in self.notes]
        return [chord or "silence" for chord in chords]

    def axis(self) -> dict[str, Any]:
        """How many frames were heard."""
        return {"frames": len(self.notes)}

    def places(self, heat: Tensor, explainer: Explainer, answer: Answer) -> Tensor:
        """(time, keys), or (time,) of a method that has one number a frame."""
        heat = heat[..., 0] if explainer.shares_places else heat
        return until(heat if explainer.signed else heat.abs(), answer.position)

    def peak(self, heat: Tensor) -> dict[str, Any]:
        """The number of the frame, from 1, and the key."""
        frame, *key = (int(index) for index in torch.unravel_index(heat.argmax(), heat.shape))
        return {"frame": frame + 1, **({"key": key_name(key[0])} if key else {})}

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        (explanation,) = explanations
        assert isinstance(explanation.answer.place, tuple)
        at, key = explanation.answer.place
        first, end = max(at + 1 - SHOWN, 0), at + 1
        drawings = []
        for each in explanation.maps:
            heat = each.heat if each.heat.dim() == 2 else each.heat[:, None].expand_as(self.notes)
            figure = roll_contributions(
                self.notes[first:end], heat[first:end], self.expected[at], key, title(each, " · "), first + 1
            )
            what = "each key that was heard" if each.heat.dim() == 2 else "each frame as a whole"
            caption = (
                f"Left in colour what {what} counts for {key_name(key)}, full colour being "
                f"{float(heat.abs().max()):.2g}; right what the network expects in frame {at + 2}."
            )
            drawings.append(Drawing(figure, caption, f"piano roll with what counts by {each.method}"))
        return drawings


@dataclass(frozen=True)
class ExplainableFrames(Explainable):
    """The keys of the frame that follows each; a target is a key, by its name or its number in MIDI."""

    @classmethod
    def of(cls, network: SequencePredictor, inputs: Iterator[ExplainableInput]) -> Self:
        """What ``network`` offers for ``inputs``, whose exhibits are a `HeardRoll`."""
        keys = [key_name(key) for key in range(network.classifier.out_features)]
        return cls(network, keys, torch.sigmoid, inputs, noun="key", options={"occlusion": {"window": 1}})

    def number(self, target: str) -> int:
        named = target.replace("#", "♯")
        if target.isascii() and target.isdigit() and 0 <= int(target) - LOWEST < len(self.classes):
            named = self.classes[int(target) - LOWEST]
        return super().number(named[:1].upper() + named[1:])

    def answers(
        self, given: ExplainableInput, outputs: Any, target: str | None, position: int | None
    ) -> Iterator[Answer]:
        heard = given.exhibit
        assert isinstance(heard, HeardRoll)
        for answer in super().answers(given, outputs, target, position):
            assert isinstance(answer.place, tuple)
            at, key = answer.place
            likeliest = "" if answer.label == answer.target else f" is {answer.label}"
            sentence = (
                f"Frame {at + 2}, after {at + 1} that were heard: explained is {answer.target}, to which the network "
                f"gives {answer.probability:.1%}{';' if likeliest else ','} the likeliest key{likeliest}."
            )
            if at + 1 < len(heard.notes):
                sentence += " It then sounded." if heard.notes[at + 1, key] else " It then did not sound."
            yield answer._replace(sentence=sentence)
