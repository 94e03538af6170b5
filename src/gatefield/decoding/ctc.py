"""From frame-wise class probabilities to label sequences (connectionist temporal classification).

A path names one class a frame; B removes repetitions, then blanks: B(a - a b -) = B(- a a - - a b b) = a a b. The
probability of a label sequence is the sum over all paths that B turns into it (Graves et al., 2006, equation 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..core.arguments import NonNegativeFloat, NonNegativeInt, PositiveInt
from ..core.configurable import Configurable
from ..core.errors import ArgumentError
from .hypothesis import Hypothesis
from .language_model import LanguageModel
from .stepper import accumulator, require_distribution
from .top import first_largest


class CTCDecoder(Configurable):
    """From log-probabilities of the classes of every frame to label sequences."""

    kind: ClassVar[str] = "CTC decoder"
    package: ClassVar[str] = "gatefield.decoding"

    def decode(
        self, log_probabilities: Tensor, lengths: Sequence[int] | Tensor | None = None
    ) -> list[list[Hypothesis]]:
        """The label sequences of every recording, best first; they have no probability label by label.

        Args:
            log_probabilities: (n, time, classes), natural logarithms.
            lengths: (n,), frames that count, in [0, time]; None counts all.

        Raises:
            ArgumentError: another shape, a length outside [0, time], a blank outside the classes.
            DivergenceError: NaN, a frame without possible class, or numbers that are no log-probabilities.
        """
        raise NotImplementedError


class BestPath(CTCDecoder):
    """The labels of the most probable path: B(argmax over each frame). Its score is the path's log-probability.

    Args:
        blank: the class that stands for no label.

    Reference: Graves et al. (2006), equation 4.
    """

    name: ClassVar[str] = "best-path"
    reference: ClassVar[str] = "graves2006"

    def __init__(self, blank: NonNegativeInt = 0) -> None:
        self.blank = blank

    def decode(
        self, log_probabilities: Tensor, lengths: Sequence[int] | Tensor | None = None
    ) -> list[list[Hypothesis]]:
        counts = _counting(log_probabilities, lengths, self.blank)
        values, classes = log_probabilities.max(2)
        totals = values.to(accumulator(values.device)).masked_fill(~counts, 0).sum(1)
        new = torch.ones_like(counts)
        new[:, 1:] = classes[:, 1:] != classes[:, :-1]
        kept = counts & new & (classes != self.blank)
        rows = zip(classes.tolist(), kept.tolist(), totals.tolist())
        found = [(tuple(label for label, keep in zip(*row) if keep), total) for *row, total in rows]
        return [[Hypothesis(labels, total, total, True)] for labels, total in found]


class PrefixBeam(CTCDecoder):
    """Search over label sequences, each with the sum of its paths: the ``width`` best prefixes are followed.

    With p_b and p_nb, the probabilities of a prefix l whose paths end in blank or not, frame by frame:

        p_b(l)   = y_blank ( p_b'(l) + p_nb'(l) )
        p_nb(l)  = y_last p_nb'(l)  +  y_last ( p_b'(m) + [last(m) != last(l)] p_nb'(m) ),   l = m last(l)

    With a language model, prefixes are ranked by log(p_b + p_nb) + weight log P(l) + bonus |l|. Where the beam is wide
    enough for every prefix, the result is exact.

    Args:
        width: prefixes that are followed.
        hypotheses: how many are returned; at most ``width``.
        blank: the class that stands for no label.
        weight: of the language model, alpha of Hannun et al.
        bonus: added for each label, in nats; makes up for the language model's liking for short texts.

    Reference: Graves & Jaitly (2014), algorithm 1; Hannun et al. (2014), algorithm 1.
    """

    name: ClassVar[str] = "prefix-beam"
    reference: ClassVar[str] = "graves2014, hannun2014"

    def __init__(
        self,
        width: PositiveInt = 16,
        hypotheses: PositiveInt = 1,
        blank: NonNegativeInt = 0,
        weight: NonNegativeFloat = 0.0,
        bonus: float = 0.0,
    ) -> None:
        if hypotheses > width:
            message = f"{hypotheses} hypotheses cannot come of a beam of {width}"
            raise ArgumentError(message, hint="make 'width' at least as large", path=("hypotheses",))
        self.width, self.hypotheses, self.blank, self.weight, self.bonus = width, hypotheses, blank, weight, bonus

    @torch.no_grad()
    def decode(
        self,
        log_probabilities: Tensor,
        lengths: Sequence[int] | Tensor | None = None,
        language_model: LanguageModel | None = None,
    ) -> list[list[Hypothesis]]:
        """As `CTCDecoder.decode`. The score of a hypothesis is what prefixes are ranked by.

        Args:
            log_probabilities: (n, time, classes), natural logarithms.
            lengths: (n,), frames that count, in [0, time]; None counts all.
            language_model: of the labels; see `SteppedLanguageModel` for models that are steppers. With it, and only
                then, ``weight`` is above 0.

        Raises:
            ArgumentError: also for a language model without weight, or a weight without language model.
        """
        if (language_model is not None) != (self.weight > 0):
            hint = "give both or none"
            raise ArgumentError("a language model and its weight belong together", hint=hint, path=("weight",))
        counts = _counting(log_probabilities, lengths, self.blank)
        y = log_probabilities.to(accumulator(log_probabilities.device)).masked_fill(~counts[..., None], 0)
        prefixes = _Prefixes(y, self.width)
        labels = _Labels(y, self.width, language_model, self.weight, self.bonus)
        for time in range(y.shape[1]):
            stay_b, stay_nb, longer = prefixes.grow(y[:, time], counts[:, time], self.blank)
            grown = longer + (labels.scores[..., None] + labels.after)
            ranks = torch.cat([stay_b.logaddexp(stay_nb) + labels.scores, grown.flatten(1)], 1)
            ranks, chosen = first_largest(ranks, self.width)
            parents, tokens = _origin(chosen, self.width, y.shape[2])
            prefixes.follow(parents, tokens, stay_b, stay_nb, longer)
            labels.follow(parents, tokens, ranks)
        return labels.hypotheses(prefixes.total(), self.hypotheses)


class _Prefixes:
    """The prefixes in the beams of all recordings, (n, width): log p_b, log p_nb, and what tells them apart.

    Equal prefixes must meet: what extends one may already be in the beam. They are known by their last label, their
    length and a 64-bit hash of all labels. Empty places have probability 0 and meet nothing.
    """

    def __init__(self, y: Tensor, width: int) -> None:
        shape = len(y), width
        self.b, self.nb = y.new_full(shape, -torch.inf), y.new_full(shape, -torch.inf)
        self.b[:, 0] = 0
        self.last = torch.full(shape, -1, device=y.device)
        self.length, self.key = torch.zeros_like(self.last), torch.zeros_like(self.last)

    def total(self) -> Tensor:
        return self.b.logaddexp(self.nb)

    def grow(self, y: Tensor, counts: Tensor, blank: int) -> tuple[Tensor, Tensor, Tensor]:
        """One frame ``y`` (n, classes); where ``counts`` (n,) is False, nothing changes.

        Returns:
            log p_b and log p_nb of the prefixes as they are, (n, width), and log p_nb of those that are one label
            longer and not in the beam yet, (n, width, classes).
        """
        total, last = self.total(), self.last.clamp(min=0)
        y_last = y.gather(1, last).masked_fill(self.last < 0, -torch.inf)
        stay_b, stay_nb = total + y[:, blank, None], self.nb + y_last
        longer = total[..., None] + y[:, None]
        longer.scatter_(2, last[..., None], torch.where(self.last < 0, longer[..., 0], self.b + y_last)[..., None])
        longer[..., blank] = -torch.inf

        alive = total > -torch.inf
        same = (_extended(self.key[..., None], self.last[:, None]) == self.key[:, None]) & (self.last >= 0)[:, None]
        same &= (self.length[..., None] + 1 == self.length[:, None]) & alive[..., None] & alive[:, None]
        row, shorter, known = same.nonzero(as_tuple=True)
        label = last[row, known]
        stay_nb[row, known] = stay_nb[row, known].logaddexp(longer[row, shorter, label])
        longer[row, shorter, label] = -torch.inf
        counts = counts[:, None]
        return (
            torch.where(counts, stay_b, self.b),
            torch.where(counts, stay_nb, self.nb),
            longer.masked_fill(~counts[..., None], -torch.inf),
        )

    def follow(self, parents: Tensor, tokens: Tensor, stay_b: Tensor, stay_nb: Tensor, longer: Tensor) -> None:
        """The prefixes are now the old ones ``parents``, longer by ``tokens``; -1 is as it was."""
        stays, label = tokens < 0, tokens.clamp(min=0)
        grown = longer.flatten(1).gather(1, parents * longer.shape[2] + label)
        self.b = torch.where(stays, stay_b.gather(1, parents), -torch.inf)
        self.nb = torch.where(stays, stay_nb.gather(1, parents), grown)
        key, length, last = (column.gather(1, parents) for column in (self.key, self.length, self.last))
        self.key = torch.where(stays, key, _extended(key, label))
        self.length, self.last = length + ~stays, torch.where(stays, last, label)


class _Labels:
    """The labels of the prefixes, and what a language model and the bonus add to their ranks."""

    def __init__(
        self, y: Tensor, width: int, language_model: LanguageModel | None, weight: float, bonus: float
    ) -> None:
        n, _, self.classes = y.shape
        self.language_model, self.weight, self.bonus = language_model, weight, bonus
        self.frames: list[tuple[Tensor, Tensor]] = []  # parents and labels of every frame; the label -1 is none
        self.scores = y.new_zeros(n, width)  # weight log P(l) + bonus |l|
        self.after = y.new_full((n, width, self.classes if language_model else 1), bonus)  # what one more label adds
        self.prefixes: list[list[tuple[int, ...]]] = [[()] * width for _ in range(n if language_model else 0)]
        for row in range(len(self.prefixes)):
            self._ask(row, 0)

    def follow(self, parents: Tensor, tokens: Tensor, ranks: Tensor) -> None:
        """The prefixes are now the old ones ``parents``, longer by ``tokens``; -1 is as it was."""
        self.frames.append((parents, tokens))
        after = self.after.gather(1, parents[..., None].expand(-1, -1, self.after.shape[2]))
        added = after.gather(2, tokens.clamp(0, after.shape[2] - 1)[..., None]).squeeze(2)
        self.scores = self.scores.gather(1, parents) + torch.where(tokens < 0, 0, added)
        self.after = after
        if self.language_model is None:
            return
        fresh = ((tokens >= 0) & (ranks > -torch.inf)).tolist()
        before = self.prefixes
        self.prefixes = [
            [row[p] + ((t,) if t >= 0 else ()) for p, t in zip(*both)]
            for row, *both in zip(before, parents.tolist(), tokens.tolist())
        ]
        for row, flags in enumerate(fresh):
            for slot, is_fresh in enumerate(flags):
                if is_fresh:
                    self._ask(row, slot)

    def _ask(self, row: int, slot: int) -> None:
        assert self.language_model is not None
        prefix = self.prefixes[row][slot]
        answer = torch.as_tensor(self.language_model(prefix), dtype=self.after.dtype, device=self.after.device)
        if answer.shape != (self.classes,) or answer.isnan().any():
            what = "NaN" if answer.isnan().any() else f"the shape {tuple(answer.shape)}"
            hint = f"it gives the log-probability of each of the {self.classes} classes, the blank among them"
            raise ArgumentError(f"the language model answered {what} after the labels {prefix}", hint=hint)
        self.after[row, slot] = self.weight * answer + self.bonus

    def hypotheses(self, totals: Tensor, count: int) -> list[list[Hypothesis]]:
        """The first ``count`` of each recording, whose log-probabilities are ``totals`` (n, width)."""
        slots = torch.arange(totals.shape[1], device=totals.device)[:count].expand(len(totals), -1)
        columns: list[Tensor] = []
        for parents, tokens in reversed(self.frames):
            columns.append(tokens.gather(1, slots))
            slots = parents.gather(1, slots)
        labels = torch.stack(columns[::-1], 2) if columns else slots.new_zeros(*slots.shape, 0)
        ranks = (totals + self.scores)[:, :count]
        return [
            [
                Hypothesis(tuple(label for label in path if label >= 0), rank, total, True)
                for path, rank, total in zip(*row)
                if rank > -torch.inf
            ]
            for row in zip(labels.tolist(), ranks.tolist(), totals[:, :count].tolist())
        ]


def _origin(chosen: Tensor, width: int, classes: int) -> tuple[Tensor, Tensor]:
    """Parents and labels of places in the row of candidates: first all that stay, then all that grow."""
    longer = chosen - width
    stays = longer < 0
    return torch.where(stays, chosen, longer // classes), torch.where(stays, -1, longer % classes)


def _extended(keys: Tensor, labels: Tensor) -> Tensor:
    """A hash of what ``keys`` is a hash of, one label longer. Products wrap around."""
    mixed = (keys ^ (labels + 1) * 0x2545F4914F6CDD1D) * 0x369DEA0F31A53F85
    return mixed ^ (mixed >> 29)


def _counting(log_probabilities: Tensor, lengths: Sequence[int] | Tensor | None, blank: int) -> Tensor:
    """Which frames count, bool (n, time), once everything has been checked."""
    if log_probabilities.ndim != 3 or not log_probabilities.is_floating_point():
        shape = tuple(log_probabilities.shape)
        hint = "give floating-point (recordings, time, classes)"
        raise ArgumentError(f"log-probabilities of shape {shape} and type {log_probabilities.dtype}", hint=hint)
    n, frames, classes = log_probabilities.shape
    if blank >= classes:
        raise ArgumentError(
            f"the blank {blank} is not among {classes} classes", hint="give its number", path=("blank",)
        )
    device = log_probabilities.device
    counted = torch.as_tensor(frames if lengths is None else lengths, device=device)
    if counted.shape not in ((), (n,)) or ((counted < 0) | (counted > frames)).any():
        hint = f"give {n} whole numbers in [0, {frames}]"
        raise ArgumentError(f"the lengths {counted.tolist()} do not fit", hint=hint, path=("lengths",))
    counts = (torch.arange(frames, device=device) < counted.expand(n)[:, None]).view(n, frames)
    clean = log_probabilities.masked_fill(~counts[..., None], 0)
    require_distribution(clean, counts, lambda row, slot: f"in frame {slot} of recording {row}")
    return counts
