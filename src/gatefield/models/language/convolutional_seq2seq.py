"""Sequence to sequence by convolutions alone (catalogue 81)."""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.errors import ArgumentError, InputError
from ...functional.lengths import blank, row_ends
from ...functional.map_rows import map_rows
from ...layers.attention.attention import Memory
from ...layers.attention.dot import Dot
from ...layers.token_embedding import TokenEmbedding
from ..model import SequenceExample
from ..pairs import random_pairs
from ..sequence_to_sequence import SequenceToSequence

HALF = math.sqrt(0.5)
"""Keeps the variance of a sum of two."""


class ConvolutionalState(NamedTuple):
    """Where n sentences with w hypotheses each stand.

    Attributes:
        windows: for each level of the decoder its last k - 1 inputs, (n, w, k - 1, width).
        memory: what attention looks at, per sentence.
        time: symbols so far.
        attention: (n, w, source time), weights of the last step, the mean of all levels; or None.
    """

    windows: list[Tensor]
    memory: Memory
    time: int = 0
    attention: Tensor | None = None

    def reorder(self, sentences: Tensor, hypotheses: Tensor) -> ConvolutionalState:
        """Sentences ``sentences`` (m,), and of each the hypotheses named, (m, w'); both int64."""
        place, n = sentences[:, None], len(self.memory.keys)
        whole = torch.equal(sentences, torch.arange(n, device=sentences.device))
        memory = self.memory if whole else self.memory.select(sentences)
        attention = None if self.attention is None else self.attention[place, hypotheses]
        windows = [window[place, hypotheses] for window in self.windows]
        return ConvolutionalState(windows, memory, self.time, attention)


