"""Train a network to translate."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Literal, Self, cast

import torch
from torch import nn

from ..core.arguments import PositiveInt, Probability
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import ArgumentError, DataError, InputError
from ..core.run_folder import RunFolder
from ..data.corpus import TextPair
from ..data.length_buckets import LengthBuckets
from ..data.reader import PairReader
from ..data.sequence_set import PairedSequences
from ..data.text_codec import TextCodec
from ..data.tokens import Tokenizer
from ..decoding import BeamSearchOptimization, Decoder, UnnormalizedBeam
from ..functional.spread import spread_over
from ..models.model import Model
from ..render.page import Page
from ..training.objective import Objective
from ..training.objectives.beam_violations import BeamViolations
from ..training.objectives.cross_entropy import CrossEntropy
from ..training.schedule import Progress, Schedule
from ..training.settings import Training
from . import translation_page
from .attacked.translations import Translations
from .exhibits import Text
from .explainable import Explainable, ExplainableInput
from .explained.translations import explainable_translations
from .given_texts import given_texts
from .search_tree import SearchTree
from .searching_trainer import SearchingTrainer
from .sequence_task import BATCH, SequenceTask, Share
from .task import Session
from .translating import (
    Alignment,
    Codecs,
    Network,
    Translated,
    alignment,
    described,
    search_tree,
    searching,
    translate,
)
from .translation_metrics import baselines, can_score, in_words, mean_losses, translation_metrics


class Translation(SequenceTask[TextPair]):
    """Turn a text into another: translate, spell out, put in a standard form (catalogue 165, 166, 171, 193-195).

    Source and target are not aligned and may differ in length. The network reads the source and an end symbol; of the
    target it foretells each symbol and the end, from the source and the symbols before it. What it says at its own
    hands is searched for by ``decoder`` and compared with the reference as text.

    Args:
        data: where the pairs come from.
        model: the network; the data say its vocabularies.
        tokens: how texts are cut, on both sides.
        target_tokens: how targets are cut; None: by what is set up as ``tokens`` is, but learns from the targets alone.
        shared: both sides have one vocabulary, learned from the texts of both.
        minimum: tokens that occur less often in the training texts are unknown; a translation never has them.
        vocabulary: keep at most so many tokens a side, the most frequent.
        longest: training pairs with more symbols on a side, begin and end counted, are left out; how many, is told.
        decoder: how translations are searched for.
        label_smoothing: share of the training target that is spread over all symbols.
        teacher_forcing: what the model's own ``teacher_forcing``, the chance to hear the right symbol in training, is
            multiplied by, in the course of training; None: it stays as it is. In evaluation the loss is measured
            with the right symbols, and as ``free_running_loss`` with the model's own.
        beam_search_optimization: train so that the right translation stays on a beam, after some epochs by
            cross-entropy; needs the decoder ``unnormalized-beam``. What training then reports as its loss are
            violations of the margin. None: cross-entropy all the way.
        validation, test: shares held out; see `SequenceTask`.
        training: how to train.
        baselines: measure translators that know no language beside the network.

    Raises:
        ArgumentError: options that exclude one another, or a model that does not translate.

    Reference: S4 "Encoder-decoder"; Bengio et al. (2015) for the schedule; Szegedy et al. (2016) for the smoothing.
    """

    name = "translation"
    reference = "catalogue 165, catalogue 166, catalogue 171, catalogue 193, catalogue 194, catalogue 195, bengio2015"
    # What was translated last, by which model: the report wants it again.
    _translated: tuple[Sequence[TextPair], Model, list[Translated]] | None = None
    _trainer: SearchingTrainer | None = None

    def __init__(
        self,
        data: PairReader,
        model: Spec[Model] = named("encoder-decoder"),
        tokens: Tokenizer = named("words"),
        target_tokens: Tokenizer | None = None,
        shared: bool = False,
        minimum: PositiveInt = 1,
        vocabulary: PositiveInt | None = None,
        longest: PositiveInt = 256,
        decoder: Decoder = named("beam"),
        label_smoothing: Probability = 0.0,
        teacher_forcing: Schedule | None = None,
        beam_search_optimization: BeamSearchOptimization | None = None,
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
        baselines: bool = False,
    ) -> None:
        if shared and target_tokens is not None:
            message = "a shared vocabulary has one tokenizer"
            raise ArgumentError(message, hint="leave out target_tokens, or set shared=False", path=("target_tokens",))
        if beam_search_optimization is not None:
            score = beam_search_optimization.score
            if not isinstance(decoder, UnnormalizedBeam) or decoder.score != score:
                message = "what beam-search optimization trains are scores of its own and no probabilities"
                hint = f"set decoder: {{name: unnormalized-beam, score: {score}}}"
                raise ArgumentError(message, hint=hint, path=("decoder",))
        self.data, self.spec, self.tokens, self.training = data, model, tokens, training
        self.target_tokens = target_tokens or Tokenizer.from_config(tokens.config())
        self.shared, self.minimum, self.vocabulary, self.longest = shared, minimum, vocabulary, longest
        self.decoder, self.label_smoothing, self.teacher_forcing = decoder, label_smoothing, teacher_forcing
        self.beam_search_optimization = beam_search_optimization
        self.validation, self.test, self.baselines = validation, test, baselines

    def same(self, item: TextPair) -> Hashable:
        return item.source

    def learn(self, items: Sequence[TextPair]) -> None:
        sources, targets = [item.source for item in items], [item.target for item in items]
        if self.shared:
            source = target = self._codec(self.tokens, [*sources, *targets], begin=True)
        else:
            source = self._codec(self.tokens, sources, begin=False)
            target = self._codec(self.target_tokens, targets, begin=True)
        self.codecs = Codecs.of(source, target, items)

    def _codec(self, tokens: Tokenizer, texts: Sequence[str], begin: bool) -> TextCodec:
        return TextCodec.fit(tokens, texts, minimum=self.minimum, size=self.vocabulary, begin=begin, end=True)

    def learned(self) -> dict[str, Any]:
        source, target, stretch = self.codecs
        return {"source": source.content(), "target": target.content(), "stretch": stretch}

    def take(self, learned: dict[str, Any]) -> None:
        source, target = (TextCodec.from_content(learned[side]) for side in ("source", "target"))
        self.codecs = Codecs(source, target, learned["stretch"])

    def build(self) -> Model:
        sizes = {f"{side}_vocabulary": len(getattr(self.codecs, side).vocabulary) for side in ("source", "target")}
        if not sizes.keys() <= self.spec.cls.signature().keys() or not hasattr(self.spec.cls, "reorder"):
            message = f"the model '{self.spec.preset}' does not translate"
            raise ArgumentError(message, hint="choose encoder-decoder or transformer", path=("model",))
        model = self.spec.build(**sizes)
        if self.teacher_forcing is not None:
            if not hasattr(model, "teacher_forcing"):
                message = f"the model '{model.name}' always hears the right symbols in training"
                hint = "leave teacher_forcing out, or choose encoder-decoder"
                raise ArgumentError(message, hint=hint, path=("teacher_forcing",))
            if self.teacher_forcing.needs_validation and self.parts.validation is None:
                message = "this schedule needs validation data, and there are none"
                hint = "hold out a part of the training set for validation, or choose another schedule"
                raise ArgumentError(message, hint=hint, path=("teacher_forcing",))
        return model

    def objective(self, model: Model) -> Objective:
        kind = CrossEntropy if self.beam_search_optimization is None else BeamViolations
        return kind(self.label_smoothing)

    def trainer(self, model: Model) -> nn.Module:
        if self.beam_search_optimization is None:
            return model
        vocabulary = self.codecs.target.vocabulary
        assert vocabulary.begin is not None
        assert vocabulary.end is not None
        self._trainer = SearchingTrainer(model, self.beam_search_optimization, vocabulary.begin, vocabulary.end)
        return self._trainer

    def before_update(self) -> Callable[[Progress], None]:
        schedule, model, trainer = self.teacher_forcing, cast(Any, self._untrained), self._trainer
        rate: float = 1.0 if schedule is None else model.teacher_forcing

        def told(progress: Progress) -> None:
            if schedule is not None:
                model.teacher_forcing = min(rate * schedule.factor(progress), 1.0)
            if trainer is not None:
                trainer.tell(progress)

        return told

    def batches(
        self, items: Sequence[TextPair], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> LengthBuckets:
        sources = self.codecs.source.encode_all(item.source for item in items)
        targets = self.codecs.target.encode_all(item.target for item in items)
        if shuffle:
            fits = torch.maximum(sources.lengths, targets.lengths) <= self.longest
            if not fits.any():
                message = f"every training pair has more than {self.longest} symbols on a side"
                raise DataError(message, hint="raise 'longest'")
            kept = fits.nonzero().flatten()
            if len(kept) < len(items):
                count = len(items) - len(kept)
                session.console.warn(f"left out {count} training pairs of more than {self.longest} symbols on a side")
            sources, targets = sources.subset(kept), targets.subset(kept)
        group = session.processes
        pairs = PairedSequences(sources, targets)
        return LengthBuckets(pairs, batch_size, seed=session.seed, shuffle=shuffle, rank=group.rank, world=group.count)

    # ---------------------------------------------------------------------------------------------- what it can do then

    @property
    def network(self) -> Network:
        """The trained network, as what it is."""
        return cast(Network, self.model)

    def translations(self, items: Sequence[TextPair], session: Session) -> list[Translated]:
        """The best that the network makes of each source."""
        if self._translated is None or self._translated[0] is not items or self._translated[1] is not self.model:
            found: list[Translated] = []
            with session.console.progress("translate", len(items), "text") as progress:
                for start in range(0, len(items), 4 * BATCH):
                    texts = [item.source for item in items[start : start + 4 * BATCH]]
                    numbers = range(start, start + len(texts))
                    several = translate(self.network, self.codecs, self.decoder, texts, numbers)
                    found += [ranked[0] for ranked in several]
                    progress.advance(len(texts))
            self._translated = items, self.model, found
        return self._translated[2]

    def losses(self, items: Sequence[TextPair], session: Session) -> dict[str, float]:
        """Mean cross-entropy of a target symbol in nats, the right ones before it; and the model's own, if it can."""
        alone = Session(session.seed, console=session.console)
        return mean_losses(self.model, self.batches(items, BATCH, False, alone), len(items), session)

    def measure(self, items: Sequence[TextPair], session: Session) -> dict[str, Any]:
        if not can_score():
            session.console.warn("BLEU and chrF are not measured: pip install 'gatefield[text]'")
        translations = [translated.text for translated in self.translations(items, session)]
        quality = translation_metrics(translations, [item.target for item in items])
        return {"count": len(items), **self.losses(items, session), **quality}

    def measure_baselines(self, train: Sequence[TextPair], items: Sequence[TextPair]) -> dict[str, dict[str, Any]]:
        return baselines(train, items)

    def describe(self, metrics: dict[str, Any]) -> str:
        nats = f"{metrics['loss']:.4f} nats a symbol"
        if "free_running_loss" in metrics:
            nats += f", {metrics['free_running_loss']:.4f} where it hears itself"
        lines = [f"{metrics['split']}: {metrics['count']} texts, {in_words(metrics)}; {nats}"]
        return "\n".join([*lines, *(f"{name}: {in_words(row)}" for name, row in metrics.get("baselines", {}).items())])

    def predict(
        self,
        session: Session,
        inputs: Iterable[Any],
        top: int = 1,
        decoder: Decoder | None = None,
        must_contain: Sequence[str] = (),
    ) -> Iterator[dict[str, Any]]:
        """The translation of each text, and the ``top`` best that the beam has found; by another ``decoder`` if given.

        Each translation has the phrases ``must_contain`` in it, token by token.

        Raises:
            ArgumentError: more than one is asked for, and ``decoder`` is a beam that follows fewer; or a decoder that
                cannot keep to phrases.
            InputError: a phrase has no tokens, or some that the network does not know.
        """
        network = self.network
        if decoder is None:
            decoder = self.decoder if top == 1 else searching(self.decoder, None, top)
        given, done = given_texts(inputs), 0
        while texts := list(itertools.islice(given, BATCH)):
            numbers = range(done, done + len(texts))
            found = translate(network, self.codecs, decoder, [text.text for text in texts], numbers, must_contain)
            done += len(texts)
            yield from (described(self.codecs, *each) for each in zip(texts, found))

    def given(self, files: Iterable[Any]) -> Iterator[TextPair]:
        """The texts that a person gives; nobody knows their translations."""
        return (TextPair(given.text, "", given.name) for given in given_texts(files))

    def reading(self, item: TextPair) -> ExplainableInput:
        """A pair as the network reads it, the source symbol by symbol."""
        (batch,) = self.batches([item], 1, False, Session()).epoch(0)
        source = self.codecs.source
        symbols = source.vocabulary.tokens(source.encode(item.source))
        return ExplainableInput(item.place, tuple(part.to(self.model.device) for part in batch.inputs), Text(symbols))

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Texts for explainers: for each symbol of the translation a number for every symbol of the text."""
        return explainable_translations(self.network, self.codecs, self.decoder, files)

    def attackable(self, files: Iterable[Any], count: int) -> Translations:
        """Texts for attacks; of the task's own data at most ``count``, spread over the part that is measured on."""
        split, items = None, list(self.given(files))
        if not items:
            split, part = self.part(None)
            items = [part[index] for index in spread_over(len(part), count).tolist()]
        return Translations.of(self.network, self.codecs, self.decoder, split, items)

    def looked(self, text: str, symbols: Sequence[str]) -> Alignment:
        """Where the network looks in ``text`` while it says ``symbols``.

        Raises:
            InputError: it has no attention.
        """
        ids = self.codecs.target.vocabulary.ids(symbols)
        found = alignment(self.network, self.codecs, text, ids)
        if found is None:
            message = "this network has no attention to look at"
            raise InputError(message, hint="train a model with attention, encoder-decoder at its defaults for example")
        return found

    def searched(self, text: str, decoder: Decoder, must_contain: Sequence[str] = ()) -> SearchTree:
        """What ``decoder`` looks at in order to translate ``text``.

        Raises:
            InputError: it is no beam, or a phrase has no tokens, or some that the network does not know.
        """
        return search_tree(self.network, self.codecs, decoder, text, must_contain)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        translation_page.compose(self, session, folder, page)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.tatoeba import Tatoeba

        small = {"name": "encoder-decoder", "embedding": 4, "hidden": 6}
        training = Training(epochs=2, batch_size=8)
        return cls(data=Tatoeba.sample(folder), model=small, training=training, baselines=True)  # type: ignore[arg-type]
