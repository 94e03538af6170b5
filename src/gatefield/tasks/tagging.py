"""Train a network to tag the words of sentences."""

from __future__ import annotations

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Self

import torch
from torch import Tensor

from ..core.arguments import PositiveInt
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import InputError
from ..core.run_folder import RunFolder
from ..data.corpus import TaggedSentence
from ..data.length_buckets import LengthBuckets
from ..data.lettered_sentences import LetteredSentences
from ..data.ragged import Ragged
from ..data.reader import TaggedReader
from ..data.sequence_set import TaggedSequences
from ..data.tokenizers.words import JOINER, Words
from ..data.vocabulary import Vocabulary
from ..functional.crf import LinearChain, marginals, viterbi
from ..functional.entities import entity_scores, is_bio
from ..functional.spread import spread_over
from ..models.model import Model
from ..render.confusion import confusion_figure
from ..render.page import Page
from ..training.settings import Training
from .attacked.tags import Tags
from .exhibits import Text
from .explainable import Explainable, ExplainableInput
from .given_texts import given_texts
from .run_page import beside_table, circumstances, facts_of_training, learning
from .sequence_task import BATCH, SequenceTask, Share
from .spelled_words import SpelledWords
from .task import Session

SHOWN = 20


class Tagging(SequenceTask[TaggedSentence]):
    """Tag each word of a sentence: its part of speech, or whether it belongs to a name (catalogue 168, 213, 214).

    Tags that are BIO are also judged by the entities they mark, and a tagger with a CRF cannot break their rules.

    Args:
        data: where the sentences come from.
        model: the network; the data say its vocabulary, its alphabet and the number of tags.
        lowercase: whether words are lowered in case before they are looked up; letters keep theirs.
        minimum: words that occur less often in the training sentences are unknown.
        validation, test: shares held out; see `SequenceTask`.
        training: how to train.
        baselines: measure the commonest tag, and the commonest of each word, beside the network.
    """

    name = "tagging"

    def __init__(
        self,
        data: TaggedReader,
        model: Spec[Model] = named("tagger"),
        lowercase: bool = True,
        minimum: PositiveInt = 2,
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
        baselines: bool = False,
    ) -> None:
        self.data, self.spec, self.lowercase, self.minimum = data, model, lowercase, minimum
        self.validation, self.test, self.training, self.baselines = validation, test, training, baselines

    def learn(self, items: Sequence[TaggedSentence]) -> None:
        self.vocabulary = Vocabulary.build((self._looked_up(item.words) for item in items), minimum=self.minimum)
        self.alphabet = Vocabulary.build(word for item in items for word in item.words)
        counts = Counter(tag for item in items for tag in item.tags)
        # a tag that only other parts have cannot be learned, but must be counted as missed
        rest = [*(self.parts.validation or ()), *(self.parts.test or ())]
        self.tags = sorted(counts, key=lambda tag: (-counts[tag], tag))
        self.tags += sorted({tag for item in rest for tag in item.tags} - counts.keys())

    def learned(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary.content(), "alphabet": self.alphabet.content(), "tags": self.tags}

    def take(self, learned: dict[str, Any]) -> None:
        self.vocabulary = Vocabulary.from_content(learned["vocabulary"])
        self.alphabet, self.tags = Vocabulary.from_content(learned["alphabet"]), learned["tags"]

    def build(self) -> Model:
        marks = is_bio(self.tags) and self.spec.arguments.get("output") == "crf"
        return self.spec.build(
            vocabulary=len(self.vocabulary),
            letters=len(self.alphabet) if self.spec.arguments.get("characters") is not None else None,
            classes=len(self.tags),
            bio_tags=self.tags if marks else None,
        )

    def batches(
        self, items: Sequence[TaggedSentence], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> LengthBuckets:
        numbers = {tag: number for number, tag in enumerate(self.tags)}
        words = Ragged.from_rows(self.vocabulary.ids(self._looked_up(item.words)) for item in items)
        tags = Ragged.from_rows([numbers[tag] for tag in item.tags] for item in items)
        if self.spec.arguments.get("characters") is None:
            sequences = TaggedSequences(words, tags)
        else:
            letters = Ragged.from_rows(self.alphabet.ids(word) for item in items for word in item.words)
            sequences = LetteredSentences(words, tags, letters)
        group = session.processes
        return LengthBuckets(
            sequences, batch_size, seed=session.seed, shuffle=shuffle, rank=group.rank, world=group.count
        )

    @torch.inference_mode()
    def answers(self, items: Sequence[TaggedSentence], session: Session) -> tuple[list[list[str]], float]:
        """The tags of each of ``items``, in their order, and the mean loss of a tag."""
        model = self.model
        objective = self.objective(model)
        found: list[list[str]] = [[] for _ in items]
        loss = count = 0.0
        alone = Session(session.seed, console=session.console)
        with session.console.progress("evaluate", len(items), "sentence") as progress:
            for batch in self.batches(items, BATCH, False, alone).epoch(0):
                inputs = [part.to(session.device) for part in batch.inputs]
                outputs = model(*inputs)
                loss += batch.size * float(objective.loss(outputs, batch.targets.to(session.device)))  # type: ignore[union-attr]
                count += batch.size
                best = viterbi(outputs)[0] if model.output == "crf" else outputs.argmax(-1)
                for index, row, length in zip(batch.indices.tolist(), best.tolist(), batch.inputs[1].tolist()):
                    found[index] = [self.tags[tag] for tag in row[:length]]
                progress.advance(len(batch.indices))
        return found, loss / count if count else 0.0

    def measure(self, items: Sequence[TaggedSentence], session: Session) -> dict[str, Any]:
        found, loss = self.answers(items, session)
        return {"loss": loss} | self._compared(items, found)

    def _compared(self, items: Sequence[TaggedSentence], found: Sequence[Sequence[str]]) -> dict[str, Any]:
        pairs = [pair for item, tags in zip(items, found) for pair in zip(item.tags, tags)]
        right = sum(one == other for one, other in pairs)
        metrics: dict[str, Any] = {"count": len(pairs), "sentences": len(items), "accuracy": right / max(len(pairs), 1)}
        if is_bio(self.tags):
            metrics["entities"] = entity_scores([item.tags for item in items], found)
        return metrics

    def measure_baselines(self, train: Sequence[TaggedSentence], items: Sequence[TaggedSentence]) -> dict[str, Any]:
        overall = Counter(tag for item in train for tag in item.tags)
        of_word: dict[str, Counter[str]] = {}
        for item in train:
            for word, tag in zip(item.words, item.tags):
                of_word.setdefault(word, Counter())[tag] += 1
        commonest = overall.most_common(1)[0][0]
        usual = {word: counts.most_common(1)[0][0] for word, counts in of_word.items()}
        return {
            "commonest tag": self._compared(items, [[commonest] * len(item.words) for item in items]),
            "commonest tag of the word": self._compared(
                items, [[usual.get(word, commonest) for word in item.words] for item in items]
            ),
        }

    def describe(self, metrics: dict[str, Any]) -> str:
        lines = [
            f"{metrics['split']}: {metrics['count']} words in {metrics['sentences']} sentences, "
            f"accuracy {metrics['accuracy']:.2%}, loss {metrics['loss']:.4f}"
        ]
        if "entities" in metrics:
            total = metrics["entities"]
            lines[0] += f", entity F1 {total['f1']:.2%} of {total['count']}"
            for kind, row in total["kinds"].items():
                figures = ", ".join(f"{key} {row[key]:.2%}" for key in ("precision", "recall", "f1"))
                lines.append(f"{kind}: {figures} of {row['count']}")
        for name, found in metrics.get("baselines", {}).items():
            entity = f", entity F1 {found['entities']['f1']:.2%}" if "entities" in found else ""
            lines.append(f"beside it, {name}: accuracy {found['accuracy']:.2%}{entity}")
        return "\n".join(lines)

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """Tags of each text; ``words`` and ``tags`` beside each other. There is one answer, whatever ``top``."""
        _ = self.model
        for item in self.given(inputs):
            tags = self.answers([item], Session(processes=session.processes))[0][0] if item.words else []
            text = " ".join(f"{word}/{tag}" for word, tag in zip(item.words, tags))
            yield {"input": item.place, "text": text, "words": item.words, "tags": tags}

    def given(self, files: Iterable[Any]) -> Iterator[TaggedSentence]:
        """The texts that a person gives, cut into words; nobody knows their tags, and the commonest stands for them."""
        for given in given_texts(files):
            words = [token.removeprefix(JOINER) for token in Words().tokens(given.text) if not token.isspace()]
            yield TaggedSentence(words, self.tags[:1] * len(words), given.name)

    def reading(self, item: TaggedSentence) -> ExplainableInput:
        """A sentence for explainers, word by word.

        Raises:
            InputError: there is no word in it.
        """
        _require_words(item)
        (batch,) = self.batches([item], 1, False, Session()).epoch(0)
        inputs = tuple(part.to(self.model.device) for part in batch.inputs)
        remark = "Explained is the score of a tag before the CRF weighs what stands beside it." if self._chained else ""
        return ExplainableInput(item.place, inputs, Text(item.words), positions=item.words, remark=remark)

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Sentences for explainers: for the tag of each word a number for every word."""
        model, probabilities = self.model, marginals if self._chained else self.objective(self.model).probabilities
        readings = map(self.reading, self.given(files))
        options = {"occlusion": {"window": 1}}
        if self.spec.arguments.get("characters") is None:
            return _ExplainableTags(model, self.tags, probabilities, readings, noun="tag", options=options)
        spelled = SpelledWords(model).eval()
        inputs = (dataclasses.replace(each, inputs=spelled.inputs(*each.inputs)) for each in readings)
        return _ExplainableTags(spelled, self.tags, probabilities, inputs, noun="tag", options=options)

    def attackable(self, files: Iterable[Any], count: int) -> Tags:
        """Sentences for attacks; of the task's own data at most ``count``, spread over the part that is measured on.

        Raises:
            InputError: a text without words, or data with tags that the network does not know.
        """
        split, items = None, list(self.given(files))
        if not items:
            split, part = self.part(None)
            items = [part[index] for index in spread_over(len(part), count).tolist()]
            unknown = {tag for item in items for tag in item.tags} - set(self.tags)
            if unknown:
                message = f"the data have the tag '{min(unknown)}', which the network does not know"
                raise InputError(message, hint="give texts to attack")
        for item in items:
            _require_words(item)
        letters = None if self.spec.arguments.get("characters") is None else self.alphabet
        return Tags.of(self.model, self.vocabulary, self._looked_up, letters, self.tags, split, items)

    @property
    def _chained(self) -> bool:
        return self.model.output == "crf"

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        name, items = self.part(None)
        found, loss = self.answers(items, session)
        metrics: dict[str, Any] = {"loss": loss, **self._compared(items, found)}
        head = {f"{name} accuracy": f"{metrics['accuracy']:.2%}", f"{name} loss": metrics["loss"]}
        if "entities" in metrics:
            head[f"{name} entity F1"] = f"{metrics['entities']['f1']:.2%}"
        page.facts({**head, **facts_of_training(folder), "words known": len(self.vocabulary), "tags": len(self.tags)})
        learning(page, folder, self.training.monitor)
        rows = {"this network": metrics, **self.beside}
        beside_table(page, {title: _plain(found_beside) for title, found_beside in rows.items()})
        page.heading("Which tag is taken for which")
        numbers = {tag: number for number, tag in enumerate(self.tags)}
        confusion = torch.zeros(len(self.tags), len(self.tags), dtype=torch.int64)
        for item, tags in zip(items, found):
            for one, other in zip(item.tags, tags):
                confusion[numbers[one], numbers[other]] += 1
        page.figure(
            confusion_figure(confusion.tolist(), self.tags),
            "Rows: true tag. Columns: predicted tag.",
            f"confusion matrix of {len(self.tags)} tags; accuracy {metrics['accuracy']:.2%}",
        )
        if "entities" in metrics:
            page.heading("Entities")
            page.table(
                ("kind", "precision", "recall", "F1", "count"),
                [(kind, *row.values()) for kind, row in metrics["entities"]["kinds"].items()],
            )
        self._mistakes(page, items, found)
        circumstances(page, folder)

    def _mistakes(self, page: Page, items: Sequence[TaggedSentence], found: Sequence[Sequence[str]]) -> None:
        """The commonest mistakes, with the words they are made at."""
        page.heading("Commonest mistakes")
        places: dict[tuple[str, str], Counter[str]] = {}
        for item, tags in zip(items, found):
            for word, one, other in zip(item.words, item.tags, tags):
                if one != other:
                    places.setdefault((one, other), Counter())[word] += 1
        worst = sorted(places.items(), key=lambda place: -place[1].total())[:SHOWN]
        if not worst:
            page.text("There is none on this part of the data.")
            return
        rows = [(*pair, words.total(), ", ".join(word for word, _ in words.most_common(8))) for pair, words in worst]
        page.table(("is", "taken for", "times", "words, commonest first"), rows)

    def _looked_up(self, words: Sequence[str]) -> list[str]:
        return [word.lower() for word in words] if self.lowercase else list(words)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.ud_english_ewt import UdEnglishEwt

        small = {"name": "tagger", "embedding": 4, "encoder": {"name": "recurrent", "hidden": [4]}}
        return cls(data=UdEnglishEwt.sample(folder), model=small, minimum=1, training=Training(epochs=2))  # type: ignore[arg-type]


class _ExplainableTags(Explainable):
    """Tags are decided as `Tagging.predict` decides them: of a CRF all of a sentence at once."""

    def decided(self, outputs: Any, probabilities: Tensor) -> Tensor:
        return viterbi(outputs)[0] if isinstance(outputs, LinearChain) else super().decided(outputs, probabilities)


def _require_words(item: TaggedSentence) -> None:
    if not item.words:
        raise InputError(f"there is no word in '{item.place}'", hint="give a text with words")


def _plain(metrics: dict[str, Any]) -> dict[str, float]:
    entity = {"entity F1": metrics["entities"]["f1"]} if "entities" in metrics else {}
    return {"accuracy": metrics["accuracy"]} | entity