class ConvolutionalSeq2Seq(SequenceToSequence):
    """Stacks of gated convolutions read the source and write the target; every level of the decoder has attention.

        e, g = embeddings of symbols and of their places, of the source and of the target
        h^l_i = v(W^l [h^{l-1}_{i-k/2} ... h^{l-1}_{i+k/2}] + b^l) + h^{l-1}_i,      v([A B]) = A * sigma(B)
        d^l_i = W_d h^l_i + b_d + g_i        a^l_i = softmax(d^l_i . z)        c^l_i = sum_j a^l_ij (z_j + e_j)

    z is what the encoder's last level says; c is added to h. The decoder's convolutions see no future. Sums of two are
    scaled by sqrt(1/2) and c by sqrt(m), m the length of the source, to keep the variance.

    At decoding each level keeps a window of its last k - 1 inputs, so that a step costs the same at any place.

    Args:
        source_vocabulary: symbols of the source.
        target_vocabulary: symbols of the target.
        embedding: features of a symbol and of its place.
        width: channels of every convolution.
        levels: of the encoder and of the decoder.
        kernel_size: k.
        positions: places that have an embedding: the longest sentence, on both sides.
        dropout: of embeddings and of the input of every convolution.

    Raises:
        ArgumentError: a kernel that sees no neighbor.

    Source: Gehring et al. (2017), sections 3.1-3.5. Departs from the paper: no weight normalization, and gradients of
    the encoder are not scaled by the number of attentions.
    """

    name = "convolutional-seq2seq"
    reference = "gehring2017"

    def __init__(
        self,
        source_vocabulary: PositiveInt,
        target_vocabulary: PositiveInt,
        embedding: PositiveInt = 256,
        width: PositiveInt = 256,
        levels: PositiveInt = 3,
        kernel_size: PositiveInt = 3,
        positions: PositiveInt = 256,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        if kernel_size < 2:
            message = "a kernel of 1 sees no step but the present"
            raise ArgumentError(message, hint="give at least 2", path=("kernel_size",))
        self.width, self.kernel_size, self.positions = width, kernel_size, positions
        self.dropout = nn.Dropout(dropout)
        self.source_embedding = TokenEmbedding(source_vocabulary, embedding)
        self.source_places = nn.Embedding(positions, embedding)
        self.target_embedding = TokenEmbedding(target_vocabulary, embedding)
        self.target_places = nn.Embedding(positions, embedding)
        for places in (self.source_places, self.target_places):
            nn.init.normal_(places.weight, std=embedding**-0.5)
        self.widen_source, self.narrow_source = nn.Linear(embedding, width), nn.Linear(width, embedding)
        self.encoder = nn.ModuleList(_GatedConvolution(width, kernel_size, dropout) for _ in range(levels))
        self.widen_target, self.narrow_target = nn.Linear(embedding, width), nn.Linear(width, embedding)
        self.decoder = nn.ModuleList(_GatedConvolution(width, kernel_size, dropout) for _ in range(levels))
        self.queries = nn.ModuleList(nn.Linear(width, embedding) for _ in range(levels))
        self.contexts = nn.ModuleList(nn.Linear(embedding, width) for _ in range(levels))
        self.match = Dot(embedding, embedding)
        self.classifier = nn.Linear(embedding, target_vocabulary)

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        small = {"source_vocabulary": 11, "target_vocabulary": 9, "embedding": 4, "width": 5, "levels": 2}
        options = [{"positions": 7, "dropout": 0.0}, {"positions": 8, "kernel_size": 2, "levels": 1, "dropout": 0.0}]
        return [SequenceExample({**small, **option}, random_pairs(11, 9)) for option in options]

    def forward(
        self, source: Tensor, source_lengths: Tensor | None, target_in: Tensor, target_lengths: Tensor | None = None
    ) -> Tensor:
        """See `SequenceToSequence`.

        Raises:
            InputError: a sentence is longer than there are places.
        """
        state = self.start((source, source_lengths))
        if target_in.shape[1] == 0:
            return self.classifier.weight.new_zeros(*target_in.shape, self.classifier.out_features)
        g = self._embed(self.target_embedding, self.target_places, target_in, 0)
        windows = [window.flatten(0, 1) for window in state.windows]
        return map_rows(self.classifier, self._decode(g, windows, state.memory)[0], target_lengths)

    def start(self, source: tuple[Tensor, Tensor | None]) -> ConvolutionalState:
        """The state before the first symbol of the targets of ``source``: symbols (n, time) and lengths.

        Its ``attention``, after a step, are the weights of that step, (n, w, time).
        """
        tokens, lengths = source
        ends = row_ends(lengths, len(tokens), tokens.shape[1], tokens.device)
        e = self._embed(self.source_embedding, self.source_places, tokens, 0)
        h, k = self.widen_source(e), self.kernel_size
        for level in self.encoder if tokens.shape[1] else []:
            h = blank(h, ends)  # a convolution sees zeros beyond a row's end
            h = (level(F.pad(h, (0, 0, (k - 1) // 2, k // 2))) + h) * HALF
        z = self.narrow_source(h)
        memory = self.match.prepare(z, ends, values=(z + e) * HALF)
        empty = e.new_zeros(len(tokens), 1, k - 1, self.width)
        return ConvolutionalState([empty] * len(self.decoder), memory)

    def step(self, tokens: Tensor, state: ConvolutionalState) -> tuple[Tensor, ConvolutionalState]:
        """log p (n, w, vocabulary) of what follows ``tokens`` (n, w) int64, and the state after them."""
        n, w = tokens.shape
        g = self._embed(self.target_embedding, self.target_places, tokens.reshape(n * w, 1), state.time)
        h, windows, attention = self._decode(g, [window.flatten(0, 1) for window in state.windows], state.memory)
        windows = [window.unflatten(0, (n, w)) for window in windows]
        log_p = self.classifier(h).squeeze(1).unflatten(0, (n, w)).log_softmax(2)
        return log_p, ConvolutionalState(windows, state.memory, state.time + 1, attention)

    def reorder(self, state: ConvolutionalState, sentences: Tensor, hypotheses: Tensor) -> ConvolutionalState:
        """The state of ``sentences`` (m,) and, of each, ``hypotheses`` (m, w'), both int64."""
        return state.reorder(sentences, hypotheses)

    def attention(self, state: ConvolutionalState) -> tuple[Tensor, Tensor]:
        """Weights of the last step (n, w, source time), and which steps are no padding, (n, source time)."""
        assert state.attention is not None
        return state.attention, state.memory.inside

    def _embed(self, embedding: TokenEmbedding, places: nn.Embedding, tokens: Tensor, first: int) -> Tensor:
        end = first + tokens.shape[1]
        if end > self.positions:
            message = f"a sentence has {end} symbols, this model places for {self.positions}"
            raise InputError(message, hint="build it with more positions, or cut the sentence")
        return self.dropout(embedding(tokens) + places.weight[first:end])

    def _decode(self, g: Tensor, pasts: list[Tensor], memory: Memory) -> tuple[Tensor, list[Tensor], Tensor]:
        """The next steps of every row.

        Args:
            g: (rows, time, embedding); n rows of any time, or n w rows of one step.
            pasts: for each level the k - 1 inputs before, (rows, k - 1, width).
            memory: of n sentences.

        Returns:
            What is read out (rows, time, embedding), the pasts then, and the mean weights (n, rows time / n, source).
        """
        n = len(memory.keys)
        h, windows, weights = self.widen_target(g), [], []
        for level, query, widen, past in zip(self.decoder, self.queries, self.contexts, pasts):
            seen = torch.cat([past, h], 1)
            windows.append(seen[:, seen.shape[1] - past.shape[1] :])
            y = level(seen)
            d = (query(y) + g) * HALF
            c, a = self.match.attend(d.reshape(n, len(d) * d.shape[1] // max(n, 1), d.shape[2]), memory)
            c = widen(c * memory.lengths.sqrt()).view(y.shape)
            h = ((y + c) * HALF + h) * HALF
            weights.append(a)
        return self.dropout(self.narrow_target(h)), windows, torch.stack(weights).mean(0)


class _GatedConvolution(nn.Module):
    """v(W x + b), v([A B]) = A * sigma(B), on (rows, time, width); as many steps less as the kernel sees beside one."""

    def __init__(self, width: int, kernel_size: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.conv = nn.Conv1d(width, 2 * width, kernel_size)
        nn.init.normal_(self.conv.weight, std=math.sqrt(4 * (1 - dropout) / (width * kernel_size)))
        nn.init.zeros_(cast(Tensor, self.conv.bias))

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(self.conv(self.dropout(x).transpose(1, 2)), 1).transpose(1, 2)
