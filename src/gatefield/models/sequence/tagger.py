"""The tagger: one label for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import NonNegativeInt, PositiveInt, Probability
from ...core.configurable import Spec, named
from ...core.errors import ArgumentError, InputError
from ...functional.crf import FORBIDDEN, LinearChain, bio_constraints
from ...functional.lengths import blank, row_ends
from ...layers.character_features import CharacterFeatures
from ...layers.encoders.encoder import Encoder
from ...layers.token_embedding import TokenEmbedding
from ..model import Model, SequenceExample

#: The number of the unknown word: a vocabulary has it after padding.
UNKNOWN = 1


class Tagger(Model):
    """A label for each word of a sentence: many to many, aligned, or late by d steps.

        h = encoder([E w_1; c_1], .., [E w_T; c_T])        c_t: what the letters of the word tell
        e_t = W h_(t+d) + b
        softmax   p(y_t | x) = softmax(e_t)
        crf       p(y | x) ~ exp(sum_t e_t(y_t) + A(y_(t-1), y_t)), see `gatefield.functional.crf`

    Args:
        vocabulary: words there are.
        classes: labels there are.
        embedding: numbers a word.
        encoder: what reads the sentence.
        output: each label by itself, or all of a sentence at once.
        letters: symbols of the alphabet, 0 for padding; needed for
        characters: what reads the letters of a word; None: words are known by their numbers only.
        delay: d, steps that are read before a label is due, so that a net that reads forward only knows what comes.
        bio_tags: the names of the labels, where they are BIO; what these forbid is then impossible.
        dropout: of what the encoder reads and of what it makes.
        word_dropout: chance that, in training, a word is the unknown one, so that its letters and neighbors must tell.

    Raises:
        ArgumentError: names of labels without a CRF, too few or not BIO; characters without an alphabet; words to drop
            where there is no unknown one.

    Source: Lample et al. (2016), sections 2 and 4; Ma and Hovy (2016), section 2; the delay: Graves (2012), section
    3.1 (catalogue 165, 168). Departs from the papers: no end symbol is added to a word or sentence; any word may be
    taken for unknown in training, in Lample's paper only those that occur once.
    """

    name = "tagger"
    reference = "lample2016"

    def __init__(
        self,
        vocabulary: PositiveInt,
        classes: PositiveInt,
        embedding: PositiveInt = 100,
        encoder: Spec[Encoder] = named("bidirectional"),
        output: Literal["softmax", "crf"] = "softmax",
        letters: PositiveInt | None = None,
        characters: Spec[CharacterFeatures] | None = None,
        delay: NonNegativeInt = 0,
        bio_tags: list[str] | None = None,
        dropout: Probability = 0.0,
        word_dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        if word_dropout and vocabulary <= UNKNOWN:
            message = "there is no unknown word that could stand for another"
            hint = f"give a vocabulary in which number {UNKNOWN} is the unknown word, or no word_dropout"
            raise ArgumentError(message, hint=hint, path=("word_dropout",))
        self.output, self.delay, self.word_dropout = output, delay, word_dropout
        self.embedding = TokenEmbedding(vocabulary, embedding)
        self.characters = None
        if characters is not None:
            if letters is None and "letters" not in characters.arguments:
                message = "the letters of words are to be read, and there is no alphabet"
                raise ArgumentError(message, hint="say how many letters there are", path=("letters",))
            self.characters = characters.build(letters=letters)
        self.dropout = nn.Dropout(dropout)
        width = embedding + (self.characters.width if self.characters else 0)
        self.encoder: Encoder = encoder.build(features=width)
        self.classifier = nn.Linear(self.encoder.width, classes)
        if output == "crf":
            self.transitions = nn.Parameter(torch.zeros(classes, classes))
            self.begin, self.end = nn.Parameter(torch.zeros(classes)), nn.Parameter(torch.zeros(classes))
        self._constrain(bio_tags, classes)

    def _constrain(self, tags: list[str] | None, classes: int) -> None:
        self.constrained = tags is not None
        if tags is None:
            return
        if self.output != "crf":
            message = "what may follow what is for a CRF to know"
            raise ArgumentError(message, hint="set output: crf, or leave bio_tags out", path=("bio_tags",))
        if len(tags) != classes:
            message = f"{len(tags)} names for {classes} labels"
            raise ArgumentError(message, hint="name every label", path=("bio_tags",))
        try:
            follows, begins = bio_constraints(tags)
        except InputError as error:
            raise ArgumentError(error.message, hint=error.hint, path=("bio_tags",)) from error
        self.register_buffer("follows", follows, persistent=False)
        self.register_buffer("begins", begins, persistent=False)

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        lengths = torch.tensor([3, 5, 0, 1])

        def words(generator: torch.Generator) -> tuple[Tensor, ...]:
            return torch.randint(7, (4, 5), generator=generator), lengths

        def words_and_letters(generator: torch.Generator) -> tuple[Tensor, ...]:
            return *words(generator), torch.randint(4, (4, 5, 3), generator=generator)

        forward = {"name": "recurrent", "cell": "gru", "hidden": [4]}
        small = {"vocabulary": 7, "classes": 3, "embedding": 4, "encoder": {**forward, "bidirectional": True}}
        letters = {"embedding": 2, "encoder": {"name": "convolution", "kernel_sizes": [3], "channels": 2}}
        field = {"output": "crf", "bio_tags": ["O", "B-x", "I-x"], "letters": 4, "characters": letters}
        return [
            SequenceExample(small, words),
            SequenceExample({**small, "encoder": forward, "delay": 2}, words),
            SequenceExample({**small, **field}, words_and_letters, {2: 1}),
        ]

    def forward(
        self, words: Tensor, lengths: Sequence[int] | Tensor | None = None, characters: Tensor | None = None
    ) -> Any:
        """The scores of the labels.

        Args:
            words: (batch, time), int64.
            lengths: words of each sentence, in any order, 0 allowed; None: all.
            characters: (batch, time, letters), int64, 0 after the end of each word; where letters are read.

        Returns:
            Logits (batch, time, classes), zero beyond a sentence's length; or, for a CRF, the `LinearChain`.

        Raises:
            InputError: shapes, symbols or lengths that do not fit; letters that are missing, or that nobody reads.
        """
        if words.dim() != 2:
            raise InputError(f"the words have shape {tuple(words.shape)}", hint="give (batch, time)")
        batch, time = words.shape
        ends = row_ends(lengths, batch, time, words.device)
        if self.training and self.word_dropout:
            words = words.masked_fill(torch.rand(words.shape, device=words.device) < self.word_dropout, UNKNOWN)
        x = self.embedding(words)
        if (characters is None) == (self.characters is not None):
            message = "the letters of the words are missing" if characters is None else "nobody reads these letters"
            raise InputError(message, hint="give characters where the tagger was built to read them, and only there")
        if self.characters is not None and characters is not None:
            if characters.shape[:2] != words.shape or characters.dim() != 3:
                message = f"the letters have shape {tuple(characters.shape)}"
                raise InputError(message, hint=f"give ({batch}, {time}, letters)")
            x = torch.cat([x, self.characters(characters)], 2)
        e = self.classifier(self.dropout(self._read(self.dropout(x), lengths, ends)))
        if self.output == "softmax":
            return e
        transitions, begin = self.transitions, self.begin
        if self.constrained:
            transitions = transitions.masked_fill(~self.follows, FORBIDDEN)  # pyright: ignore[reportOperatorIssue]
            begin = begin.masked_fill(~self.begins, FORBIDDEN)  # pyright: ignore[reportOperatorIssue]
        return LinearChain(e, ends, transitions, begin, self.end)

    def _read(self, x: Tensor, lengths: Sequence[int] | Tensor | None, ends: Tensor) -> Tensor:
        """What the encoder makes of each word, ``delay`` steps late."""
        if not self.delay:
            return self.encoder(x, lengths)[0]
        later = F.pad(blank(x, ends), (0, 0, 0, self.delay))
        h, _ = self.encoder(later, torch.where(ends > 0, ends + self.delay, 0))
        return h[:, self.delay :]
