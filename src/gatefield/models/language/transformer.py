"""The encoder-decoder Transformer, for comparison with recurrent and convolutional ones."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.errors import ArgumentError
from ...functional.lengths import blank, inside, row_ends
from ...functional.map_rows import map_rows
from ...layers.token_embedding import TokenEmbedding
from ..model import SequenceExample
from ..pairs import random_pairs
from ..sequence_to_sequence import SequenceToSequence


class Cache(NamedTuple):
    """What one level of the decoder has seen: keys and values of every step, and those of the source.

    Attributes:
        keys, values: (n, w, heads, steps, features), of the symbols so far.
        source_keys, source_values: (n, heads, source time, features), per sentence.
    """

    keys: Tensor
    values: Tensor
    source_keys: Tensor
    source_values: Tensor


class TransformerState(NamedTuple):
    """Where n sentences with w hypotheses each stand.

    Attributes:
        levels: what each level of the decoder has seen.
        inside: (n, 1, 1, source time), which steps of the source count.
        attention: (n, w, source time), weights of the last step in the last level, the mean of its heads; or None.
    """

    levels: list[Cache]
    inside: Tensor
    attention: Tensor | None = None

    def reorder(self, sentences: Tensor, hypotheses: Tensor) -> TransformerState:
        """Sentences ``sentences`` (m,), and of each the hypotheses named, (m, w'); both int64."""
        place = sentences[:, None]
        whole = torch.equal(sentences, torch.arange(len(self.inside), device=sentences.device))

        def kept(part: Tensor) -> Tensor:
            return part if whole else part.index_select(0, sentences)

        levels = [
            Cache(c.keys[place, hypotheses], c.values[place, hypotheses], kept(c.source_keys), kept(c.source_values))
            for c in self.levels
        ]
        attention = None if self.attention is None else self.attention[place, hypotheses]
        return TransformerState(levels, kept(self.inside), attention)


class Transformer(SequenceToSequence):
    """Attention instead of recurrence, in encoder and decoder.

        attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V,   by heads, over the source and over the target so far
        x + sublayer(norm(x))  ("pre"), or norm(x + sublayer(x))  ("post"),   sublayers: attention, max(0, x W_1) W_2

    The layers are those of torch. A step reads the keys and values of the steps before it from a cache, and those of
    the source, which are kept once a sentence.

    Args:
        source_vocabulary: symbols of the source.
        target_vocabulary: symbols of the target.
        width: features of every layer; even, and a multiple of ``heads``.
        heads: of each attention.
        levels: of the encoder and of the decoder.
        feedforward: hidden units of the sublayers that are no attention.
        norm: normalization in front of a sublayer, which trains without warm-up, or behind it, as in the paper.
        tied: the output layer shares the weights of the target embedding.
        dropout: of every sublayer and of the embeddings.

    Raises:
        ArgumentError: features that cannot be divided among the heads.

    Source: Vaswani et al. (2017). Departs from the paper: normalization in front unless ``norm="post"``.
    """

    name = "transformer"
    reference = "vaswani2017"

    def __init__(
        self,
        source_vocabulary: PositiveInt,
        target_vocabulary: PositiveInt,
        width: PositiveInt = 256,
        heads: PositiveInt = 4,
        levels: PositiveInt = 3,
        feedforward: PositiveInt = 1024,
        norm: Literal["pre", "post"] = "pre",
        tied: bool = True,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        if width % heads or width % 2:
            message = f"{width} features cannot be divided among {heads} heads, or in sines and cosines"
            raise ArgumentError(message, hint="give an even multiple of the heads", path=("width",))
        self.width, self.heads = width, heads
        self.source_embedding = TokenEmbedding(source_vocabulary, width)
        self.target_embedding = TokenEmbedding(target_vocabulary, width)
        self.dropout = nn.Dropout(dropout)
        first = norm == "pre"
        options = {"dropout": dropout, "batch_first": True, "norm_first": first}
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, feedforward, **options) for _ in range(levels)
        )
        self.decoder = nn.ModuleList(
            nn.TransformerDecoderLayer(width, heads, feedforward, **options) for _ in range(levels)
        )
        self.encoder_norm = nn.LayerNorm(width) if first else nn.Identity()
        self.decoder_norm = nn.LayerNorm(width) if first else nn.Identity()
        self.bias = nn.Parameter(torch.zeros(target_vocabulary))
        self.weight = None if tied else nn.Parameter(nn.init.xavier_uniform_(torch.empty(target_vocabulary, width)))

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        small = {"source_vocabulary": 11, "target_vocabulary": 9, "width": 8, "heads": 2, "levels": 2, "feedforward": 5}
        options = [{"dropout": 0.0}, {"dropout": 0.0, "norm": "post", "tied": False}]
        return [SequenceExample({**small, **option}, random_pairs(11, 9)) for option in options]

    def forward(
        self, source: Tensor, source_lengths: Tensor | None, target_in: Tensor, target_lengths: Tensor | None = None
    ) -> Tensor:
        """See `SequenceToSequence`."""
        memory, counts = self._encode(source, source_lengths)
        time = target_in.shape[1]
        y = self._embed(self.target_embedding, target_in, 0)
        future = torch.ones(time, time, dtype=torch.bool, device=y.device).triu(1)
        for layer in self.decoder if y.numel() else []:
            y = layer(y, memory, tgt_mask=future, memory_key_padding_mask=~counts)
        return map_rows(self._logits, self.decoder_norm(y), target_lengths)

    def start(self, source: tuple[Tensor, Tensor | None]) -> TransformerState:
        """The state before the first symbol of the targets of ``source``: symbols (n, time) and lengths.

        Its ``attention``, after a step, are the weights of that step, (n, w, time).
        """
        memory, counts = self._encode(*source)
        empty = memory.new_zeros(len(memory), 1, self.heads, 0, self.width // self.heads)
        levels = []
        for layer in self._layers:
            weight, bias = _projections(layer.multihead_attn)
            k, v = nn.functional.linear(memory, weight[self.width :], bias[self.width :]).chunk(2, 2)
            levels.append(Cache(empty, empty, self._by_heads(k), self._by_heads(v)))
        return TransformerState(levels, counts[:, None, None])

    def step(self, tokens: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """log p (n, w, vocabulary) of what follows ``tokens`` (n, w) int64, and the state after them."""
        y = self._embed(self.target_embedding, tokens[:, :, None], state.levels[0].keys.shape[3])[:, :, 0]
        levels, attention = [], None
        for layer, cache in zip(self._layers, state.levels):
            y, cache, attention = self._advance(layer, y, cache, state.inside)
            levels.append(cache)
        assert attention is not None
        log_p = self._logits(self.decoder_norm(y)).log_softmax(2)
        return log_p, TransformerState(levels, state.inside, attention.mean(1))

    def reorder(self, state: TransformerState, sentences: Tensor, hypotheses: Tensor) -> TransformerState:
        """The state of ``sentences`` (m,) and, of each, ``hypotheses`` (m, w'), both int64."""
        return state.reorder(sentences, hypotheses)

    def attention(self, state: TransformerState) -> tuple[Tensor, Tensor]:
        """Weights of the last step (n, w, source time), and which steps are no padding, (n, source time)."""
        assert state.attention is not None
        return state.attention, state.inside[:, 0, 0]

    @property
    def _layers(self) -> list[nn.TransformerDecoderLayer]:
        return cast(list[nn.TransformerDecoderLayer], list(self.decoder))

    def _encode(self, source: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Memory (n, time, width) and which steps count, (n, time); of a sentence without any, a step of zeros does."""
        if source.shape[1] == 0:
            source = source.new_zeros(len(source), 1)
            lengths = torch.zeros(len(source), dtype=torch.int64)
        ends = row_ends(lengths, len(source), source.shape[1], source.device)
        x = blank(self._embed(self.source_embedding, source, 0), ends)
        ends = ends.clamp(min=1)
        counts = inside(ends, source.shape[1])
        for layer in self.encoder if len(x) else []:  # torch's attention wants at least one row
            x = layer(x, src_key_padding_mask=~counts)
        return blank(self.encoder_norm(x), ends), counts

    def _embed(self, embedding: TokenEmbedding, tokens: Tensor, first: int) -> Tensor:
        """Embeddings times sqrt(width), and the place of each step, the first being ``first``, in sines and cosines."""
        x = embedding(tokens) * math.sqrt(self.width)
        time = torch.arange(first, first + tokens.shape[-1], dtype=x.dtype, device=x.device)
        even = torch.arange(0, self.width, 2, dtype=x.dtype, device=x.device)
        angles = time[:, None] / 10000 ** (even / self.width)
        return self.dropout(x + torch.stack([angles.sin(), angles.cos()], 2).flatten(1))

    def _logits(self, y: Tensor) -> Tensor:
        weight = self.target_embedding.weight if self.weight is None else self.weight
        return nn.functional.linear(y, weight, self.bias)

    def _by_heads(self, x: Tensor) -> Tensor:
        """(..., time, width) -> (..., heads, time, width / heads)"""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def _advance(
        self, layer: nn.TransformerDecoderLayer, y: Tensor, cache: Cache, inside: Tensor
    ) -> tuple[Tensor, Cache, Tensor]:
        """One step ``y`` (n, w, width) through a level of the decoder: what it is then, cache, weights of the source.

        It is what the layer computes of a whole sequence, with the steps before this one from the cache.
        """

        def listen(y: Tensor) -> Tensor:
            nonlocal cache
            q, k, v = nn.functional.linear(y, *_projections(layer.self_attn)).chunk(3, 2)
            q, k, v = (self._by_heads(part[:, :, None]) for part in (q, k, v))
            cache = cache._replace(keys=torch.cat([cache.keys, k], 3), values=torch.cat([cache.values, v], 3))
            found = nn.functional.scaled_dot_product_attention(q, cache.keys, cache.values)
            return layer.self_attn.out_proj(found.flatten(2))

        weights = inside  # until the source has been looked at

        def look(y: Tensor) -> Tensor:
            nonlocal weights
            weight, bias = _projections(layer.multihead_attn)
            q = self._by_heads(nn.functional.linear(y, weight[: self.width], bias[: self.width]))
            scores = q @ cache.source_keys.mT / math.sqrt(self.width // self.heads)
            weights = scores.masked_fill(~inside, -torch.inf).softmax(3)
            return layer.multihead_attn.out_proj((weights @ cache.source_values).transpose(1, 2).flatten(2))

        def think(y: Tensor) -> Tensor:
            return layer.linear2(torch.relu(layer.linear1(y)))

        for norm, sublayer in ((layer.norm1, listen), (layer.norm2, look), (layer.norm3, think)):
            y = y + sublayer(norm(y)) if layer.norm_first else norm(y + sublayer(y))
        return y, cache, weights


def _projections(attention: nn.MultiheadAttention) -> tuple[Tensor, Tensor]:
    """Weights and biases of queries, keys and values, one below the other."""
    assert attention.in_proj_weight is not None
    assert attention.in_proj_bias is not None
    return attention.in_proj_weight, attention.in_proj_bias
