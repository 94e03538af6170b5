"""What a hypothesis may say: given beginnings, symbols it must not use, words of a lexicon. For what it must say see
`must_contain`.

A constraint is an automaton whose state is one whole number a hypothesis. Decoders keep these numbers beside the
model's state and put them in the same order. Constraints choose among the model's symbols and do not touch their
probabilities: the score of a constrained hypothesis is what forced scoring gives it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from ..core.errors import ArgumentError


class Constraint:
    """An automaton over symbols.

    Attributes:
        largest: the largest symbol it names; -1 for none.
        demands: whether there is something that a hypothesis must say; `complete`, `progress` and `wanted` tell of it.
        named: the symbols that it may ever forbid; None: any.
    """

    largest: int = -1
    demands: bool = False
    named: Sequence[int] | None = None

    def start(self, sentences: int) -> Tensor:
        """The first state of each sentence: int64 (sentences,)."""
        return torch.zeros(sentences, dtype=torch.int64)

    def allowed(self, state: Tensor, vocabulary: int) -> Tensor:
        """Which symbols may follow: bool (n, w, vocabulary), or what expands to it; ``state`` is (n, w)."""
        raise NotImplementedError

    def restrict(self, values: Tensor, state: Tensor) -> None:
        """Write -inf into ``values`` (n, w, vocabulary) for what may not follow."""
        values.masked_fill_(~self.allowed(state, values.shape[2]), -torch.inf)

    def advance(self, state: Tensor, tokens: Tensor) -> Tensor:
        """The states after ``tokens`` (n, w). Hypotheses that are no longer followed may say what is not allowed."""
        return state

    def complete(self, state: Tensor) -> Tensor:
        """Which hypotheses have said all that they must: bool, of the shape of ``state``."""
        return torch.ones_like(state, dtype=torch.bool)

    def progress(self, state: Tensor) -> Tensor:
        """How much of what they must hypotheses have said, in symbols: int64, of the shape of ``state``."""
        return torch.zeros_like(state)

    def wanted(self, state: Tensor) -> Tensor:
        """Symbols by which hypotheses come nearer to being complete: (n, w, count), -1 for none."""
        return state.new_zeros(*state.shape, 0)


class Forbidden(Constraint):
    """No hypothesis uses these symbols.

    Args:
        tokens: the symbols.
    """

    def __init__(self, tokens: Collection[int]) -> None:
        self.named = sorted(symbols_of(tokens))
        self.tokens = torch.tensor(self.named, dtype=torch.int64)
        self.largest = max(tokens, default=-1)

    def restrict(self, values: Tensor, state: Tensor) -> None:
        values.index_fill_(2, self.tokens.to(state.device), -torch.inf)


class Prefix(Constraint):
    """Every hypothesis of a sentence begins with what is given for it.

    Args:
        prefixes: for each sentence, any number of symbols.
    """

    def __init__(self, prefixes: Sequence[Sequence[int]]) -> None:
        self.count, self.width = len(prefixes), max(map(len, prefixes), default=0) + 1
        rows = [[*symbols_of(prefix), *[-1] * (self.width - len(prefix))] for prefix in prefixes]
        self.tokens = torch.tensor(rows, dtype=torch.int64).flatten()  # state: place in it; -1 is where all is free
        self.largest = int(self.tokens.max()) if rows else -1

    def start(self, sentences: int) -> Tensor:
        if sentences != self.count:
            message = f"there are {self.count} prefixes for {sentences} sentences"
            raise ArgumentError(message, hint="give one prefix a sentence; it may be empty", path=("prefixes",))
        return torch.arange(sentences) * self.width

    def allowed(self, state: Tensor, vocabulary: int) -> Tensor:
        wanted = self.tokens.to(state.device)[state][..., None]
        return (torch.arange(vocabulary, device=state.device) == wanted) | (wanted < 0)

    def advance(self, state: Tensor, tokens: Tensor) -> Tensor:
        return state + (self.tokens.to(state.device)[state] >= 0)


class Lexicon(Constraint):
    """Every hypothesis is spelled from sequences of a lexicon.

    Args:
        sequences: the words, each of one symbol or more.
        separator: the symbol after which the next word begins; None if a hypothesis is one word.
        end: the symbol that may follow a whole word; give the ``end`` of `Decoder.decode`.
    """

    def __init__(
        self, sequences: Sequence[Sequence[int]], separator: int | None = None, end: int | None = None
    ) -> None:
        edges: dict[tuple[int, int], int] = {}  # (node, symbol) -> node, of the trie of all sequences; 0 is its root
        nodes, whole = 1, set()
        for sequence in sequences:
            node = 0
            for token in symbols_of(sequence):
                if (node, token) not in edges:
                    edges[node, token], nodes = nodes, nodes + 1
                node = edges[node, token]
            whole.add(node)
        if not sequences or 0 in whole:
            raise ArgumentError("a lexicon needs words of one symbol or more", hint="leave empty words out")
        for token, to_root in ((separator, True), (end, False)):
            if token is None:
                continue
            for node in whole:
                if edges.setdefault((node, token), 0 if to_root else node) not in (0, node):
                    hint = "the separator and the end symbol cannot be part of a word"
                    raise ArgumentError(f"the symbol {token} occurs inside a word", hint=hint)
        ordered = sorted(edges)
        self.largest = max(token for _, token in ordered)
        node_of_edge = torch.tensor([node for node, _ in ordered])
        self.edge_tokens = torch.tensor([token for _, token in ordered])
        self.edge_targets = torch.tensor([edges[edge] for edge in ordered])
        self.edge_keys = node_of_edge * (self.largest + 1) + self.edge_tokens
        self.degree = node_of_edge.bincount(minlength=nodes)
        self.first = self.degree.cumsum(0) - self.degree

    def allowed(self, state: Tensor, vocabulary: int) -> Tensor:
        device, nodes = state.device, state.flatten()
        degree = self.degree.to(device)[nodes]
        rows = torch.arange(len(nodes), device=device).repeat_interleave(degree)
        within = torch.arange(len(rows), device=device) - (degree.cumsum(0) - degree)[rows]
        mask = torch.zeros(len(nodes), vocabulary, dtype=torch.bool, device=device)
        mask[rows, self.edge_tokens.to(device)[self.first.to(device)[nodes][rows] + within]] = True
        return mask.view(*state.shape, vocabulary)

    def advance(self, state: Tensor, tokens: Tensor) -> Tensor:
        keys, targets = self.edge_keys.to(state.device), self.edge_targets.to(state.device)
        key = state * (self.largest + 1) + tokens.clamp(max=self.largest)
        place = torch.searchsorted(keys, key).clamp(max=len(keys) - 1)
        return torch.where(keys[place] == key, targets[place], state)


class ConstraintStates:
    """The states of several constraints, for the hypotheses that a decoder follows."""

    def __init__(self, constraints: Sequence[Constraint], sentences: int, device: torch.device) -> None:
        self.constraints = list(constraints)
        self.states = [constraint.start(sentences).to(device)[:, None] for constraint in constraints]

    def apply(self, values: Tensor) -> Tensor:
        """A copy of ``values`` (n, w, vocabulary) with -inf for what is not allowed."""
        if not self.constraints:
            return values
        copied = values.clone()
        self.restrict(copied)
        return copied

    def restrict(self, values: Tensor) -> None:
        """Write -inf into ``values`` (n, w, vocabulary) for what is not allowed."""
        vocabulary = values.shape[2]
        for constraint, state in zip(self.constraints, self.states):
            if constraint.largest >= vocabulary:
                message = f"a constraint names the symbol {constraint.largest} of a vocabulary of {vocabulary}"
                raise ArgumentError(message, hint="symbols are whole numbers in [0, vocabulary)", path=("constraints",))
            constraint.restrict(values, state)

    @property
    def named(self) -> set[int] | None:
        """The symbols that constraints may ever forbid; None: any."""
        lists = [constraint.named for constraint in self.constraints]
        return None if None in lists else {symbol for named in lists for symbol in named or ()}

    @property
    def demands(self) -> bool:
        """Whether there is something that hypotheses must say."""
        return any(constraint.demands for constraint in self.constraints)

    def complete(self) -> Tensor:
        """Which hypotheses have said all that they must: bool (n, w)."""
        parts = [constraint.complete(state) for constraint, state in zip(self.constraints, self.states)]
        return torch.stack(parts).all(0)

    def wanted(self) -> Tensor:
        """Symbols by which hypotheses come nearer to being complete: (n, w, count), -1 for none."""
        return torch.cat([constraint.wanted(state) for constraint, state in zip(self.constraints, self.states)], 2)

    def progress(self, hypotheses: Tensor, tokens: Tensor) -> Tensor:
        """`Constraint.progress` of all constraints together, if hypotheses ``hypotheses`` (n, count) went on by
        ``tokens`` (n, count)."""
        after = [
            constraint.progress(constraint.advance(state.gather(1, hypotheses), tokens))
            for constraint, state in zip(self.constraints, self.states)
        ]
        return torch.stack(after).sum(0)

    def advance(self, hypotheses: Tensor, tokens: Tensor) -> None:
        """Each hypothesis now is the old one ``hypotheses`` (n, w) followed by ``tokens`` (n, w)."""
        self.states = [
            constraint.advance(state.gather(1, hypotheses), tokens)
            for constraint, state in zip(self.constraints, self.states)
        ]

    def keep(self, sentences: Tensor) -> None:
        """Follow only the rows ``sentences``."""
        self.states = [state[sentences] for state in self.states]


def symbols_of(tokens: Collection[int]) -> list[int]:
    """``tokens`` as whole numbers of 0 or more.

    Raises:
        ArgumentError: a negative one.
    """
    symbols = [int(token) for token in tokens]
    if any(symbol < 0 for symbol in symbols):
        raise ArgumentError(f"{min(symbols)} is no symbol", hint="symbols are whole numbers of 0 or more")
    return symbols
