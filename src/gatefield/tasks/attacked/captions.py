"""Pictures under attack, pixel by pixel, so that a network says something else of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError, suggest
from ...data.ragged import Ragged
from ...data.sequence_set import IGNORED
from ...data.text_codec import TextCodec
from ...explain.attacks.loss_victim import LossVictim
from ...render.page import Page
from ...render.pictures import picture_grid
from ...training.objective import Objective
from ..captioning_metrics import bleu
from .parts import Part
from .pictures import before_and_after
from .sentences import AttackedSentences, Sentences

SHOWN = 6


@dataclass(frozen=True)
class Describer:
    """A network that says what pictures show.

    Attributes:
        model: prepared pictures, captions one step late, and the picture of each caption, to scores of words.
        objective: the loss of captions.
        codec: numbers their words.
        prepare: pictures uint8 or float (rows, channels, height, width) to what the network sees; differentiable.
        describe: pictures to captions.
        words: those of a caption, all that counts where captions are compared.
        longest: words and end of the longest caption that it says.
    """

    model: nn.Module
    objective: Objective
    codec: TextCodec
    prepare: Callable[[Tensor], Tensor]
    describe: Callable[[Tensor], list[str]]
    words: Callable[[str], list[str]]
    longest: int

    def say(self, raw: Tensor, indices: Tensor) -> list[str]:
        """What it says of ``raw``, whichever pictures these are."""
        return self.describe(raw)

    def symbols(self, sentence: str) -> list[str]:
        """Errors are counted in words."""
        return self.words(sentence)

    def victim(self, raw: Tensor, indices: Tensor, right: Sequence[Sequence[str]]) -> LossVictim:
        """The network over the pictures ``indices``, whose loss is that of all captions that are ``right`` of each.

        Of each word, given the picture and the right words before it, and in the mean over all of them.
        """
        captions = self.codec.encode_all(caption for own in right for caption in own)
        counts = torch.tensor([len(own) for own in right], dtype=torch.int64)
        starts = counts.cumsum(0) - counts

        def losses(changed: Tensor, numbers: Tensor) -> Tensor:
            first, many = starts[numbers.cpu()].tolist(), counts[numbers.cpu()].tolist()
            rows = torch.cat([torch.arange(start, start + count) for start, count in zip(first, many)])
            shown = torch.arange(len(many)).repeat_interleave(torch.tensor(many))
            before, after = _early_and_late(captions, rows, changed.device)
            scores = self.model(self.prepare(changed), before, shown.to(changed.device))
            each = zip(scores.split(many), after.split(many))
            return torch.stack([self.objective.loss(own, wanted) for own, wanted in each])

        return LossVictim(self.model, losses, (0.0, 255.0))


@dataclass(frozen=True)
class AttackedCaptions(AttackedSentences):
    """What became of each picture."""

    inputs: Captions

    @property
    def bleu(self) -> dict[str, float]:
        """BLEU before, after and with mere noise against what people say; of files, of which nobody did, nothing."""
        if self.inputs.split is None or self.inputs.target is not None:
            return {}
        said = {"bleu": self.said, "bleu_attacked": self.said_after, "bleu_of_noise": self.said_of_noise}
        scores = {name: bleu(each, self.inputs.right) for name, each in said.items()}
        return {name: score["bleu"] for name, score in scores.items() if score}

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | self.bleu

    def facts(self) -> dict[str, str]:
        scores = [f"{score:.2f}" for score in self.bleu.values()]
        told = {"BLEU": f"{scores[0]} -> {scores[1]}", f"BLEU, with {self.noise}": scores[2]} if scores else {}
        return super().facts() | told

    def illustrate(self, page: Page) -> None:
        page.heading("Before, what was added, after, and mere noise")
        page.text("Pictures show changes rounded to whole grey levels; captions are of those that are not.")
        for index in self.shown(SHOWN):
            four, scale = before_and_after(self.raw[index], self.changed[index], self.noisy[index])
            before, after, noise = self.answered(index)
            captions = [before, f"added, {scale:.3g} times", after, f"{noise}\n(noise)"]
            figure = picture_grid(four, captions, columns=4)
            title = f"{self.inputs.names[index]}: {self.right(index)}"
            page.figure(figure, title, "a picture before and after the attack")
        self.list_sentences(page)


@dataclass(frozen=True)
class Captions(Sentences):
    """Pictures, uint8 (channels, height, width), and what a network says that they show.

    The loss that attacks raise is that of all captions that people gave; towards a target they lower that of the told
    one. The error of a caption is that against the nearest of what people say, and the mean of these is told.

    Source: Chen, Zhang, Chen, Yi and Hsieh (2018), section 3.2, "targeted caption method". Departs from the paper: the
    change is kept within a budget where they look for the smallest one that does.
    """

    speaker: Describer

    noun = "pictures"
    unit = "grey levels"
    note = "Budgets are in grey levels of 255. Errors are counted against the nearest of the captions that are right."
    result = AttackedCaptions

    @classmethod
    def of(
        cls,
        describer: Describer,
        split: str | None,
        names: Sequence[str],
        raw: Tensor,
        right: Sequence[Sequence[str]] | None,
    ) -> Captions:
        """What a captioner offers of ``raw`` (count, channels, height, width).

        Args:
            right: the captions that people gave of each; None where nobody did.
        """
        told = [[""]] * len(names) if right is None else right
        indices = torch.arange(len(names))
        part = Part(indices, describer.victim(raw, indices, told), raw)
        counted = "word" if describer.codec.tokenizer.name in ("words", "whitespace") else "token"
        found = cls(split, names, f"{counted} error rate, %", [part], describer, told)
        return found if right is not None else found.against_itself()

    def wanted(self, target: str) -> str:
        """``target``, which the network can say.

        Raises:
            InputError: there is a word that it does not know, or there are too many.
        """
        codec, longest = self.speaker.codec, self.speaker.longest - 1
        words, vocabulary = codec.tokenizer.tokens(target), codec.vocabulary
        for word, number in zip(words, vocabulary.ids(words)):
            if number == vocabulary.unknown:
                known = [symbol for at, symbol in enumerate(vocabulary.symbols) if not vocabulary.is_special(at)]
                raise InputError(f"the network knows no '{word}', which '{target}' has", hint=suggest(word, known))
        if len(words) > longest:
            message = f"'{target}' has {len(words)} words, and the network says at most {longest}"
            raise InputError(message, hint="give a shorter target")
        return target


def _early_and_late(captions: Ragged, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """What is said before each word of the captions ``rows``, and the words; padding of these is `IGNORED`."""
    before, after = captions.without_last().padded(rows), captions.without_first().padded(rows, IGNORED)
    return before[0].to(device), after[0].to(device)
