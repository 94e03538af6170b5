"""Recordings that are written down under attack, sample by sample: to be misheard, or heard as something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.errors import InputError
from ...data.sound_features import SoundFeatures
from ...data.vocabulary import Vocabulary
from ...explain.attacks.loss_victim import LossVictim
from ...functional.ctc_paths import steps_needed
from ...functional.layer_outputs import evaluating
from ...models.model import Model
from ...models.sequence.ctc_recognizer import Recognition
from ...render.page import Page
from ...training.objective import Objective
from .parts import Part
from .sentences import AttackedSentences, Sentences
from .waveforms import EPSILON, AttackableWaveforms, AttackedWaveforms, Waveforms, frames

SHOWN = 4


@dataclass(frozen=True)
class Listener:
    """A network that writes down what it hears.

    Attributes:
        model: gives log-probabilities of labels, frame by frame.
        objective: the loss of labels whose frames nobody told.
        features: what it hears of sound.
        labels: the characters, and what they are numbered.
        write: log-probabilities (rows, frames, labels) and numbers of frames (rows,) to texts.
        waves: the recordings, at the rate of ``features``.
    """

    model: Model
    objective: Objective
    features: SoundFeatures
    labels: Vocabulary
    write: Callable[[Tensor, Tensor], list[str]]
    waves: Waveforms

    def hear(self, raw: Tensor, indices: Tensor) -> Recognition:
        """What the network hears in ``raw`` (rows, longest) in place of the recordings ``indices``; differentiable."""
        return self.model(*frames(self.features, self.model.device, raw, self.waves.rows.lengths[indices]))

    def heard(self, raw: Tensor, indices: Tensor) -> Recognition:
        """`hear` without gradients, on the CPU."""
        with evaluating(self.model), torch.no_grad():
            log_y, counts = self.hear(raw, indices)
        return Recognition(log_y.float().cpu(), counts.cpu())

    def say(self, raw: Tensor, indices: Tensor) -> list[str]:
        """What it writes down of ``raw`` in place of the recordings ``indices``."""
        return self.write(*self.heard(raw, indices))

    def symbols(self, sentence: str) -> str:
        """Errors are counted in characters."""
        return sentence

    def victim(self, raw: Tensor, indices: Tensor, right: Sequence[Sequence[str]]) -> LossVictim:
        """The network over the recordings ``indices``, whose loss is that of the first text that is ``right`` of each.

        -log p(text | recording) / characters, all paths together.
        """
        labels = [torch.tensor(self.labels.ids(text), dtype=torch.int64, device=raw.device) for text, *_ in right]

        def losses(changed: Tensor, numbers: Tensor) -> Tensor:
            log_y, counts = self.hear(changed, indices[numbers.cpu()])
            rows = enumerate(numbers.tolist())
            return torch.stack(
                [
                    self.objective.loss((log_y[row, None], counts[row, None]), labels[number][None])  # type: ignore[arg-type]
                    for row, number in rows
                ]
            )

        there = torch.arange(raw.shape[1]) < self.waves.rows.lengths[indices][:, None]
        return LossVictim(self.model, losses, self.waves.bounds, there.to(raw.device))


@dataclass(frozen=True)
class AttackedTranscripts(AttackedWaveforms, AttackedSentences):
    """What became of each recording."""

    inputs: Transcripts

    def illustrate(self, page: Page) -> None:
        self.draw(page, {index: self.answered(index) for index in self.shown(SHOWN)})
        self.list_sentences(page)


@dataclass(frozen=True)
class Transcripts(AttackableWaveforms, Sentences):
    """Recordings as waveforms, and what a network writes down of them.

    The loss that attacks raise, or lower towards a target, is that of the whole sentence, wherever in the recording it
    is said. The error is the mean over recordings of each one's own rate.

    Source: Carlini and Wagner (2018), section III. Departs from the paper: the change is kept within a budget where
    they look for the smallest one that does.
    """

    speaker: Listener
    rate: int

    result = AttackedTranscripts

    @classmethod
    def of(cls, listener: Listener, split: str | None, right: Sequence[Sequence[str]] | None) -> Transcripts:
        """What a recognizer offers of its recordings.

        Args:
            right: of each what is said in it, one text; None where nobody told.
        """
        waves = listener.waves
        told = [[""]] * len(waves.names) if right is None else right
        parts = [
            Part(indices, listener.victim(raw, indices, [told[int(i)] for i in indices]), raw)
            for indices, raw, _ in waves.by_length(listener.model.device)
        ]
        options = {"epsilon": EPSILON}
        found = cls(split, waves.names, "character error rate, %", parts, listener, told, waves.rate, options=options)
        return found if right is not None else found.against_itself()

    def wanted(self, target: str) -> str:
        """``target``, which the network can say to each of the recordings.

        Raises:
            InputError: there is a character that it does not know, or a recording that is too short.
        """
        labels = self.speaker.labels
        known = labels.symbols[1:]
        if unknown := sorted(set(target) - set(known)):
            message = f"the network writes no {', '.join(map(repr, unknown))}, which '{target}' has"
            raise InputError(message, hint=f"it knows {' '.join(map(repr, sorted(known)))}")
        needed = steps_needed(target)
        for part in self.parts:
            counts = self.speaker.heard(part.raw, part.indices).lengths
            short = (counts < needed).nonzero().flatten().tolist()
            if short:
                name, count = self.names[int(part.indices[short[0]])], int(counts[short[0]])
                message = f"{name}: its {count} frames cannot hold '{target}', which needs {needed}"
                raise InputError(message, hint="give a shorter target, or longer recordings")
        return target
