"""Phrases that a hypothesis must say, wherever it likes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from .constraints import Constraint, symbols_of

MOST = 16
"""Phrases a sentence: a state numbers the sets of those that have been said."""


class MustContain(Constraint):
    """Every hypothesis of a sentence contains what is given for it, in any order; phrases may overlap.

    The automaton is that of Aho and Corasick (1975), which finds all phrases in one pass: a node is the longest end of
    what was said that begins a phrase. A state is a node and the set of phrases said so far.

    Nobody stumbles over long phrases by chance: `Beam` keeps places for hypotheses that are on the way, see `banks`.
    Other decoders follow one hypothesis at a time and refuse this constraint.

    Args:
        phrases: for each sentence any number of phrases, each of one symbol or more.
        end: the symbol that may come once all is said; give the ``end`` of `Decoder.decode`.

    Raises:
        ArgumentError: an empty phrase, one with the end symbol, or more phrases a sentence than can be kept account of.
    """

    demands = True

    def __init__(self, phrases: Sequence[Sequence[Sequence[int]]], end: int | None = None) -> None:
        given = [list(dict.fromkeys(tuple(symbols_of(phrase)) for phrase in row)) for row in phrases]
        used = {symbol for row in given for phrase in row for symbol in phrase}
        if any(not phrase for row in given for phrase in row):
            raise ArgumentError("a phrase has no symbols", hint="leave empty phrases out", path=("phrases",))
        if end in used:
            message = f"a phrase has the end symbol {end}"
            raise ArgumentError(message, hint="a hypothesis ends once all is said", path=("phrases",))
        most = max(map(len, given), default=0)
        if most > MOST:
            message = f"{most} phrases for one sentence"
            raise ArgumentError(message, hint=f"give at most {MOST}", path=("phrases",))
        self.end, self.sets, self.named = end, 1 << most, [] if end is None else [end]
        self.largest = max(used, default=-1)
        alphabet = sorted(used)  # letter 0 stands for all symbols that no phrase has
        self.letters = torch.zeros(self.largest + 2, dtype=torch.int64)
        self.letters[alphabet] = torch.arange(1, len(alphabet) + 1)
        letter = dict(zip(alphabet, range(1, len(alphabet) + 1)))
        tries = [_Trie([[letter[symbol] for symbol in phrase] for phrase in row], len(alphabet) + 1) for row in given]
        first = torch.tensor([0, *(len(trie.said) for trie in tries)]).cumsum(0)
        self.roots = first[:-1]
        self.lengths = torch.zeros(len(given), most, dtype=torch.int64)
        nodes = int(first[-1])
        self.following = torch.zeros(nodes, len(alphabet) + 1, dtype=torch.int64)  # the next node
        self.said = torch.zeros(nodes, dtype=torch.int64)  # the phrases that end here, as a set
        self.depths = torch.zeros(nodes, most, dtype=torch.int64)  # how much of each phrase ends here
        self.wants = torch.full((nodes, most), -1)  # the symbol by which each phrase goes on
        self.sentences = torch.zeros(nodes, dtype=torch.int64)
        for number, (row, trie, root) in enumerate(zip(given, tries, self.roots.tolist())):
            rows, columns = slice(root, root + len(trie.said)), slice(0, len(row))
            self.following[rows] = torch.tensor(trie.following) + root
            self.said[rows] = torch.tensor(trie.said)
            self.sentences[rows] = number
            if not row:
                continue
            self.lengths[number, columns] = torch.tensor([len(phrase) for phrase in row])
            self.depths[rows, columns] = torch.tensor(trie.depths)
            wants = [[p[depth] if depth < len(p) else -1 for p, depth in zip(row, depths)] for depths in trie.depths]
            self.wants[rows, columns] = torch.tensor(wants)

    def start(self, sentences: int) -> Tensor:
        if sentences != len(self.roots):
            message = f"there are phrases for {len(self.roots)} of {sentences} sentences"
            raise ArgumentError(message, hint="give a list of phrases a sentence; it may be empty", path=("phrases",))
        return self.roots * self.sets

    def restrict(self, values: Tensor, state: Tensor) -> None:
        if self.end is not None and self.end < values.shape[2]:
            values[..., self.end].masked_fill_(~self.complete(state), -torch.inf)

    def advance(self, state: Tensor, tokens: Tensor) -> Tensor:
        node, said = self._parts(state)
        letters = self.letters.to(state.device)[tokens.clamp(max=self.largest + 1)]
        node = self.following.to(state.device)[node, letters]
        return node * self.sets + (said | self.said.to(state.device)[node])

    def complete(self, state: Tensor) -> Tensor:
        node, said = self._parts(state)
        return self._missing(node, said).logical_not().all(-1)

    def progress(self, state: Tensor) -> Tensor:
        """Symbols of phrases said so far: those of whole phrases, and of the one that is farthest on its way."""
        node, said = self._parts(state)
        missing = self._missing(node, said)
        whole = (self._lengths(node) * ~missing).sum(-1)
        begun = self.depths.to(state.device)[node] * missing
        return whole + (begun.amax(-1) if begun.shape[-1] else 0)

    def wanted(self, state: Tensor) -> Tensor:
        """The symbols by which phrases that are missing go on: (..., phrases), -1 for none."""
        node, said = self._parts(state)
        return self.wants.to(state.device)[node].masked_fill(~self._missing(node, said), -1)

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return state // self.sets, state % self.sets

    def _lengths(self, node: Tensor) -> Tensor:
        return self.lengths.to(node.device)[self.sentences.to(node.device)[node]]

    def _missing(self, node: Tensor, said: Tensor) -> Tensor:
        """Which phrases of its sentence a hypothesis has not said: (..., phrases)."""
        lengths = self._lengths(node)
        one = torch.arange(lengths.shape[-1], device=node.device)
        return ((said[..., None] >> one) & 1 == 0) & (lengths > 0)


class _Trie:
    """The automaton of the phrases of one sentence, which are words over letters 1, 2, ...; node 0 is its root.

    Attributes:
        following: the next node by node and letter.
        said: the phrases that end at a node, as a set: bit p for number p.
        depths: by node and phrase, the length of the longest end of what leads to the node that begins the phrase.
    """

    def __init__(self, phrases: list[list[int]], letters: int) -> None:
        children: list[dict[int, int]] = [{}]
        self.said = [0]
        self.depths = [[0] * len(phrases)]
        for number, phrase in enumerate(phrases):
            node = 0
            for depth, letter in enumerate(phrase, start=1):
                if letter not in children[node]:
                    children[node][letter] = len(children)
                    children.append({})
                    self.said.append(0)
                    self.depths.append([0] * len(phrases))
                node = children[node][letter]
                self.depths[node][number] = depth
            self.said[node] |= 1 << number
        self.following = [[0] * letters for _ in children]
        shorter = [0] * len(children)  # the node of the next shorter end
        waiting = deque([0])
        while waiting:  # nodes by depth, so that shorter ones are complete
            node = waiting.popleft()
            for letter in range(letters):
                default = self.following[shorter[node]][letter] if node else 0
                child = children[node].get(letter)
                self.following[node][letter] = default if child is None else child
                if child is not None:
                    shorter[child] = default
                    self.said[child] |= self.said[default]
                    self.depths[child] = list(map(max, self.depths[child], self.depths[default]))
                    waiting.append(child)
