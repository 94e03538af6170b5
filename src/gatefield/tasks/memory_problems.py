"""Train a network on a problem that can be solved with a memory only."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self

import torch
from torch import Tensor

from ..core.arguments import Interval, PositiveInt
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import InputError
from ..core.run_folder import RunFolder
from ..core.seeding import derive
from ..data.corpus import Parts
from ..functional.spread import spread_over
from ..layers.encoders.encoder import Encoder
from ..models.model import Model
from ..models.sequence.sequence_predictor import SequencePredictor
from ..render.page import Page
from ..training.settings import Training
from .attacked.memory import Addends, Memories
from .explainable import Explainable, ExplainableInput
from .explained.memory import COUNTED, SUM, ExplainableSum, ExplainableSymbols, MemoryNetwork, remembered
from .memory_sequences import COPY_SYMBOLS, ORDERS, PROBLEMS, Drawn, DrawnBatches
from .run_page import circumstances, facts_of_training, learning
from .sequence_task import BATCH, SequenceTask
from .task import Session

#: Sequences that validation and test measure on, and that the report shows.
MEASURED, SHOWN = 1000, 8
Length = Annotated[int, Interval("[10, inf)")]


class MemoryProblem(SequenceTask[int]):
    """Remember something over many steps: the adding problem, copy memory, or temporal order.

    ``adding``: the sum of the two numbers that are marked, asked at the last step. ``copy``: ten symbols, to be said
    again after ``length`` blanks. ``temporal-order``: in which order two of X and Y came. No data are read: every epoch
    trains on new sequences, and those of validation and test are the same for every seed.

    Args:
        problem: which one.
        length: steps of a sequence; for ``copy`` the blanks between hearing and saying.
        samples: training sequences an epoch.
        encoder: what reads the sequence; a `SequencePredictor` answers from its outputs.
        training: how to train.

    Reference: Hochreiter and Schmidhuber (1997), experiments 4 and 6; Arjovsky, Shah and Bengio (2016), section 5.1;
    protocol of Bai, Kolter and Koltun (2018), section 4.
    """

    name = "memory-problem"
    reference = "hochreiter1997; arjovsky2016; bai2018"

    def __init__(
        self,
        problem: Literal["adding", "copy", "temporal-order"] = "adding",
        length: Length = 50,
        samples: PositiveInt = 10_000,
        encoder: Spec[Encoder] = named("recurrent"),
        training: Training = DEFAULTS,
    ) -> None:
        self.problem, self.length, self.samples = problem, length, samples
        self.encoder, self.training = encoder, training

    @functools.cached_property
    def parts(self) -> Parts[int]:
        """Numbers that stand for sequences: these are drawn when they are needed."""
        test, validation = range(MEASURED), range(MEASURED, 2 * MEASURED)
        return Parts(range(2 * MEASURED, 2 * MEASURED + self.samples), validation, test)

    def learn(self, items: Sequence[int]) -> None:
        """There is nothing to learn but weights."""

    def learned(self) -> dict[str, Any]:
        return {}

    def take(self, learned: dict[str, Any]) -> None:
        """There is nothing to take."""

    def build(self) -> Model:
        wanted = PROBLEMS[self.problem]
        return SequencePredictor(wanted.features, wanted.answers, self.encoder, output=wanted.output)

    def batches(
        self, items: Sequence[int], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> DrawnBatches:
        group = session.processes
        seed = derive(session.seed, "memory problem") if shuffle else derive(0, "memory problem", items[0])
        return DrawnBatches(
            self.problem,
            self.length,
            len(items),
            batch_size,
            seed=seed,
            fresh=shuffle,
            rank=group.rank,
            world=group.count,
        )

    @torch.inference_mode()
    def outputs(self, x: Tensor, session: Session) -> Tensor:
        """The network's outputs (rows, time, answers), on the CPU."""
        return self.model(x.to(session.device))[0].float().cpu()

    def measure(self, items: Sequence[int], session: Session) -> dict[str, Any]:
        wanted, objective = PROBLEMS[self.problem], self.objective(self.model)
        loss = right = asked = 0.0
        alone = Session(session.seed, console=session.console)
        with session.console.progress("evaluate", len(items), "sequence") as progress:
            for batch in self.batches(items, BATCH, False, alone).epoch(0):
                assert isinstance(batch.targets, Tensor)
                outputs = self.outputs(batch.inputs[0], session)
                loss += batch.size * float(objective.loss(outputs, batch.targets))
                if wanted.output == "softmax":
                    correct = self._asked(outputs.argmax(2) == batch.targets)
                    right, asked = right + float(correct.sum()), asked + correct.numel()
                progress.advance(len(batch.indices))
        loss /= len(items) * wanted.asked(self.length)
        found = {"count": len(items), "loss": loss, "without_memory": wanted.baseline(self.length)}
        return {**found, "mean_squared_error": 2 * loss} if not asked else {**found, "accuracy": right / asked}

    def _asked(self, steps: Tensor) -> Tensor:
        """Of (rows, time, ...) the steps at which something must have been remembered."""
        return steps[:, -PROBLEMS[self.problem].answered :]

    def describe(self, metrics: dict[str, Any]) -> str:
        wanted, count = PROBLEMS[self.problem], f"{metrics['count']} sequences"
        if wanted.output == "linear":
            figure = f"mean squared error {metrics['mean_squared_error']:.3g}"
            return f"{metrics['split']}: {figure}; {wanted.nobody}: {2 * metrics['without_memory']:.3g}; {count}"
        figure = f"loss {metrics['loss']:.3g}, accuracy {metrics['accuracy']:.2%}"
        return f"{metrics['split']}: {figure}; {wanted.nobody}: loss {metrics['without_memory']:.3g}; {count}"

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """What the network answers to the sequence of each number: a new one, drawn from it.

        Raises:
            InputError: an input that is no whole number.
        """
        _ = self.model
        for number in self.given(inputs):
            ((said, right),) = self._answers(self._drawn(number), session)
            yield {"input": str(number), "text": f"{said}; right is {right}", "answer": said, "right": right}

    def given(self, files: Iterable[Any]) -> Iterator[int]:
        """The numbers of sequences that a person gives.

        Raises:
            InputError: an input that is no whole number.
        """
        for given in files:
            text = given.decode(errors="replace") if isinstance(given, bytes) else str(given)
            if not text.strip().isdecimal():
                raise InputError(f"{text!r} is no whole number", hint="give the number of a sequence: 1, 2 ...")
            yield int(text)

    def _drawn(self, number: int) -> Drawn:
        return PROBLEMS[self.problem].draw(1, self.length, derive(number, "asked"))

    def reading(self, item: int) -> ExplainableInput:
        """The sequence of a number for explainers, step by step."""
        drawn = self._drawn(item)
        (right,) = self._words(drawn.targets)
        positions = [f"symbol {number + 1}" for number in range(len(right))] if len(right) > 1 else None
        assert isinstance(self.model, SequencePredictor)
        exhibit = remembered(self.problem, drawn.inputs[0], right, self.model.encoder.causal)
        inputs = (drawn.inputs.to(self.model.device),)
        return ExplainableInput(f"sequence {item}", inputs, exhibit, positions=positions)

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """The sequences of numbers for explainers, the first where there is none: for each answer a number a step."""
        wanted, model, remark = PROBLEMS[self.problem], self.model, COUNTED[self.problem]
        assert isinstance(model, SequencePredictor)
        nothing = torch.tensor(wanted.nothing, dtype=torch.float32, device=model.device)
        if not (files := list(files)):
            files, remark = [1], f"{remark} No number was given: this is sequence 1."
        readings = (
            dataclasses.replace(each, inputs=(each.inputs[0] - nothing,), remark=remark)
            for each in map(self.reading, self.given(files))
        )
        network = MemoryNetwork(model, nothing, wanted.answered)
        if wanted.output == "linear":
            return ExplainableSum.of(network, (SUM,), readings)
        return ExplainableSymbols.of(network, self._classes, readings)

    def attackable(self, files: Iterable[Any], count: int) -> Addends | Memories:
        """Sequences for attacks, those of numbers that are given; without any at most ``count``, spread over the part
        that is measured on.

        Raises:
            InputError: an input that is no whole number.
        """
        wanted, model = PROBLEMS[self.problem], self.model
        assert isinstance(model, SequencePredictor)
        split, given = None, list(self.given(files))
        sequences, names = [self._drawn(number) for number in given], [f"sequence {number}" for number in given]
        if not given:
            split, items = self.part(None)
            epoch = self.batches(items, BATCH, False, Session()).epoch(0)
            every = Drawn(*map(torch.cat, zip(*((*batch.inputs, batch.targets) for batch in epoch))))
            chosen = spread_over(len(items), count)
            sequences = [Drawn(every.inputs[chosen], every.targets[chosen])]
            names = [f"{split} sequence {number + 1}" for number in chosen.tolist()]
        drawn = Drawn(*map(torch.cat, zip(*sequences)))
        if wanted.output == "linear":
            return Addends.of(model, split, names, drawn)
        return Memories.of(model, self.problem, split, names, drawn, wanted.answered, self._classes)

    def _answers(self, drawn: Drawn, session: Session) -> list[tuple[str, str]]:
        """What is answered and what is right, for each sequence, in words."""
        outputs = self.outputs(drawn.inputs, session)
        said = self._words(outputs if PROBLEMS[self.problem].output == "linear" else outputs.argmax(2))
        return [(" ".join(one), " ".join(other)) for one, other in zip(said, self._words(drawn.targets))]

    def _words(self, targets: Tensor) -> list[list[str]]:
        """The answers that ``targets`` hold for each sequence."""
        asked = self._asked(targets)
        if PROBLEMS[self.problem].output == "linear":
            return [[f"{number:.4f}" for number in row] for row in asked[..., 0].tolist()]
        return [[self._classes[number] for number in row] for row in asked.tolist()]

    @property
    def _classes(self) -> tuple[str, ...]:
        return ORDERS if self.problem == "temporal-order" else tuple(map(str, range(COPY_SYMBOLS)))

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        metrics, wanted = self.evaluate(session), PROBLEMS[self.problem]
        name, squared = metrics["split"], wanted.output == "linear"
        figure, factor = ("mean squared error", 2) if squared else ("loss", 1)
        page.facts(
            {
                f"{name} {figure}": f"{factor * metrics['loss']:.3g}",
                f"{wanted.nobody}": f"{factor * metrics['without_memory']:.3g}",
                **({} if squared else {f"{name} accuracy": f"{metrics['accuracy']:.2%}"}),
                **facts_of_training(folder),
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            }
        )
        steps = f"{self.length} blanks" if self.problem == "copy" else f"{self.length} steps"
        page.text(
            f"The problem '{self.problem}' over {steps}, measured on {metrics['count']:,} sequences that are the same "
            "for every seed. Every epoch of training had new sequences."
        )
        learning(page, folder, self.training.monitor)
        if squared:
            page.text("The loss drawn here is half of the squared error.")
        page.heading("What it answers")
        drawn = wanted.draw(SHOWN, self.length, derive(session.seed, "shown"))
        page.table(("answer", "right is"), self._answers(drawn, session))
        circumstances(page, folder)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        small = {"name": "recurrent", "hidden": [6]}
        return cls(length=10, samples=64, encoder=small, training=Training(epochs=2))  # type: ignore[arg-type]
