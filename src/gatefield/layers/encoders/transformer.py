"""The self-attending encoder."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.errors import ArgumentError, InputError
from ...functional.lengths import blank, inside, last_steps, row_ends
from .encoder import Encoder, EncoderExample, Lengths


class Cache(NamedTuple):
    """What a causal encoder remembers of the steps before, the newest last.

    Attributes:
        keys, values: (batch, past, layers, width).
        known: (batch, past) bool, whether there was such a step.
        position: (batch,) int64, steps read so far.
    """

    keys: Tensor
    values: Tensor
    known: Tensor
    position: Tensor


class TransformerEncoder(Encoder):
    """A stack of self-attention and feed-forward layers over the sequence, with sinusoidal positions.

        p_t,2i = sin(t / 10000^(2i / d)),  p_t,2i+1 = cos(t / 10000^(2i / d))
        h = W x + p,  then in each layer  h = h + Attention(norm(h)),  h = h + W_2 gelu(W_1 norm(h) + b_1) + b_2

    Args:
        features: numbers a step of the input.
        width: d, numbers a step inside and of the output; even, and a multiple of ``heads``.
        heads: of the attention.
        layers: how many.
        feedforward: units between W_1 and W_2; None: 4 d.
        dropout: of the input with its positions and of what each half of a layer adds.
        causal: a step attends to itself and to steps before it; else to all steps of its row.
        context: steps that a step of a causal encoder attends to, itself among them; None: all. A state then holds
            this many steps but one, however long the sequence.

    Raises:
        ArgumentError: heads that do not divide the width, an odd width, or a context where there is no direction.

    Source: Vaswani et al. (2017), section 3. Departs from the paper: norms come first (Xiong et al. 2020), GELU for
    ReLU, no dropout of the attention weights.
    """

    name = "transformer"
    reference = "vaswani2017"

    def __init__(
        self,
        features: PositiveInt,
        width: PositiveInt = 128,
        heads: PositiveInt = 4,
        layers: PositiveInt = 2,
        feedforward: PositiveInt | None = None,
        dropout: Probability = 0.0,
        causal: bool = True,
        context: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        if width % heads or width % 2:
            message = f"{heads} heads cannot share an even width of {width}"
            raise ArgumentError(message, hint="make the width even and a multiple of the heads", path=("heads",))
        if context is not None and not causal:
            message = "a context is the past of a causal encoder, and this one looks both ways"
            raise ArgumentError(message, hint="set causal=True or leave context out", path=("context",))
        self.features, self.width, self.causal, self.context = features, width, causal, context
        self.embedding = nn.Linear(features, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            AttentionBlock(width, heads, feedforward or 4 * width, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    @classmethod
    def examples(cls) -> list[EncoderExample]:
        small = {"features": 3, "width": 4, "heads": 2, "feedforward": 6}
        return [
            EncoderExample(small),
            EncoderExample({**small, "context": 3}),
            EncoderExample({**small, "causal": False}),
        ]

    def forward(self, x: Tensor, lengths: Lengths | None = None, state: Any = None) -> tuple[Tensor, Any]:
        self.check(x, 3)
        batch, time = x.shape[:2]
        ends = row_ends(lengths, batch, time, x.device)
        before = self._before(state, x)
        if not batch or not time:
            return x.new_zeros(batch, time, self.width), self._nothing(x) if self.causal and before is None else before
        mask = self._mask(lengths, ends, time, before)
        t = torch.arange(time, device=x.device)
        places = t if before is None else before.position[:, None] + t
        h = self.embedding(x if lengths is None else blank(x, ends)) + sinusoids(places, self.width).to(x.dtype)
        h, keys, values = self.dropout(h), [], []
        for number, block in enumerate(cast(list[AttentionBlock], self.blocks)):
            past = None if before is None else (before.keys[:, :, number], before.values[:, :, number])
            h, key, value = block(h, mask, past)
            keys.append(key)
            values.append(value)
        h = self.norm(h)
        after = self._after(keys, values, ends, before) if self.causal else None
        return h if lengths is None else blank(h, ends), after

    def check_steps(self) -> None:
        super().check_steps()
        if self.training and self.arguments["dropout"]:
            message = "this encoder draws its dropout masks for whole sequences"
            raise InputError(message, hint="call model.eval() first")

    def _before(self, state: Any, x: Tensor) -> Cache | None:
        if state is None:
            return None
        shape = (len(x), len(self.blocks), self.width)
        keys = getattr(state, "keys", None) if isinstance(state, Cache) else None
        if not self.causal or keys is None or (keys.shape[0], *keys.shape[2:]) != shape:
            message = "the state is not one of this encoder for this batch"
            raise InputError(message, hint="give the state that a former call returned for as many rows")
        return state

    def _nothing(self, x: Tensor) -> Cache:
        """What is remembered before the first step."""
        batch, past = len(x), 0 if self.context is None else self.context - 1
        empty = x.new_zeros(batch, past, len(self.blocks), self.width)
        position = torch.zeros(batch, dtype=torch.int64, device=x.device)
        return Cache(empty, empty, empty.new_zeros(batch, past, dtype=torch.bool), position)

    def _mask(self, lengths: Lengths | None, ends: Tensor, time: int, before: Cache | None) -> Tensor | bool | None:
        """Which steps each step sees: bool (batch, 1, time, past + time); True: all up to itself; None: all."""
        narrow = self.context is not None and self.context < time
        if before is None and not narrow:
            if self.causal:
                return True  # padding comes after every step of its row
            if lengths is None:
                return None
        past = 0 if before is None else before.known.shape[1]
        known = inside(ends, time)
        if before is not None:
            known = torch.cat([before.known, known], 1)
        mask = known[:, None]
        back = past + torch.arange(time, device=ends.device)[:, None] - torch.arange(past + time, device=ends.device)
        if self.causal:
            mask = mask & (back >= 0) & (back < (self.context or past + time))
        return (mask | (back == 0))[:, None]  # padding sees itself: a softmax over nothing has no value

    def _after(self, keys: list[Tensor], values: list[Tensor], ends: Tensor, before: Cache | None) -> Cache:
        key, value, known = torch.stack(keys, 2), torch.stack(values, 2), inside(ends, keys[0].shape[1])
        past, position = 0, ends
        if before is not None:
            past, position = before.known.shape[1], before.position + ends
            known = torch.cat([before.known, known], 1)
        count = known.shape[1] if self.context is None else self.context - 1
        key, value, known = (last_steps(part, past + ends, count) for part in (key, value, known))
        return Cache(key, value, known, position)


class AttentionBlock(nn.Module):
    """One layer: self-attention, then a feed-forward net, each added to what it read.

    Args:
        width: numbers a step.
        heads: of the attention.
        feedforward: hidden units of the net.
        dropout: of what each adds.
    """

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.input = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.feedforward = nn.Sequential(nn.Linear(width, feedforward), nn.GELU(), nn.Linear(feedforward, width))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, h: Tensor, mask: Tensor | bool | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The next h (batch, time, width), and keys and values of the past and of h, (batch, past + time, width)."""
        query, key, value = self.input(self.norm1(h)).chunk(3, 2)
        if past is not None:
            key, value = torch.cat([past[0], key], 1), torch.cat([past[1], value], 1)
        seen = None if mask is True else cast(Tensor | None, mask)
        parts = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (query, key, value))
        attended = F.scaled_dot_product_attention(*parts, attn_mask=seen, is_causal=mask is True)
        h = h + self.dropout(self.output(attended.transpose(1, 2).flatten(2)))
        return h + self.dropout(self.feedforward(self.norm2(h))), key, value


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """p (..., width) of int64 ``positions`` (...); even features are sines, odd ones cosines."""
    widest = torch.float32 if positions.device.type == "mps" else torch.float64
    i = torch.arange(0, width, 2, dtype=widest, device=positions.device)
    angles = positions[..., None] * torch.exp(-math.log(10000.0) * i / width)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)
