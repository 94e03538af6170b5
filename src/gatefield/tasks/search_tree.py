"""The tree that a beam search grew for one sentence, as people see it."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch

from ..core.errors import InputError
from ..core.files import write_bytes
from ..data.vocabulary import Vocabulary
from ..decoding import Beam, Constraint, Decoder
from ..decoding.decoder import Request
from ..decoding.stepper import Stepper
from ..decoding.trace import Node
from ..render.beam_trie import beam_trie
from ..render.drawing import figure_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SEEN = str.maketrans(" \n\t", "␣↵⇥")


class SearchTree(NamedTuple):
    """Every hypothesis that a search followed (catalogue 183).

    Attributes:
        nodes: they, parents before children.
        chosen: the symbols of the best one, with the end symbol if it has one; empty if nothing was found.
        symbols: what they are called, by their numbers.
    """

    nodes: list[Node]
    chosen: tuple[int, ...]
    symbols: Sequence[str]

    @classmethod
    @torch.inference_mode()
    def grow(
        cls,
        decoder: Decoder,
        vocabulary: Vocabulary,
        stepper: Stepper,
        state: Any,
        begin: int,
        end: int,
        limit: int,
        constraints: Sequence[Constraint],
    ) -> Self:
        """Search for the one sentence of ``state``; the arguments are those of `Decoder.decode`.

        Raises:
            InputError: ``decoder`` grows no tree.
        """
        if not isinstance(decoder, Beam):
            message = f"the decoder '{decoder.name}' grows no tree"
            raise InputError(message, hint="search by beam: --beam 4, for example")
        (found,), trace = decoder.search(
            stepper, state, Request.of(state, begin, end, limit, constraints, minimum=decoder.minimum)
        )
        ended = (end,) if found and found[0].finished else ()
        return cls(trace.tree(0), (*found[0].tokens, *ended) if found else (), vocabulary.symbols)

    def figure(self) -> Figure:
        """A drawing of it.

        Raises:
            ArgumentError: it is too large to be read.
        """
        return beam_trie(self.nodes, self.chosen, lambda number: self.symbols[number].translate(_SEEN))

    def draw(self, path: pathlib.Path) -> None:
        """Write a picture of it to ``path``, a PNG file.

        Raises:
            ArgumentError: it is too large to be read.
            StorageError: the disk is full, read-only or gone.
        """
        write_bytes(path, figure_png(self.figure(), dpi=160))
