"""Every hypothesis a search ever followed, as a tree: where results are read from, and what is drawn."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .groups import Continuations
from .stepper import accumulator


class Node(NamedTuple):
    """A hypothesis that was followed (catalogue 183: a node of the tree of all strings).

    Attributes:
        parent: its place in the list of nodes; -1 for the root, which is the begin symbol.
        token: its last symbol.
        log_probability: of that symbol, given what is before it.
        step: how many symbols it has.
        ended: whether its last symbol is the end symbol.
    """

    parent: int
    token: int
    log_probability: float
    step: int
    ended: bool


class Trace:
    """The slots of each step with the slots they came from. Memory grows with the steps, not with their square.

    Args:
        sentences: how many there are in the whole batch, whether or not they are still followed.
    """

    def __init__(self, sentences: int) -> None:
        self.sentences = sentences
        self._steps: list[tuple[Tensor, Continuations, Continuations]] = []

    def extend(self, sentences: Tensor, live: Continuations, ended: Continuations) -> None:
        """One more step: what goes on and what has ended in ``sentences`` (m,)."""
        self._steps.append((sentences, live, ended))

    def paths(self, sentences: Tensor, last: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Walk from hypotheses back to the beginning, all at once.

        Args:
            sentences, last, slots: (k,), the sentence, the last step (-1 is the beginning) and the slot in it.

        Returns:
            Symbols and log-probabilities (k, steps); what comes after ``last`` is 0.
        """
        count = len(self._steps)
        tokens = sentences.new_zeros(len(sentences), count)
        log_probabilities = torch.zeros(tokens.shape, dtype=accumulator(tokens.device), device=tokens.device)
        row = sentences.new_zeros(self.sentences)
        for step in range(count - 1, -1, -1):
            alive, live, _ = self._steps[step]
            row[alive] = torch.arange(len(alive), device=alive.device)
            here = last >= step
            place = torch.where(here, row[sentences], 0), torch.where(here, slots, 0)
            tokens[:, step] = torch.where(here, live.tokens.flatten(1)[place], 0)
            log_probabilities[:, step] = torch.where(here, live.log_probabilities.flatten(1)[place], 0)
            slots = torch.where(here, live.parents.flatten(1)[place], slots)
        return tokens, log_probabilities

    def tree(self, sentence: int) -> list[Node]:
        """The nodes of one sentence, parents before children."""
        nodes = [Node(-1, -1, 0.0, 0, False)]
        before = [0]  # the nodes of the slots one step earlier
        for step, (alive, *both) in enumerate(self._steps, start=1):
            row = (alive == sentence).nonzero().flatten()
            if not len(row):
                break
            here = []  # what has ended comes last, and nothing comes after it
            for continuations in both:
                columns = (column[row].flatten().tolist() for column in continuations[:3])
                for parent, token, value in zip(*columns):
                    here.append(len(nodes))
                    if value > -torch.inf:
                        nodes.append(Node(before[parent], token, value, step, continuations is both[1]))
            before = here
        return nodes
