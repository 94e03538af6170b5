"""Train a network to foretell which keys sound next."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self

import torch
from torch import Tensor
from torch.nn import functional

from ..core.arguments import Interval
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import InputError
from ..core.run_folder import RunFolder
from ..data.corpus import Roll
from ..data.length_buckets import LengthBuckets
from ..data.ragged import Ragged
from ..data.reader import RollReader
from ..data.sequence_set import ContinuedSequences
from ..data.transposition import transpositions
from ..functional.spread import spread_over
from ..models.model import Model
from ..models.sequence.sequence_predictor import SequencePredictor
from ..render.page import Page
from ..render.piano_roll import LOWEST, key_name, piano_roll
from ..training.settings import Training
from .attacked.rolls import Rolls
from .bucketing import bucketed
from .explainable import Explainable, ExplainableInput
from .explained.rolls import REMARK, ExplainableFrames, HeardRoll
from .foretelling import build_foreteller
from .given_texts import given_texts
from .run_page import beside_table, circumstances, facts_of_training, learning
from .sequence_task import BATCH, SequenceTask, Share
from .task import Session

KEYS = 88
Semitones = Annotated[int, Interval("[0, 12)")]
#: Frames of a piece that the report shows.
SHOWN = 120
#: Keys that an answer names in its text, at most.
TOLD = 10
#: A key that is more probable than this counts as foretold.
HALF = 0.5


class FramePrediction(SequenceTask[Roll]):
    """Foretell each frame of a piano roll from all before it (catalogue 220).

    Measured by the negative log-likelihood of a frame in nats, the sum over its 88 keys, and a mean over all frames but
    the first of each piece, of which nothing is known.

    Args:
        data: where the rolls come from.
        model: the network; its output unit is "frames".
        validation, test: shares held out; see `SequenceTask`.
        transpose: train on every piece in the keys up to so many semitones lower and higher as well.
        training: how to train; ``batch_size`` counts pieces, in all their keys.
        baselines: measure beside the network what each key does on the whole, and what it does after its own last
            state.

    Reference: Boulanger-Lewandowski, Bengio and Vincent (2012), section 6; frames counted as by Bai, Kolter and Koltun
    (2018), section 4.
    """

    name = "frame-prediction"
    reference = "boulanger2012"

    def __init__(
        self,
        data: RollReader,
        model: Spec[Model] = named("sequence-predictor"),
        validation: Share | None = None,
        test: Share | None = None,
        transpose: Semitones = 0,
        training: Training = DEFAULTS,
        baselines: bool = False,
    ) -> None:
        self.data, self.spec, self.transpose, self.training = data, model, transpose, training
        self.validation, self.test, self.baselines = validation, test, baselines

    def same(self, item: Roll) -> bytes:
        return item.notes.numpy().tobytes()

    def learn(self, items: Sequence[Roll]) -> None:
        """There is nothing to learn: keys are keys."""

    def learned(self) -> dict[str, Any]:
        return {}

    def take(self, learned: dict[str, Any]) -> None:
        """There is nothing to take."""

    def build(self) -> Model:
        return build_foreteller(self.spec, KEYS, KEYS, "frames", "foretell frames of keys", "the frame")

    def batches(
        self, items: Sequence[Roll], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> LengthBuckets:
        if shuffle:
            items = [piece for item in items for piece in transpositions(item, self.transpose)]
        sequences = ContinuedSequences(Ragged.from_rows(item.notes for item in items))
        sequences.unit = "frame"
        return bucketed(sequences, batch_size, shuffle, session)

    @torch.inference_mode()
    def outputs(self, items: Sequence[Roll], session: Session) -> list[Tensor]:
        """Logits (time - 1, keys) of the frames after the first of each of ``items``, on the CPU."""
        model, found = self.model, [torch.zeros(0, KEYS)] * len(items)
        alone = Session(session.seed, console=session.console)
        with session.console.progress("evaluate", len(items), "piece") as progress:
            for batch in self.batches(items, BATCH, False, alone).epoch(0):
                x, lengths = (part.to(session.device) for part in batch.inputs)
                logits = model(x, lengths)[0].float().cpu()
                for index, row, length in zip(batch.indices.tolist(), logits, batch.inputs[1].tolist()):
                    found[index] = row[:length]
                progress.advance(len(batch.indices))
        return found

    def measure(self, items: Sequence[Roll], session: Session) -> dict[str, Any]:
        return _measures(torch.cat(self.outputs(items, session)), _after(items))

    def measure_baselines(self, train: Sequence[Roll], items: Sequence[Roll]) -> dict[str, dict[str, Any]]:
        known, before, after = _after(train), _before(train), _after(items)
        frequency = _logit((known.sum(0) + 1) / (len(known) + 2))
        last = [_logit(((known * was).sum(0) + 1) / (was.sum(0) + 2)) for was in (before, 1 - before)]
        return {
            "frequency of each key": _measures(frequency.expand_as(after), after),
            "last frame, key by key": _measures(torch.where(_before(items) > 0, *last), after),
        }

    def describe(self, metrics: dict[str, Any]) -> str:
        lines = [f"{metrics['split']}: {_in_words(metrics)}; {metrics['count']} frames"]
        lines += [f"{name}: {_in_words(found)}" for name, found in metrics.get("baselines", {}).items()]
        return "\n".join(lines)

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """Which keys sound after given chords, and how probable these are.

        A text is one piece: frames divided by commas, each the MIDI numbers of its keys: ``60 64 67, 59 62 67``. A file
        holds one piece a line.
        """
        _ = self.model
        for roll in self.given(inputs):
            logits = self._following(roll)
            following, said = logits[-1].sigmoid(), _measures(logits[:-1], roll.notes[1:].float())
            ranked = [
                {"key": key_name(key), "number": key + LOWEST, "probability": float(following[key])}
                for key in following.argsort(descending=True).tolist()
            ]
            likely = [row for row in ranked[:TOLD] if row["probability"] > HALF]
            sounding = " ".join(f"{row['key']} {row['probability']:.0%}" for row in likely)
            yield {
                "input": roll.place,
                "text": f"then {sounding or 'silence'}; {said['loss']:.3f} nats a frame over {said['count']}",
                "loss": said["loss"],
                "next": ranked[:top],
            }

    @torch.inference_mode()
    def _following(self, roll: Roll) -> Tensor:
        """Logits (time, keys) of the frame after each, on the CPU."""
        return self.model(roll.notes[None].float().to(self.model.device))[0][0].float().cpu()

    def given(self, files: Iterable[Any]) -> Iterator[Roll]:
        """The pieces that a person gives, as texts or in files with one a line.

        Raises:
            InputError: something that is no key.
        """
        for given in given_texts(files):
            yield Roll(_notes(given.text), given.name)

    def reading(self, item: Roll) -> ExplainableInput:
        """A piece for explainers, frame by frame; after each the network says which keys sound next.

        Raises:
            InputError: there is no frame in it.
        """
        if not len(item.notes):
            raise InputError(f"there is no frame in '{item.place}'", hint="give a piece with frames")
        device, count = self.model.device, len(item.notes)
        inputs = (item.notes[None].float().to(device), torch.tensor([count], device=device))
        positions = [f"after frame {frame}" for frame in range(1, count + 1)]
        heard = HeardRoll(item.notes, self._following(item).sigmoid())
        return ExplainableInput(item.place, inputs, heard, positions=positions, asked=[count - 1], remark=REMARK)

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Pieces for explainers, as `predict` takes them; without any the first of the part that is measured on."""
        model = self.model
        assert isinstance(model, SequencePredictor)
        readings = map(self.reading, self.given(files := list(files)))
        if not files:
            name, pieces = self.part(None)
            remark = f"{REMARK} No piece was given: this is the first of the {name} part."
            readings = iter([dataclasses.replace(self.reading(pieces[0]), remark=remark)])
        return ExplainableFrames.of(model, readings)

    def attackable(self, files: Iterable[Any], count: int) -> Rolls:
        """Pieces for attacks, as `predict` takes them; of the task's own data at most ``count``, spread over the part
        that is measured on.

        Raises:
            InputError: a piece with less than two frames, of which the second could be foretold.
        """
        model = self.model
        assert isinstance(model, SequencePredictor)
        split, pieces = None, list(self.given(files))
        for piece in pieces:
            if len(piece.notes) < 2:
                message = f"'{piece.place}' has {len(piece.notes)} frame"
                raise InputError(message, hint="give at least two, commas between them: 60 64 67, 59 62 67")
        if not pieces:
            split, part = self.part(None)
            pieces = [part[index] for index in spread_over(len(part), count).tolist()]
        return Rolls.of(model, split, pieces)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        name, items = self.part(None)
        outputs = self.outputs(items, session)
        metrics = _measures(torch.cat(outputs), _after(items))
        page.facts(
            {
                f"{name} nats a frame": f"{metrics['loss']:.3f}",
                f"{name} accuracy of keys": f"{metrics['accuracy']:.2%}",
                **facts_of_training(folder),
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            }
        )
        page.text(
            f"Measured on {metrics['count']:,} frames of {len(items)} pieces of the {name} part. Accuracy is the share "
            f"of keys that sound and were foretold with more than {HALF:.0%} among those that sound or were foretold."
        )
        learning(page, folder, self.training.monitor)
        rows = {"this network": metrics, **self.beside}
        beside_table(
            page, {title: {"nats a frame": row["loss"], "accuracy": row["accuracy"]} for title, row in rows.items()}
        )
        page.heading("What it expects")
        losses = [_measures(z, item.notes[1:].float())["loss"] for z, item in zip(outputs, items)]
        order = sorted(range(len(items)), key=losses.__getitem__)
        for title, index in {"the middle one": order[len(order) // 2], "the least expected": order[-1]}.items():
            notes = items[index].notes[:SHOWN]
            expected = torch.cat([torch.full((1, KEYS), torch.nan), outputs[index].sigmoid()])[:SHOWN]
            page.figure(
                piano_roll(notes, expected),
                f"{items[index].place}, {title} of {len(items)} pieces: {losses[index]:.2f} nats a frame.",
                f"piano roll of {len(notes)} frames above the network's expectation of each",
            )
        circumstances(page, folder)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.piano_rolls import PianoRolls

        small = {"name": "sequence-predictor", "encoder": {"name": "recurrent", "hidden": [4]}}
        return cls(data=PianoRolls.sample(folder), model=small, training=Training(epochs=2), baselines=True)  # type: ignore[arg-type]


def _before(items: Sequence[Roll]) -> Tensor:
    """All frames but the last of each piece, (frames, keys)."""
    return torch.cat([item.notes[:-1] for item in items]).float()


def _after(items: Sequence[Roll]) -> Tensor:
    """All frames but the first of each piece."""
    return torch.cat([item.notes[1:] for item in items]).float()


def _logit(p: Tensor) -> Tensor:
    return p.log() - (-p).log1p()


def _measures(logits: Tensor, notes: Tensor) -> dict[str, Any]:
    """Mean negative log-likelihood of a frame, and TP / (TP + FP + FN) of its keys (Bay, Ehmann and Downie 2009)."""
    losses = functional.binary_cross_entropy_with_logits(logits.double(), notes.double(), reduction="none")
    foretold, sounding = logits.sigmoid() > HALF, notes > 0
    either = int((foretold | sounding).sum())
    return {
        "count": len(notes),
        "loss": float(losses.sum()) / max(len(notes), 1),
        "accuracy": int((foretold & sounding).sum()) / either if either else 1.0,
    }


def _in_words(metrics: dict[str, Any]) -> str:
    return f"{metrics['loss']:.3f} nats a frame, accuracy of keys {metrics['accuracy']:.2%}"


def _notes(text: str) -> Tensor:
    """The roll (time, keys) that a text says."""
    notes = torch.zeros(text.count(",") + 1, KEYS, dtype=torch.uint8)
    for frame, chord in enumerate(text.split(",")):
        for number in chord.split():
            if not (number.isascii() and number.isdigit()) or not 0 <= int(number) - LOWEST < KEYS:
                hint = f"give MIDI numbers from {LOWEST} to {LOWEST + KEYS - 1}, commas between frames: 60 64 67, 59 62"
                raise InputError(f"frame {frame + 1}: {number!r} is no key of a piano", hint=hint)
            notes[frame, int(number) - LOWEST] = 1
    return notes
