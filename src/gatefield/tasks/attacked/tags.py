"""Sentences under attack whose words have tags: words are exchanged, and the tags of the others suffer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...data.corpus import TaggedSentence
from ...data.ragged import Ragged
from ...data.sequence_set import IGNORED
from ...data.vocabulary import Vocabulary
from ...explain.attacks.loss_symbol_victim import LossSymbolVictim
from ...functional.crf import LinearChain, log_partition, marginals, viterbi
from ...functional.layer_outputs import evaluating
from ...models.model import Model
from ...render.page import Page
from ...render.token_strip import token_strip
from ..spelled_words import SpelledWords
from .symbols import CANDIDATES, AttackedSymbols, Symbols, ordinary

#: Spellings that are embedded at once, and copies of sentences that are read at once.
BLOCK, COPIES = 1024, 256
#: Of a probability whose logarithm is taken.
LEAST = 1e-30


class NumberedSpellings(nn.Module):
    """A tagger as a function of the numbers of spellings, each of which is a word and its letters.

    Args:
        tagger: in evaluation mode.
        words: int64 (spellings,), the word of each, for the tagger.
        letters: the letters of each, a row each; None where the tagger reads none.
    """

    def __init__(self, tagger: Model, words: Tensor, letters: Ragged | None) -> None:
        super().__init__()
        self.spelled, self.words = SpelledWords(tagger), words.to(tagger.device)
        self.reads_letters = letters is not None
        known = []
        with evaluating(tagger):
            for numbers in torch.arange(len(words)).split(BLOCK):
                read = None if letters is None else letters.padded(numbers)[0][None].to(tagger.device)
                lengths = torch.tensor([len(numbers)])
                known.append(self.spelled.inputs(self.words[numbers][None], lengths, read)[0][0])
        self.embedding = nn.Embedding.from_pretrained(torch.cat(known))

    def forward(self, symbols: Tensor, lengths: Tensor) -> Any:
        # what letters tell is in the vectors already: the tagger is given none
        letters = symbols.new_zeros(*symbols.shape, 1) if self.reads_letters else None
        return self.spelled(self.embedding(symbols), lengths, self.words[symbols], letters)


class TagVictim(LossSymbolVictim):
    """A tagger whose loss is the mean cross-entropy of the tags of those words that are not replaced.

    So the word that is about to be replaced counts nothing either: each step has the gradient of a loss of its own,

        d/de_t of the mean over s != t, s not replaced, of -log p(y_s | x),

    and 0 where the word is replaced already.

    Args:
        model: numbers of spellings and lengths to scores of tags, or to a `LinearChain`.
        rows: the spellings of each sentence, which tell what was replaced.
        tags: the tags of each sentence, as its words were.
        writable, embedding: see `LossSymbolVictim`.
    """

    def __init__(self, model: nn.Module, rows: Ragged, tags: Ragged, writable: Tensor, embedding: nn.Module) -> None:
        super().__init__(model, self._of_rest, writable, embedding)
        every = torch.arange(len(rows))
        self._before = rows.padded(every)[0].to(writable.device)
        self._tags = tags.padded(every, IGNORED)[0].to(writable.device)

    def loss_gradient(self, symbols: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        found = self.vectors.new_zeros(*symbols.shape, self.vectors.shape[1])
        for places in self._counts(symbols, labels).nonzero().split(COPIES):  # a copy of its row for each step
            row, step = places.unbind(1)
            own = functional.one_hot(step, symbols.shape[1]).bool()
            copies, ends = symbols[row], lengths[row.to(lengths.device)]
            total = functools.partial(self._total, copies, ends, labels[row], own)
            found[row, step] = self._gradient(copies, ends, total)[torch.arange(len(step)), step]
        return found

    def rises(self, symbols: Tensor, others: Sequence[Tensor], lengths: Tensor, labels: Tensor) -> Tensor:
        """By how much the losses rise of those words that each of ``others`` leaves, (rows, others)."""
        with evaluating(self.model), torch.no_grad():
            tags = self._tags[labels, : symbols.shape[1]]
            now = _losses(self.model(symbols, lengths), tags)
            risen = [
                _mean(_losses(self.model(other, lengths), tags) - now, self._counts(other, labels)) for other in others
            ]
        return torch.stack(risen, 1)

    def _total(self, symbols: Tensor, lengths: Tensor, numbers: Tensor, left: Tensor) -> Tensor:
        return self._of_rest(symbols, lengths, numbers, left).sum()

    def _of_rest(self, symbols: Tensor, lengths: Tensor, numbers: Tensor, left: Tensor | None = None) -> Tensor:
        """The mean loss of the words of each row that are not replaced, (rows,), those ``left`` out besides."""
        counts = self._counts(symbols, numbers)
        losses = _losses(self.model(symbols, lengths), self._tags[numbers, : symbols.shape[1]])
        return _mean(losses, counts if left is None else counts & ~left)

    def _counts(self, symbols: Tensor, numbers: Tensor) -> Tensor:
        """Which words of the rows are not replaced, (rows, time)."""
        time = symbols.shape[1]
        return (self._tags[numbers, :time] != IGNORED) & (symbols == self._before[numbers, :time])


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    """The mean of those of each row that count, (rows,); 0 where none does."""
    return values.masked_fill(~counts, 0).sum(1) / counts.sum(1).clamp(min=1)


def _losses(outputs: Any, tags: Tensor) -> Tensor:
    """-log p(y_t | x) of each tag, (rows, time); in a chain whatever the other tags are."""
    if not isinstance(outputs, LinearChain):
        return functional.cross_entropy(outputs.transpose(1, 2), tags, ignore_index=IGNORED, reduction="none")
    if outputs.emissions.requires_grad:  # the derivative of log Z, which has a derivative again
        (p,) = torch.autograd.grad(log_partition(outputs).sum(), outputs.emissions, create_graph=True)
    else:
        p = marginals(outputs)
    return -p.gather(2, tags.clamp(min=0)[:, :, None])[:, :, 0].clamp(min=LEAST).log()


def best_tags(outputs: Any) -> Tensor:
    """The tags that a tagger decides for, (rows, time)."""
    return viterbi(outputs)[0] if isinstance(outputs, LinearChain) else outputs.argmax(-1)


@dataclass(frozen=True)
class AttackedTags(AttackedSymbols):
    """What became of each sentence; answers are the numbers of tags, one a word."""

    inputs: Tags

    legend = (
        "Orange are the words that were exchanged; what becomes of their own tags is not counted. An arrow, on blue, "
        "is the tag of another word that changed by it."
    )

    @property
    def noise(self) -> str:
        return "random words in the same places"

    def draw(self, page: Page, index: int) -> None:
        marks, name, tags = self.marks(index), self.inputs.names[index], self.inputs.tags
        old, new = ([tags[tag] for tag in said[index]] for said in (self.answers, self.answers_after))
        changed = torch.tensor([float(one != other) for one, other in zip(old, new)]) * (1 - marks)
        told = [one if one == other else f"{one}→{other}" for one, other in zip(old, new)]
        for words, under, heat, when in (
            (self.before[index], old, marks, "before"),
            (self.after[index], told, marks - changed, "after"),
        ):
            tokens = [word if mark else f"{word}/{tag}" for word, tag, mark in zip(words, under, marks.tolist())]
            caption = f"{name}: {self.inputs.quantity} {self.change(index)}" if when == "after" else ""
            page.figure(token_strip(tokens, heat, f"{when} the attack"), caption, f"{name}, {when} the attack")

    def row(self, index: int) -> dict[str, Any]:
        tags = self.inputs.tags
        said = {"tags": self.answers, "tags_attacked": self.answers_after}
        return super().row(index) | {key: [tags[tag] for tag in each[index]] for key, each in said.items()}


@dataclass(frozen=True)
class Tags(Symbols):
    """Sentences whose words have tags.

    The error of a sentence is the share of wrong tags among the words that the attack leaves; mere chance writes other
    words in the same places. So all errors of a sentence, on the whole curve, are of the same words.

    Attributes:
        tags: the names of tags.
        right: the true tags of each sentence, int64; of files, whose tags nobody told, the network's own.
    """

    tags: Sequence[str]
    right: Sequence[Tensor]

    noun = "sentences"
    unit = "words"
    note = "A word may be exchanged for any that the network knows, and is then written as the network knows it."
    same_steps = True
    result = AttackedTags

    @classmethod
    def of(
        cls,
        model: Model,
        vocabulary: Vocabulary,
        looked_up: Callable[[Sequence[str]], Sequence[str]],
        alphabet: Vocabulary | None,
        tags: Sequence[str],
        split: str | None,
        items: Sequence[TaggedSentence],
    ) -> Tags:
        """What a tagger of ``items`` offers.

        Args:
            looked_up: words as ``vocabulary`` has them.
            alphabet: of the letters of words; None where the tagger reads none.
            split: the part of the data; None of files, for whose tags the network's own stand.
        """
        given = dict.fromkeys(word for item in items for word in item.words if word not in vocabulary)
        spelling = [*vocabulary.symbols, *given]
        numbers = {word: number for number, word in enumerate(spelling)}
        letters = None if alphabet is None else Ragged.from_rows(map(alphabet.ids, spelling))
        network = NumberedSpellings(model, torch.tensor(vocabulary.ids(looked_up(spelling))), letters).eval()
        rows = Ragged.from_rows([[numbers[word] for word in item.words] for item in items])
        writable = torch.cat([ordinary(vocabulary), torch.zeros(len(given), dtype=torch.bool)]).to(model.device)
        if split is None:
            right = [network_tags(network, rows, number) for number in range(len(items))]
        else:
            places = {tag: number for number, tag in enumerate(tags)}
            right = [torch.tensor([places[tag] for tag in item.tags]) for item in items]
        return cls(
            split,
            [item.place for item in items],
            "share of wrong tags" if split is not None else "share of tags that are others than before",
            TagVictim(network, rows, Ragged.from_rows(right), writable, network.embedding),
            rows,
            [item.words for item in items],
            spelling,
            tags,
            right,
            options={"replacements": 2, "candidates": CANDIDATES},
        )

    def answers(self, symbols: Tensor, lengths: Tensor, numbers: Tensor) -> Sequence[list[int]]:
        best = best_tags(self.victim.outputs(symbols, lengths)).tolist()
        return [row[:length] for row, length in zip(best, lengths.tolist())]

    def error(self, answer: Any, number: int, stands: Tensor) -> float:
        wrong = torch.tensor(answer) != self.right[number]
        return float(wrong[stands].double().mean())

    def text(self, symbols: Sequence[str]) -> str:
        return " ".join(symbols)


def network_tags(network: NumberedSpellings, rows: Ragged, number: int) -> Tensor:
    """The tags that the network gives to the words of one row, int64."""
    symbols, lengths = rows.padded(torch.tensor([number]))
    with evaluating(network), torch.no_grad():
        return best_tags(network(symbols.to(network.words.device), lengths))[0].cpu()
