"""Train a network to sort texts into classes."""

from __future__ import annotations

import pathlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Literal, Self

import torch
from torch import Tensor

from ..core.arguments import PositiveInt
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import InputError
from ..core.run_folder import RunFolder
from ..data.corpus import LabelledText
from ..data.length_buckets import LengthBuckets
from ..data.reader import LabelledTextReader
from ..data.sequence_set import LabelledSequences
from ..data.text_codec import TextCodec
from ..data.tokens import Tokenizer
from ..functional.spread import spread_over
from ..models.model import Model
from ..render.page import Page
from ..training.settings import Training
from . import classification_metrics
from .attacked.texts import Texts
from .classification_page import quality
from .exhibits import Text
from .explainable import Explainable, ExplainableInput
from .given_texts import given_texts
from .run_page import beside_table, circumstances, facts_of_training, learning
from .sequence_task import BATCH, SequenceTask, Share
from .task import Session
from .text_baselines import text_baselines

MISTAKES = 20


class TextClassification(SequenceTask[LabelledText]):
    """Sort texts into classes: what a review thinks, from which language a name is (catalogue 165, 211, 212).

    Args:
        data: where the texts come from.
        model: the network; the data say its vocabulary and number of classes.
        tokens: how texts are cut.
        minimum: tokens that occur less often in the training texts are unknown.
        vocabulary: keep at most so many tokens, the most frequent.
        validation, test: shares held out; see `SequenceTask`.
        training: how to train.
        baselines: measure the commonest class and logistic regression on bags of tokens and n-grams beside the network.
    """

    name = "text-classification"

    def __init__(
        self,
        data: LabelledTextReader,
        model: Spec[Model] = named("sequence-classifier"),
        tokens: Tokenizer = named("words"),
        minimum: PositiveInt = 1,
        vocabulary: PositiveInt | None = None,
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
        baselines: bool = False,
    ) -> None:
        self.data, self.spec, self.tokens, self.training = data, model, tokens, training
        self.minimum, self.vocabulary = minimum, vocabulary
        self.validation, self.test, self.baselines = validation, test, baselines

    def stratum(self, item: LabelledText) -> Hashable:
        return item.label

    def learn(self, items: Sequence[LabelledText]) -> None:
        texts = [item.text for item in items]
        self.codec = TextCodec.fit(self.tokens, texts, minimum=self.minimum, size=self.vocabulary)
        self.classes = list(self.parts.classes)

    def learned(self) -> dict[str, Any]:
        return {"codec": self.codec.content(), "classes": self.classes}

    def take(self, learned: dict[str, Any]) -> None:
        self.codec, self.classes = TextCodec.from_content(learned["codec"]), learned["classes"]

    def build(self) -> Model:
        return self.spec.build(vocabulary=len(self.codec.vocabulary), classes=len(self.classes))

    def batches(
        self, items: Sequence[LabelledText], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> LengthBuckets:
        labels = torch.tensor([item.label for item in items])
        sequences = LabelledSequences(self.codec.encode_all(item.text for item in items), labels)
        group = session.processes
        return LengthBuckets(
            sequences, batch_size, seed=session.seed, shuffle=shuffle, rank=group.rank, world=group.count
        )

    @torch.inference_mode()
    def outputs(self, items: Sequence[LabelledText], session: Session) -> Tensor:
        """The network's outputs (count, classes), in the order of ``items``, on the CPU."""
        model = self.model
        outputs = torch.empty(len(items), len(self.classes))
        alone = Session(session.seed, console=session.console)
        with session.console.progress("evaluate", len(items), "text") as progress:
            for batch in self.batches(items, BATCH, False, alone).epoch(0):
                inputs = [part.to(session.device) for part in batch.inputs]
                outputs[batch.indices] = model(*inputs).float().cpu()
                progress.advance(len(batch.indices))
        return outputs

    def measure(self, items: Sequence[LabelledText], session: Session) -> dict[str, Any]:
        labels = torch.tensor([item.label for item in items])
        return classification_metrics.measure(
            self.outputs(items, session), labels, self.classes, self.objective(self.model)
        )

    def measure_baselines(self, train: Sequence[LabelledText], items: Sequence[LabelledText]) -> dict[str, Any]:
        return text_baselines(self.codec.tokenizer.tokens, train, items)

    def describe(self, metrics: dict[str, Any]) -> str:
        lines = [classification_metrics.describe(metrics, "texts")]
        lines += [f"{name}: accuracy {found['accuracy']:.2%}" for name, found in metrics.get("baselines", {}).items()]
        return "\n".join(lines)

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        model = self.model
        objective = self.objective(model)
        for item in self.given(inputs):
            outputs = self.outputs([item], Session(processes=session.processes))
            values, places = objective.probabilities(outputs)[0].topk(min(top, len(self.classes)))
            ranked = [
                {"label": self.classes[place], "probability": value}
                for value, place in zip(values.tolist(), places.tolist())
            ]
            yield {"input": item.place, **ranked[0], "top": ranked}

    def given(self, files: Iterable[Any]) -> Iterator[LabelledText]:
        """The texts that a person gives; nobody knows their labels."""
        return (LabelledText(given.text, 0, given.name) for given in given_texts(files))

    def reading(self, item: LabelledText) -> ExplainableInput:
        """A text for explainers, token by token.

        Raises:
            InputError: there is no token in it.
        """
        tokens = self.codec.tokenizer.tokens(item.text)
        if not tokens:
            raise InputError(f"there is no word in '{item.place}'", hint="give a text with words")
        ids = torch.tensor([self.codec.vocabulary.ids(tokens)], device=self.model.device)
        return ExplainableInput(item.place, (ids, torch.tensor([len(tokens)])), Text(tokens))

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Texts for explainers: a number for each token."""
        model, inputs = self.model, map(self.reading, self.given(files))
        return Explainable(model, self.classes, self.objective(model).probabilities, inputs)

    def attackable(self, files: Iterable[Any], count: int) -> Texts:
        """Texts for attacks; of the task's own data at most ``count``, spread over the part that is measured on.

        Raises:
            InputError: the data have other classes than the network.
        """
        split, items, labels = None, list(self.given(files)), None
        if not items:
            split, part = self.part(None)
            if list(self.parts.classes) != self.classes:
                raise InputError("the data have other classes than the network", hint="give texts to attack")
            items = [part[index] for index in spread_over(len(part), count).tolist()]
            labels = torch.tensor([item.label for item in items])
        return Texts.of(self.model, self.objective(self.model), self.codec, self.classes, split, items, labels)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        name, items = self.part(None)
        outputs, labels = self.outputs(items, session), torch.tensor([item.label for item in items])
        objective = self.objective(self.model)
        metrics = classification_metrics.measure(outputs, labels, self.classes, objective)
        probabilities = objective.probabilities(outputs)
        page.facts(
            {
                f"{name} accuracy": f"{metrics['accuracy']:.2%}",
                f"{name} loss": metrics["loss"],
                **facts_of_training(folder),
                "vocabulary": len(self.codec.vocabulary),
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            }
        )
        learning(page, folder, self.training.monitor)
        beside_table(page, {"this network": {"accuracy": metrics["accuracy"]}, **self.beside})
        page.heading("Which class is taken for which")
        page.text(f"Measured on the {metrics['count']:,} texts of the {name} part.")
        quality(page, metrics, probabilities, labels, self.classes)
        self._mistakes(page, items, probabilities, labels)
        circumstances(page, folder)

    def _mistakes(self, page: Page, items: Sequence[LabelledText], probabilities: Tensor, labels: Tensor) -> None:
        """The wrong answers given with the greatest confidence."""
        page.heading("Worst mistakes")
        confidence, predicted = probabilities.max(1)
        wrong = (predicted != labels).nonzero().flatten()
        if not len(wrong):
            page.text("There is none on this part of the data.")
            return
        worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:MISTAKES].tolist()
        page.text(f"{len(wrong)} of {len(labels)} are wrong; these were given with the greatest confidence.")
        rows = [
            (items[i].text[:200], self.classes[int(labels[i])], self.classes[int(predicted[i])], f"{confidence[i]:.0%}")
            for i in worst
        ]
        page.table(("text", "is", "taken for", "sure"), rows)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.text_lines import TextLines

        small = {"name": "sequence-classifier", "embedding": 4, "encoder": {"name": "recurrent", "hidden": [4]}}
        return cls(data=TextLines.sample(folder), model=small, training=Training(epochs=2))  # type: ignore[arg-type]
