"""Symbols under attack: what is exchanged for what, and how wrong networks then are whose answers have errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from ...core.console import Console
from ...data.ragged import Ragged
from ...data.text_codec import TextCodec
from ...data.vocabulary import Vocabulary
from ...explain.attacks.loss_symbol_victim import LossSymbolVictim
from ...explain.attacks.symbol_attack import Replacements, SymbolAttack, random_replacements
from ...explain.attacks.symbol_victim import SymbolVictim
from ...render.page import Page
from ...render.token_strip import token_strip
from ..attackable import Attackable
from .errors import AttackedErrors, Erring, Harm

#: Rows that are attacked at once: each symbol is weighed against the whole vocabulary, which takes so many numbers.
ROWS, WEIGHED = 16, 1 << 23
SHOWN, LISTED = 8, 30
#: Replacements that are tried where an answer has an error: their estimates are rough there.
CANDIDATES = 8


class Exchange(NamedTuple):
    """What an attack and mere chance exchange in some rows.

    Attributes:
        indices: int64 (rows,), which rows they are.
        symbols, lengths: the rows, (rows, longest) and (rows,).
        found, chance: what takes the place of what.
    """

    indices: Tensor
    symbols: Tensor
    lengths: Tensor
    found: Replacements
    chance: Replacements


def exchanges(
    victim: SymbolVictim,
    rows: Ragged,
    attack: SymbolAttack,
    wanted: Tensor,
    target: int | Tensor | None,
    seed: int,
    console: Console,
    same_steps: bool = False,
) -> Iterator[Exchange]:
    """What ``attack`` exchanges in ``rows``, some at a time, with progress.

    Args:
        wanted: what each row is attacked for, (count,); see `SymbolAttack`.
        target: the same towards which it is attacked, for all or for each.
        same_steps: chance exchanges the same symbols for others, in place of any.
    """
    device, cells = victim.writable.device, int(rows.lengths.max()) * len(victim.writable) if len(rows) else 0
    with console.progress("attack", len(rows), "text") as progress:
        for indices in torch.argsort(rows.lengths, stable=True).split(max(1, min(ROWS, WEIGHED // max(cells, 1)))):
            symbols, lengths = rows.padded(indices)
            symbols = symbols.to(device)
            told = target[indices].to(device) if isinstance(target, Tensor) else target
            found = attack(victim, symbols, lengths, wanted[indices].to(device), told)
            chance = random_replacements(victim, symbols, lengths, found, seed, same_steps)
            yield Exchange(indices, symbols, lengths, found, chance)
            progress.advance(len(indices))


def with_names(symbols: Sequence[str], found: Replacements, row: int, names: Sequence[str]) -> list[str]:
    """``symbols`` of the row ``row``, as people read them, with what ``found`` writes; ``names`` are of all symbols."""
    after = list(symbols)
    for position, symbol in zip(found.positions[row].tolist(), found.symbols[row].tolist()):
        if position >= 0:
            after[position] = names[symbol]
    return after


def ordinary(vocabulary: Vocabulary) -> Tensor:
    """Which symbols stand for what a person can write, bool (vocabulary,): not the special ones, nor the unknown."""
    return torch.tensor([not vocabulary.is_special(n) and n != vocabulary.unknown for n in range(len(vocabulary))])


def as_read(codec: TextCodec, text: str) -> list[str]:
    """The symbols of ``text`` as people read them, the unknown ones too, a name for each number that encodes it."""
    names, tokens = codec.vocabulary.tokens(codec.encode(text)), codec.tokenizer.tokens(text)
    first = int(codec.vocabulary.begin is not None)
    return [*names[:first], *tokens, *names[first + len(tokens) :]]


def as_text(codec: TextCodec, symbols: Sequence[str]) -> str:
    """``symbols`` as a text, without the special ones."""
    special = {name for number, name in enumerate(codec.vocabulary.symbols) if codec.vocabulary.is_special(number)}
    return codec.tokenizer.text([symbol for symbol in symbols if symbol not in special])


class Exchanged:
    """What results of attacks on symbols tell of what was exchanged.

    Attributes:
        before, after: the symbols of each input.
        replaced: how many of them were, (count,).
    """

    inputs: Attackable
    method: dict[str, Any]
    before: Sequence[Sequence[str]]
    after: Sequence[Sequence[str]]
    replaced: Tensor

    def title(self) -> str:
        count, unit = self.method["replacements"], self.inputs.unit
        return f"{self.method['name']}, up to {count} {unit.removesuffix('s') if count == 1 else unit},"

    def marks(self, index: int) -> Tensor:
        """1 where a symbol of an input was replaced, else 0, (symbols,)."""
        return torch.tensor([float(old != new) for old, new in zip(self.before[index], self.after[index])])

    def exchanged(self, index: int) -> str:
        """What took the place of what in one input, in words."""
        pairs = zip(self.before[index], self.after[index])
        return ", ".join(f"{old} → {new}" for old, new in pairs if old != new)

    def strips(self, page: Page, index: int, before: tuple[str, str], after: tuple[str, str]) -> None:
        """The symbols of one input, blue those that are replaced and orange what is written; titles and captions."""
        marks, name = self.marks(index), self.inputs.names[index]
        for symbols, heat, (title, caption), when in (
            (self.before[index], -marks, before, "before"),
            (self.after[index], marks, after, "after"),
        ):
            page.figure(token_strip(symbols, heat, title), caption, f"{name}, {when} the attack")


@dataclass(frozen=True)
class AttackedSymbols(Exchanged, AttackedErrors):
    """What became of each row of symbols whose answer has an error.

    Attributes:
        before, after, replaced: see `Exchanged`.
        answers, answers_after, answers_of_noise: what the network answers to each, as its kind of inputs has it.

    Class attributes:
        legend: what a reader of the page is told of its colours.
    """

    inputs: Symbols
    before: Sequence[Sequence[str]]
    after: Sequence[Sequence[str]]
    replaced: Tensor
    answers: Sequence[Any]
    answers_after: Sequence[Any]
    answers_of_noise: Sequence[Any]

    legend: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"mean_replacements": float(self.replaced.double().mean())}

    def row(self, index: int) -> dict[str, Any]:
        text = self.inputs.text(self.after[index])
        return super().row(index) | {"replaced": int(self.replaced[index]), "text": text}

    def facts(self) -> dict[str, str]:
        return {f"{self.inputs.unit} replaced, mean": f"{float(self.replaced.double().mean()):.2f}"}

    def illustrate(self, page: Page) -> None:
        page.heading("Before and after")
        page.text(self.legend)
        for index in self.shown(SHOWN):
            self.draw(page, index)
        columns = ("replaced", "error", "attacked", f"with {self.noise}", "text")
        rows = []
        for index in self.shown(LISTED):
            row = self.row(index)
            errors = (f"{row[key]:.3g}" for key in ("error", "error_attacked", "error_of_noise"))
            rows.append((self.exchanged(index) or "nothing", *errors, self.inputs.names[index]))
        page.table(columns, rows)

    def draw(self, page: Page, index: int) -> None:
        """Show one input before and after."""
        raise NotImplementedError


@dataclass(frozen=True)
class Symbols(Erring):
    """Rows of symbols whose answers have errors.

    Attributes:
        victim: the network; it is told the numbers of rows.
        rows: the numbers of symbols.
        symbols: the same as people read them.
        spelling: of each number of a symbol, what people read where it is written.

    Class attributes:
        result: what becomes of such inputs.
        same_steps: mere chance exchanges the same symbols for others, in place of any.
    """

    victim: LossSymbolVictim
    rows: Ragged
    symbols: Sequence[Sequence[str]]
    spelling: Sequence[str]

    attacks = SymbolAttack
    method = "hot-flip"
    noun = "texts"
    unit = "symbols"
    same_steps: ClassVar[bool] = False
    result: ClassVar[type[AttackedSymbols]]

    def answers(self, symbols: Tensor, lengths: Tensor, numbers: Tensor) -> Sequence[Any]:
        """What the network answers to ``symbols`` (rows, longest) in place of the rows ``numbers``."""
        raise NotImplementedError

    def error(self, answer: Any, number: int, stands: Tensor) -> float:
        """How wrong ``answer`` is about the row ``number``; ``stands``, bool (steps,), are those never attacked."""
        raise NotImplementedError

    def text(self, symbols: Sequence[str]) -> str:
        """``symbols`` as a text."""
        raise NotImplementedError

    def towards(self, target: Any) -> Self:
        """The same inputs, with errors against ``target`` in place of what is right."""
        raise NotImplementedError

    def attacked(self, attack: SymbolAttack, target: Any, seed: int, console: Console) -> AttackedSymbols:
        told = self if target is None else self.towards(target)
        count, budget = len(self.symbols), int(attack.arguments[attack.budget])
        numbers, symbols = torch.arange(count), self.symbols
        errors = torch.zeros(2, budget + 1, count, dtype=torch.float64)
        answers: list[list[Any]] = [[None] * count for _ in range(3)]
        after, replaced = [list(row) for row in symbols], torch.zeros(count, dtype=torch.int64)
        towards = None if target is None else numbers
        for exchange in exchanges(told.victim, self.rows, attack, numbers, towards, seed, console, self.same_steps):
            first = list(told.answers(exchange.symbols, exchange.lengths, exchange.indices))
            found = [told._course(exchange, each, first, budget) for each in (exchange.found, exchange.chance)]
            replaced[exchange.indices] = exchange.found.count.cpu()
            for way, (course, _) in enumerate(found):
                errors[way, :, exchange.indices] = course
            for row, index in enumerate(map(int, exchange.indices)):
                after[index] = with_names(symbols[index], exchange.found, row, self.spelling)
                for kept, said in zip(answers, (first, *(last for _, last in found))):
                    kept[index] = said[row]
        curve = None
        if self.split is not None and target is None:
            curve = Harm(torch.arange(budget + 1, dtype=torch.float64), *errors.mean(2))
        return told.result(
            inputs=told,
            method=attack.config(),
            errors=errors[0, 0],
            errors_after=errors[0, -1],
            errors_of_noise=errors[1, -1],
            curve=curve,
            before=self.symbols,
            after=after,
            replaced=replaced,
            answers=answers[0],
            answers_after=answers[1],
            answers_of_noise=answers[2],
        )

    def _course(
        self, exchange: Exchange, replacements: Replacements, answers: Sequence[Any], budget: int
    ) -> tuple[Tensor, Sequence[Any]]:
        """The errors after each number of ``replacements``, float64 (budget + 1, rows), and the last answers.

        Args:
            answers: to the rows as they were.
        """
        numbers, now = exchange.indices.tolist(), list(answers)
        stands = (exchange.found.applied(exchange.symbols) == exchange.symbols).cpu()
        kept = [row[:length] for row, length in zip(stands, exchange.lengths.tolist())]
        errors = torch.zeros(budget + 1, len(numbers), dtype=torch.float64)
        for k in range(budget + 1):
            moved = (replacements.count >= k).nonzero().flatten() if k else torch.arange(0)
            if len(moved):
                rows = moved.cpu()
                changed = replacements.applied(exchange.symbols, k)[moved]
                said = self.answers(changed, exchange.lengths[rows], exchange.indices[rows])
                for row, answer in zip(rows.tolist(), said):
                    now[row] = answer
            told = zip(now, numbers, kept)
            errors[k] = torch.tensor([self.error(*each) for each in told], dtype=torch.float64)
        return errors, now
