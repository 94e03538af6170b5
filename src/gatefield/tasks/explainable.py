"""What a task offers to explainers: its network, its inputs, how they are shown, and what is answered about them.

A task takes part by one method, ``explainable(files)``, that returns an `Explainable`; `explaining` knows no task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError, nearest, suggest
from ..explain.explainer import Explainer
from ..explain.places import find_places
from ..explain.scores import Target
from ..functional.layer_outputs import evaluating

FEW = 40  # targets that a hint can name


class Drawing(NamedTuple):
    """A figure for a page, with its caption and its description in words."""

    figure: Any
    caption: str
    alt: str


class Exhibit:
    """How an input is shown, and what counts in it: a picture, a text, a sound, the past of a series."""

    def places(self, heat: Tensor, explainer: Explainer, answer: Answer) -> Tensor:
        """What ``explainer`` gives for one input and ``answer`` as numbers at the places that a person sees.

        By default one number a step: the sum over what stands at it, or where signs mean nothing the length.
        """
        if heat.dim() == 1:
            return heat
        if explainer.shares_places:
            return heat[..., 0]
        return heat.sum(-1) if explainer.signed else heat.norm(dim=-1)

    def peak(self, heat: Tensor) -> Any:
        """The place that speaks most for the answer, as JSON holds it; by default the number of the step, from 0."""
        return [int(index) for index in torch.unravel_index(heat.argmax(), heat.shape)]

    def axis(self) -> dict[str, Any]:
        """What the numbers of a map along one axis stand at, as JSON holds it."""
        return {}

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        """Everything about one input: an explanation, or one for each position."""
        raise NotImplementedError

    def beside(self) -> list[Drawing]:
        """What a page shows of the input beside what explainers say: where the network itself looked, say."""
        return []


@dataclass(frozen=True)
class ExplainableInput:
    """One input, as a person gave it and as the network takes it.

    Attributes:
        name: what a person calls it.
        inputs: a batch of one row.
        exhibit: how it is shown.
        positions: names of the positions that have an answer of their own; None where the input has one answer.
        asked: the positions, from 0, that are explained where nobody names one; by default all.
        remark: what a reader of the explanation should know.
        whole: all that the network answers, in words, where the positions are parts of it.
    """

    name: str
    inputs: Tensor | tuple[Any, ...]
    exhibit: Exhibit
    positions: Sequence[str] | None = None
    asked: Sequence[int] | None = None
    remark: str = ""
    whole: str = ""

    def explained(self, position: int | None) -> Sequence[int | None]:
        """The positions to explain, from 0, where a person asks for ``position``, from 1, or for none.

        Raises:
            InputError: there is no such position.
        """
        if self.positions is None:
            if position is not None:
                message = f"about '{self.name}' the network gives one answer, not one at position {position}"
                raise InputError(message, hint="leave the position out")
            return [None]
        if position is None:
            return range(len(self.positions)) if self.asked is None else self.asked
        count = len(self.positions)
        if not 1 <= position <= count:
            message = f"'{self.name}' has no position {position}"
            first, last = self.positions[0], self.positions[-1]
            raise InputError(message, hint=f"choose from 1, '{first}', to {count}, '{last}'")
        return [position - 1]


class Answer(NamedTuple):
    """What the network says, and which score of it is explained.

    Attributes:
        label: its answer.
        target: what is explained: its answer, or what a person asked about.
        place: where the score stands among the outputs of a row, as explainers take it.
        probability: that the network gives to ``target``; None of numbers.
        position: that the answer belongs to, from 0; None where the input has one answer.
        sentence: all of it, for people.
    """

    label: str
    target: str
    place: Target
    probability: float | None
    position: int | None
    sentence: str


class Map(NamedTuple):
    """What one method says: a number for each place, and the layer that it read, if any."""

    method: str
    layer: str | None
    heat: Tensor


@dataclass(frozen=True)
class Explanation:
    """Why the network gives an answer, by several methods."""

    input: ExplainableInput
    answer: Answer
    maps: list[Map] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; of each map the place that counts most, and of one axis all numbers."""
        position = self.answer.position
        where = {}
        if position is not None and self.input.positions is not None:
            where = {"position": position + 1, "at": self.input.positions[position]}
        chosen = {key: getattr(self.answer, key) for key in ("label", "target", "probability")}
        maps = [self._map(each) for each in self.maps]
        return {"input": self.input.name, **where, **chosen, **self.input.exhibit.axis(), "maps": maps}

    def _map(self, each: Map) -> dict[str, Any]:
        numbers = {"heat": each.heat.tolist()} if each.heat.dim() == 1 else {}
        return {"method": each.method, "layer": each.layer, "peak": self.input.exhibit.peak(each.heat), **numbers}


