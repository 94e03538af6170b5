"""Train a network to write down what is said."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor

from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import ArgumentError, DataError
from ..core.run_folder import RunFolder
from ..data.corpus import Recording
from ..data.length_buckets import LengthBuckets
from ..data.ragged import Ragged
from ..data.reader import RecordingReader
from ..data.sound_features import SoundFeatures
from ..data.spectrogram_masks import MaskedBuckets, SpectrogramMasks
from ..data.vocabulary import Vocabulary
from ..decoding import Hypothesis, PrefixBeam
from ..decoding.ctc import CTCDecoder
from ..functional.ctc_alignment import aligned
from ..functional.ctc_paths import steps_needed
from ..functional.edit_distance import Edits, total_edits
from ..functional.spread import spread_over
from ..models.model import Model
from ..render.page import Page
from ..training.settings import Training
from . import transcription_page
from .attacked.transcripts import Listener, Transcripts
from .attacked.waveforms import Waveforms
from .exhibits import Sound
from .explainable import Explainable, ExplainableInput
from .explained.transcripts import explainable_transcripts
from .given_sounds import given_sounds
from .label_language_model import LabelLanguageModel
from .label_sequences import LabelSequences
from .sequence_task import BATCH, Batches, SequenceTask, Share
from .task import Session


class Transcript(NamedTuple):
    """What a network hears in a recording.

    Attributes:
        text: what it writes.
        hypotheses: all that the decoder found, the best first, in labels.
        log_probabilities: of each label in each frame, (frames, labels).
        loss: mean negative log-likelihood of the characters of the right text; None where nobody gave one.
    """

    text: str
    hypotheses: list[Hypothesis]
    log_probabilities: Tensor
    loss: float | None


class Transcription(SequenceTask[Recording]):
    """Write down what is said, where nobody says when: temporal classification (catalogue 169, 216).

    The characters of the texts are the labels, and label 0 is the blank.

    Args:
        data: where the recordings come from.
        model: the network; the data say its features and labels.
        features: what it hears of the sound.
        masks: stripes of the spectrogram that are hidden in training.
        decoder: from what it says of each frame to a text: ``best-path``, or ``prefix-beam``.
        language_model: the run folder of a language model of characters, which a prefix beam asks as well; the weight
            of its answer is set at the decoder.
        validation, test: shares held out; see `SequenceTask`.
        training: how to train.

    Raises:
        ArgumentError: a language model without a decoder that asks it, or the other way round; a blank other than 0.
    """

    name = "transcription"
    reference = "graves2006"

    def __init__(
        self,
        data: RecordingReader,
        model: Spec[Model] = named("ctc-recognizer"),
        features: SoundFeatures = DEFAULTS,
        masks: SpectrogramMasks | None = None,
        decoder: CTCDecoder = named("best-path"),
        language_model: str | None = None,
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
    ) -> None:
        self.weight, self.bonus = (decoder.weight, decoder.bonus) if isinstance(decoder, PrefixBeam) else (0.0, 0.0)
        if (self.weight > 0) != (language_model is not None):
            message = "a language model and its weight at the decoder belong together"
            hint = "decoder: {name: prefix-beam, weight: 0.5} and language_model: a run folder, or neither"
            raise ArgumentError(message, hint=hint, path=("language_model",))
        if getattr(decoder, "blank", 0) != 0:
            raise ArgumentError("label 0 is the blank of this task", hint="leave it out", path=("decoder", "blank"))
        self.data, self.spec, self.features, self.masks = data, model, features, masks
        self.decoder, self.language_model = decoder, language_model
        self.validation, self.test, self.training = validation, test, training
        self._asked: LabelLanguageModel | None = None

    def same(self, item: Recording) -> bytes:
        return item.samples.numpy().tobytes()

    def prepare(self, session: Session) -> None:
        super().prepare(session)
        self._require_frames()
        self._language_model()

    def learn(self, items: Sequence[Recording]) -> None:
        self.features.learn(items)
        learned = Vocabulary.build((item.text for item in items), unknown=False)
        # a character that only other parts have cannot be learned, but must be counted as missed
        rest = [*(self.parts.validation or ()), *(self.parts.test or ())]
        others = {character for item in rest for character in item.text} - set(learned.symbols)
        self.labels = Vocabulary([*learned.symbols[1:], *sorted(others)], unknown=False)

    def learned(self) -> dict[str, Any]:
        return {"features": self.features.learned(), "labels": self.labels.content()}

    def take(self, learned: dict[str, Any]) -> None:
        self.features.restore(learned["features"])
        self.labels, self._asked = Vocabulary.from_content(learned["labels"]), None

    def build(self) -> Model:
        model = self.spec.build(features=self.features.width, classes=len(self.labels))
        if model.output != "ctc":
            message = f"the model '{model.name}' does not answer frame by frame with blanks"
            raise ArgumentError(message, hint="choose ctc-recognizer and vary its encoder", path=("model",))
        return model

    def _require_frames(self) -> None:
        """Refuse texts that are longer than what is left of their recordings."""
        strides = self._untrained.arguments.get("strides", ())
        for items in filter(None, (self.parts.train, self.parts.validation, self.parts.test)):
            for item in items:
                frames = self.features.count(item)
                for stride in strides:
                    frames = -(-frames // stride)
                if frames < steps_needed(item.text):
                    message = f"{item.place}: {frames} frames cannot hold the {len(item.text)} characters of its text"
                    raise DataError(message, hint="use fewer strides or a smaller hop, or leave the recording out")

    def batches(
        self, items: Sequence[Recording], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> Batches:
        texts = Ragged.from_rows(self.labels.ids(item.text) for item in items)
        sequences = LabelSequences(self.features.encode_all(items), texts)
        group = session.processes
        buckets = LengthBuckets(
            sequences, batch_size, seed=session.seed, shuffle=shuffle, rank=group.rank, world=group.count
        )
        return MaskedBuckets(buckets, self.masks) if self.masks is not None and shuffle else buckets

    @torch.inference_mode()
    def transcribe(
        self, items: Sequence[Recording], session: Session, decoder: CTCDecoder | None = None, *, told: bool = True
    ) -> list[Transcript]:
        """What the network hears in each of ``items``, in their order.

        Args:
            decoder: instead of that of the recipe.
            told: whether the texts of ``items`` are the right ones, so that there is a loss.
        """
        decoder = self.decoder if decoder is None else decoder
        found: list[Transcript | None] = [None] * len(items)
        with session.console.progress("transcribe", len(items), "recording") as progress:
            for indices, log_y, lengths in self._heard(items, session):
                hypotheses = self._decoded(decoder, log_y, lengths)
                for index, row, length, own in zip(indices.tolist(), log_y, lengths.tolist(), hypotheses):
                    loss = self._loss(row[:length], items[index].text) if told else None
                    found[index] = Transcript(self.text(own[0]), own, row[:length], loss)
                progress.advance(len(indices))
        return [transcript for transcript in found if transcript is not None]

    def _heard(self, items: Sequence[Recording], session: Session) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Of each batch the places in ``items``, log-probabilities (n, frames, labels) and lengths (n,), on the CPU."""
        frames, model = self.features.encode_all(items), self.model
        for indices in torch.argsort(frames.lengths, stable=True).split(BATCH):
            x, lengths = frames.padded(indices)
            log_y, lengths = model(x.to(session.device), lengths.to(session.device))
            yield indices, log_y.float().cpu(), lengths.cpu()

    def _decoded(self, decoder: CTCDecoder, log_y: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        if isinstance(decoder, PrefixBeam):
            return decoder.decode(log_y, lengths, self._language_model() if decoder.weight > 0 else None)
        return decoder.decode(log_y, lengths)

    def beam(self, width: int) -> PrefixBeam:
        """A prefix beam that follows and returns ``width`` texts; weight and bonus are those of the recipe."""
        return PrefixBeam(width, hypotheses=width, weight=self.weight, bonus=self.bonus)

    def _language_model(self) -> LabelLanguageModel | None:
        if self._asked is None and self.language_model is not None:
            self._asked = LabelLanguageModel(self.language_model, self.labels)
        return self._asked

    def text(self, hypothesis: Hypothesis) -> str:
        """The labels of a hypothesis as characters."""
        return "".join(self.labels.tokens(hypothesis.tokens))

    def timed(self, item: Recording, transcript: Transcript) -> list[tuple[str, float, float]]:
        """Each character of the text with the seconds in which the network says it, begin and end.

        They are those of the most probable path. A network trained by CTC often says a character in few frames, near
        its end.
        """
        log_y, labels = transcript.log_probabilities, transcript.hypotheses[0].tokens
        frame = len(item.samples) / item.rate / max(len(log_y), 1)
        return [
            (symbol, span.start * frame, span.stop * frame)
            for symbol, span in zip(transcript.text, aligned(log_y, labels))
        ]

    def _loss(self, log_y: Tensor, text: str) -> float:
        """-log p(text) over the number of its characters; of no text, -log p(nothing)."""
        labels = torch.tensor([self.labels.ids(text)], dtype=torch.int64)
        lengths = torch.tensor([len(log_y)])
        return float(self.objective(self.model).loss((log_y[None], lengths), labels))  # type: ignore[arg-type]

    def measure(self, items: Sequence[Recording], session: Session) -> dict[str, Any]:
        return self.compared(items, self.transcribe(items, session))

    def compared(self, items: Sequence[Recording], found: Sequence[Transcript]) -> dict[str, Any]:
        """Error rates of characters and words, all together and by speaker."""
        texts = [(item.text, transcript.text) for item, transcript in zip(items, found)]
        characters, words = total_edits(texts), _words(texts)
        nats = sum((transcript.loss or 0.0) * max(len(item.text), 1) for item, transcript in zip(items, found))
        speakers: dict[str, list[tuple[str, str]]] = {}
        for item, pair in zip(items, texts):
            speakers.setdefault(item.speaker or "unknown", []).append(pair)
        return {
            "count": len(items),
            "loss": nats / max(sum(len(item.text) for item in items), 1),
            "character_error_rate": characters.rate,
            "word_error_rate": words.rate,
            "exact": sum(one == other for one, other in texts) / max(len(texts), 1),
            "character_edits": characters._asdict(),
            "word_edits": words._asdict(),
            "speakers": {
                name: {
                    "count": len(own),
                    "character_error_rate": total_edits(own).rate,
                    "word_error_rate": _words(own).rate,
                }
                for name, own in sorted(speakers.items())
            },
        }

    def describe(self, metrics: dict[str, Any]) -> str:
        edits = metrics["character_edits"]
        lines = [
            f"{metrics['split']}: {metrics['count']} recordings, character error rate "
            f"{metrics['character_error_rate']:.2%}, word error rate {metrics['word_error_rate']:.2%}, "
            f"loss {metrics['loss']:.4f}",
            f"{edits['length']} characters: {edits['substitutions']} substituted, {edits['deletions']} left out, "
            f"{edits['insertions']} too many; {metrics['exact']:.2%} of the texts without error",
        ]
        for name, row in metrics["speakers"].items():
            lines.append(
                f"{name}: {row['count']} recordings, character error rate {row['character_error_rate']:.2%}, "
                f"word error rate {row['word_error_rate']:.2%}"
            )
        return "\n".join(lines)

    def predict(
        self, session: Session, inputs: Iterable[Any], top: int = 1, decoder: CTCDecoder | None = None
    ) -> Iterator[dict[str, Any]]:
        """The text of each recording, and when each character is heard.

        Args:
            top: how many texts to give, at most; others than the best come of a prefix beam of so many hypotheses.
            decoder: instead of that of the recipe.
        """
        _ = self.model
        quiet = Session(session.seed, session.processes)
        for recording in given_sounds(inputs):
            (transcript,) = self.transcribe([recording], quiet, decoder, told=False)
            yield {
                "input": recording.place,
                "text": transcript.text,
                "seconds": len(recording.samples) / recording.rate,
                "symbols": [
                    {"symbol": symbol, "start": start, "stop": stop}
                    for symbol, start, stop in self.timed(recording, transcript)
                ],
                "hypotheses": [
                    {"text": self.text(own), "score": own.score, "log_probability": own.log_probability}
                    for own in transcript.hypotheses[:top]
                ],
            }

    def given(self, files: Iterable[Any]) -> Iterator[Recording]:
        """The recordings that a person gives; nobody knows what is said."""
        return given_sounds(files)

    def reading(self, item: Recording) -> ExplainableInput:
        """A recording as the network reads it, frame by frame."""
        frames, features = self.features.frames(item), self.features
        inputs = (frames[None].to(self.model.device), torch.tensor([len(frames)]))
        return ExplainableInput(item.place, inputs, Sound(item, features.hop, features.window))

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Recordings for explainers: for each symbol of the transcript a number for every frame."""
        return explainable_transcripts(self.model, self.features, self.labels, files)

    def attackable(self, files: Iterable[Any], count: int) -> Transcripts:
        """Recordings for attacks; of the task's own data at most ``count``, spread over the part that is measured on.

        Raises:
            DataError: a file that is no recording.
        """
        items, split, right = list(self.given(files)), None, None
        if not items:
            split, part = self.part(None)
            items = [part[index] for index in spread_over(len(part), count).tolist()]
            right = [[item.text] for item in items]
        waves, objective = Waveforms.of(items, self.features.sampled_at), self.objective(self.model)
        listener = Listener(self.model, objective, self.features, self.labels, self._written, waves)
        return Transcripts.of(listener, split, right)

    def _written(self, log_y: Tensor, lengths: Tensor) -> list[str]:
        """What the decoder of the recipe makes of log-probabilities (n, frames, labels)."""
        return [self.text(own[0]) for own in self._decoded(self.decoder, log_y, lengths)]

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        transcription_page.compose(self, session, folder, page)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.digit_strings import DigitStrings

        encoder = {"name": "recurrent", "cell": "gru", "hidden": [4]}
        small = {"name": "ctc-recognizer", "encoder": encoder, "strides": [2], "channels": 4, "kernel_size": 3}
        features = SoundFeatures(bands=8)
        return cls(data=DigitStrings.sample(folder), model=small, features=features, training=Training(epochs=2))  # type: ignore[arg-type]


def _words(texts: Iterable[tuple[str, str]]) -> Edits:
    return total_edits((one.split(), other.split()) for one, other in texts)
