"""Train a network to sort recordings into classes."""

from __future__ import annotations

import pathlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Literal, Self

import torch
from torch import Tensor

from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import DataError
from ..core.run_folder import RunFolder
from ..data.corpus import Recording
from ..data.labels import sorted_names
from ..data.length_buckets import LengthBuckets
from ..data.reader import RecordingReader
from ..data.sequence_set import LabelledSequences
from ..data.sound_features import SoundFeatures
from ..data.spectrogram_masks import MaskedBuckets, SpectrogramMasks
from ..functional.spread import spread_over
from ..models.model import Model
from ..render.page import Page
from ..training.settings import Training
from . import classification_metrics, sound_classification_page
from .attacked.sounds import Sounds
from .exhibits import Sound
from .explainable import Explainable, ExplainableInput
from .given_sounds import given_sounds
from .sequence_task import BATCH, Batches, SequenceTask, Share
from .task import Session


class SoundClassification(SequenceTask[Recording]):
    """Sort recordings into classes: which word is said, or whose music it is (catalogue 217, 221).

    The text of a recording is its class.

    Args:
        data: where the recordings come from.
        model: the network; the data say its features and number of classes.
        features: what it hears of the sound.
        masks: stripes of the spectrogram that are hidden in training.
        validation, test: shares held out; see `SequenceTask`.
        training: how to train.
    """

    name = "sound-classification"

    def __init__(
        self,
        data: RecordingReader,
        model: Spec[Model] = named("sequence-classifier"),
        features: SoundFeatures = DEFAULTS,
        masks: SpectrogramMasks | None = None,
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
    ) -> None:
        self.data, self.spec, self.features, self.masks = data, model, features, masks
        self.validation, self.test, self.training = validation, test, training

    def same(self, item: Recording) -> bytes:
        return item.samples.numpy().tobytes()

    def stratum(self, item: Recording) -> Hashable:
        return item.text, item.speaker

    def learn(self, items: Sequence[Recording]) -> None:
        self.features.learn(items)
        self.classes = list(self.parts.classes) or sorted_names(item.text for item in items)
        if len(self.classes) < 2:
            raise DataError(f"all recordings are of one class, {self.classes[0]!r}", hint="give at least two classes")

    def learned(self) -> dict[str, Any]:
        return {"features": self.features.learned(), "classes": self.classes}

    def take(self, learned: dict[str, Any]) -> None:
        self.features.restore(learned["features"])
        self.classes = learned["classes"]

    def build(self) -> Model:
        return self.spec.build(features=self.features.width, classes=len(self.classes))

    def labels(self, items: Sequence[Recording]) -> Tensor:
        """The number of each recording's class, int64 (count,).

        Raises:
            DataError: a text that is no class; names the recording.
        """
        numbers = {name: number for number, name in enumerate(self.classes)}
        for item in items:
            if item.text not in numbers:
                message = f"{item.place}: {item.text!r} is none of the {len(self.classes)} classes"
                raise DataError(message, hint="every text is a class here; for what is said use task: transcription")
        return torch.tensor([numbers[item.text] for item in items], dtype=torch.int64)

    def batches(
        self, items: Sequence[Recording], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> Batches:
        sequences = LabelledSequences(self.features.encode_all(items), self.labels(items))
        group = session.processes
        buckets = LengthBuckets(
            sequences, batch_size, seed=session.seed, shuffle=shuffle, rank=group.rank, world=group.count
        )
        return MaskedBuckets(buckets, self.masks) if self.masks is not None and shuffle else buckets

    @torch.inference_mode()
    def outputs(self, items: Sequence[Recording], session: Session) -> Tensor:
        """The network's outputs (count, classes), in the order of ``items``, on the CPU."""
        model, frames = self.model, self.features.encode_all(items)
        outputs = torch.empty(len(items), len(self.classes))
        with session.console.progress("evaluate", len(items), "recording") as progress:
            for indices in torch.argsort(frames.lengths, stable=True).split(BATCH):
                x, lengths = frames.padded(indices)
                outputs[indices] = model(x.to(session.device), lengths.to(session.device)).float().cpu()
                progress.advance(len(indices))
        return outputs

    def measure(self, items: Sequence[Recording], session: Session) -> dict[str, Any]:
        return self.compared(items, self.outputs(items, session))

    def compared(self, items: Sequence[Recording], outputs: Tensor) -> dict[str, Any]:
        """Metrics of ``outputs``, all together and by speaker."""
        labels = self.labels(items)
        metrics = classification_metrics.measure(outputs, labels, self.classes, self.objective(self.model))
        right = (outputs.argmax(1) == labels).tolist()
        speakers: dict[str, list[bool]] = {}
        for item, correct in zip(items, right):
            speakers.setdefault(item.speaker or "unknown", []).append(correct)
        metrics["speakers"] = {
            name: {"count": len(own), "accuracy": sum(own) / len(own)} for name, own in sorted(speakers.items())
        }
        return metrics

    def describe(self, metrics: dict[str, Any]) -> str:
        lines = [classification_metrics.describe(metrics, "recordings"), ""]
        for name, row in metrics["speakers"].items():
            lines.append(f"{name}: {row['count']} recordings, accuracy {row['accuracy']:.2%}")
        return "\n".join(lines)

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        objective = self.objective(self.model)
        quiet = Session(session.seed, session.processes)
        for recording in given_sounds(inputs):
            outputs = self.outputs([recording], quiet)
            values, places = objective.probabilities(outputs)[0].topk(min(top, len(self.classes)))
            ranked = [
                {"label": self.classes[place], "probability": value}
                for value, place in zip(values.tolist(), places.tolist())
            ]
            yield {"input": recording.place, **ranked[0], "top": ranked}

    def given(self, files: Iterable[Any]) -> Iterator[Recording]:
        """The recordings that a person gives."""
        return given_sounds(files)

    def reading(self, item: Recording) -> ExplainableInput:
        """A recording for explainers, frame by frame."""
        frames, features = self.features.frames(item), self.features
        inputs = (frames[None].to(self.model.device), torch.tensor([len(frames)]))
        return ExplainableInput(item.place, inputs, Sound(item, features.hop, features.window))

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Recordings for explainers: a number for each frame."""
        model, inputs = self.model, map(self.reading, self.given(files))
        return Explainable(model, self.classes, self.objective(model).probabilities, inputs)

    def attackable(self, files: Iterable[Any], count: int) -> Sounds:
        """Recordings for attacks; of the task's own data at most ``count``, spread over the part that is measured on.

        Raises:
            DataError: a file that is no recording, or one of the data whose class the network does not know.
        """
        split, items, labels = None, list(self.given(files)), None
        if not items:
            split, part = self.part(None)
            items = [part[index] for index in spread_over(len(part), count).tolist()]
            labels = self.labels(items)
        objective = self.objective(self.model)
        return Sounds.of(self.model, objective, self.features, self.classes, split, items, labels)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        sound_classification_page.compose(self, session, folder, page)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.spoken_digits import SpokenDigits

        small = {"name": "sequence-classifier", "encoder": {"name": "recurrent", "cell": "gru", "hidden": [4]}}
        features, training = SoundFeatures(bands=8), Training(epochs=2)
        return cls(data=SpokenDigits.sample(folder), model=small, features=features, training=training)  # type: ignore[arg-type]