@dataclass(frozen=True)
class Explainable:
    """What a task offers to explainers; of classes here, a task of other answers says so in `answers`.

    Attributes:
        model: the trained network.
        classes: the names of its outputs.
        probabilities: of outputs as the network gives them: (rows, classes), or (rows, positions, classes).
        inputs: one after another.
        noun: what a person calls a target.
        method: the explainer where nobody names one.
        options: explainer -> arguments that fit these inputs better than its defaults.
        reader: how the names of those layers begin that read the input, where others have places of something else:
            methods that map a layer take the last of these by default, and none that runs after them.
        embedding: the layer where explanations of symbols start; by default the only one that embeds them.
    """

    model: nn.Module
    classes: Sequence[str]
    probabilities: Callable[[Any], Tensor]
    inputs: Iterator[ExplainableInput]
    noun: str = "class"
    method: str = "integrated-gradients"
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reader: str = ""
    embedding: str | None = None

    def layer(self, given: ExplainableInput, named: str | None) -> str:
        """The layer that methods of places map: ``named``, or by default the last that has several.

        Raises:
            ArgumentError: there is no such layer, or its places are not those of the input.
            InputError: no layer has several places.
        """
        with evaluating(self.model):
            places = find_places(self.model, given.inputs)
        mine = [layer.name.startswith(self.reader) for layer in places.layers]
        end = len(mine) - mine[::-1].index(True) if any(mine) else 0
        if named in {layer.name for layer in places.layers[end:]}:
            message = f"layer '{named}' runs after '{self.reader}', which reads the input: its places are others"
            raise ArgumentError(message, hint=f"choose a layer of '{self.reader}', or leave it out", path=("layer",))
        inner = [layer for layer in places.inner if layer.name.startswith(self.reader)]
        read = replace(places, layers=places.layers[:end], inner=inner)
        return read.last().name if named is None else read.layer(named).name

    def number(self, target: str) -> int:
        """The place of ``target`` among the outputs.

        Raises:
            InputError: there is none.
        """
        if target not in self.classes:
            few = self.classes if len(self.classes) <= FEW else nearest(target, self.classes, FEW)
            allowed = [name if name.strip() else repr(name) for name in few]
            raise InputError(f"the network knows no {self.noun} '{target}'", hint=suggest(target, allowed))
        return list(self.classes).index(target)

    def decided(self, outputs: Any, probabilities: Tensor) -> Tensor:
        """The network's own answers, (1,) or (1, positions): by default the likeliest."""
        return probabilities.argmax(-1)

    def answers(
        self, given: ExplainableInput, outputs: Any, target: str | None, position: int | None
    ) -> Iterator[Answer]:
        """What the network says in ``outputs`` about ``given``, at ``position`` (from 1) or where it is asked.

        Raises:
            InputError: there is no such target or position.
        """
        outputs = outputs[0] if type(outputs) is tuple else outputs  # its state, or auxiliary heads
        probabilities = self.probabilities(outputs)
        own = self.decided(outputs, probabilities)[0]
        for at in given.explained(position):
            best = int(own if at is None else own[at])
            chosen = best if target is None else self.number(target)
            probability = float(probabilities[0, chosen] if at is None else probabilities[0, at, chosen])
            place = chosen if at is None else (at, chosen)
            label, name = self.classes[best], self.classes[chosen]
            where = "" if at is None or given.positions is None else f"Position {at + 1}, '{given.positions[at]}': "
            sentence = f"{where}explained is {name}, to which the network gives {probability:.1%}."
            if best != chosen:
                sentence += f" Its answer is {label}."
            yield Answer(label, name, place, probability, at, sentence[0].upper() + sentence[1:])
