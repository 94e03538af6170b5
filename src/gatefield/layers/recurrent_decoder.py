"""The decoder of sequence-to-sequence models: a recurrent language model that hears a source."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.configurable import Spec
from ..core.errors import ArgumentError
from ..functional.map_rows import map_rows
from ..recurrent import Cell, Recurrent, map_state
from ..recurrent.state import LayerState, named_state
from .attention.attention import Attention, Memory
from .prepared_decoder import PreparedDecoder
from .token_embedding import TokenEmbedding

Order = Literal["luong", "bahdanau"]


class DecoderState(NamedTuple):
    """Where n sentences with w hypotheses each stand.

    Attributes:
        hidden: the state of every level, (n, w, ...) each.
        memory: what attention looks at, per sentence; None: no attention.
        summary: (n, 1, features), what every step hears of the source (Cho et al. 2014), per sentence; or None.
        fed: (n, w, features), the last read-out, where it is fed back; or None.
        attention: (n, w, time), the weights of the last step; None: no attention, or no step yet.
    """

    hidden: LayerState
    memory: Memory | None = None
    summary: Tensor | None = None
    fed: Tensor | None = None
    attention: Tensor | None = None

    def reorder(self, sentences: Tensor, hypotheses: Tensor) -> DecoderState:
        """Sentences ``sentences`` (m,), and of each the hypotheses named, (m, w'); both int64."""
        memory, summary = self.memory, self.summary
        n, w = self.hidden[0][0].shape[:2]
        rows = (sentences[:, None] * w + hypotheses).flatten()

        def chosen(values: Tensor) -> Tensor:
            return values.flatten(0, 1).index_select(0, rows).unflatten(0, hypotheses.shape)

        if len(sentences) != n or not torch.equal(sentences, torch.arange(n, device=sentences.device)):
            memory = None if memory is None else memory.select(sentences)
            summary = None if summary is None else summary.index_select(0, sentences)
        fed, attention = (None if part is None else chosen(part) for part in (self.fed, self.attention))
        return DecoderState(map_state(chosen, self.hidden), memory, summary, fed, attention)

    def looked(self) -> tuple[Tensor, Tensor]:
        """The weights of the last step, (n, w, time), and which steps of the memory count, (n, time).

        Raises:
            ArgumentError: there is no attention, or no step yet.
        """
        if self.attention is None:
            hint = "build it with attention='general', say, and take a step first"
            raise ArgumentError("this model has paid no attention", hint=hint, path=("attention",))
        assert self.memory is not None
        return self.attention, self.memory.inside


class RecurrentDecoder(nn.Module):
    """p(y_t | y_1 ... y_{t-1}, source), a step:

        e_t = E y_{t-1}
        "luong"     s_t = f(s_{t-1}, e_t)        c_t = attention(s_t)       r_t = tanh(W_c [s_t, c_t])
        "bahdanau"  c_t = attention(s_{t-1})     s_t = f(s_{t-1}, [e_t, c_t])       r_t = maxout(W_r [s_t, e_t, c_t])
        no attention                             s_t = f(s_{t-1}, e_t)              r_t = s_t
        summary c                                s_t = f(s_{t-1}, [e_t, c])         r_t = maxout(W_r [s_t, e_t, c])
        input feeding adds r_{t-1} to what f hears
        p = softmax(W r_t + b)

    f is a stack of any cells. Where no step hears what the one before it decided, the recurrence runs over all time at
    once on the fast engine, and attention and read-out are products over all time.

    Args:
        vocabulary: symbols.
        embedding_size: features of e_t.
        cell: of all levels.
        hidden_size: units of each level.
        levels: of the stack.
        code_size: features of the code of the source that `begin` makes the first state of; 0: the state is given.
        memory_size: features of what attention looks at.
        attention: the kind; None: no attention.
        order: attention after the recurrence (Luong et al. 2015) or before it (Bahdanau et al. 2015).
        input_feeding: Luong et al. (2015), section 3.3.
        summary_size: features of c, which every step hears; 0: there is none.
        tied: W is E (Press and Wolf 2017).
        dropout: of e_t, between the levels, and of r_t.

    Raises:
        ArgumentError: options that exclude one another.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_size: int,
        cell: Spec[Cell],
        hidden_size: int,
        levels: int = 1,
        code_size: int = 0,
        memory_size: int = 0,
        attention: Spec[Attention] | None = None,
        order: Order = "luong",
        input_feeding: bool = False,
        summary_size: int = 0,
        tied: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.order, self.input_feeding, self.dropout = order, input_feeding, dropout
        if input_feeding and (attention is None or order == "bahdanau"):
            message = "input feeding hands on what attention found after the recurrence"
            raise ArgumentError(message, hint="choose an attention and order='luong'", path=("input_feeding",))
        if attention is None and order == "bahdanau":
            raise ArgumentError("there is no attention to order", hint="choose an attention", path=("order",))
        if attention is not None and summary_size:
            message = "attention takes the place of the summary of the source"
            raise ArgumentError(message, hint="set attention or summary, not both", path=("summary",))
        self.embedding = TokenEmbedding(vocabulary, embedding_size)
        deep = summary_size or (attention is not None and order == "bahdanau")
        heard = memory_size if attention is not None else summary_size
        readout_size = embedding_size if tied else hidden_size
        read = (heard if deep else 0) + (readout_size if input_feeding else 0)
        cells = [cell.build(input_size=embedding_size + read, hidden_size=hidden_size)]
        while len(cells) < levels:
            cells.append(cell.build(input_size=emitted_size(cells[-1]), hidden_size=hidden_size))
        self.recurrent = Recurrent(list(cells), dropout=dropout if levels > 1 else 0.0)
        size = emitted_size(cells[-1])
        self.attention = attention and attention.build(query_size=size, memory_size=memory_size)
        self.readout: nn.Linear | None = None
        if deep:
            self.readout = nn.Linear(size + embedding_size + heard, 2 * readout_size)
        elif attention is not None:
            self.readout = nn.Linear(size + heard, readout_size)
        else:
            readout_size = size
        self.deep = bool(deep)
        if tied and readout_size != embedding_size:
            message = f"the state has {readout_size} features, an embedding {embedding_size}: they cannot share weights"
            raise ArgumentError(message, hint="make them equal, or leave tied out", path=("tied",))
        self.output = nn.Linear(readout_size, vocabulary) if not tied else _Tied(self.embedding)
        self._states = [[shape[0] for shape in cell.state_shapes(cell.input_shape).values()] for cell in cells]  # pyright: ignore[reportArgumentType]
        self.bridge = nn.Linear(code_size, sum(map(sum, self._states))) if code_size else None
        self._prepared: PreparedDecoder | None = None

    @property
    def feeds_back(self) -> bool:
        """Whether a step hears what attention found a step before, so that steps must run one by one."""
        return self.input_feeding or (self.attention is not None and self.order == "bahdanau")

    @property
    def hears_symbols_only(self) -> bool:
        """Whether the recurrence hears nothing but symbols, and the read-out none of them."""
        return not (self.feeds_back or self.deep)

    def begin(
        self,
        code: Tensor | None = None,
        memory: Memory | None = None,
        summary: Tensor | None = None,
        hidden: LayerState | None = None,
    ) -> DecoderState:
        """The state before the first step, with one hypothesis a sentence.

        Args:
            code: (n, code_size), of which the first state of every level is made: s_0 = tanh(W code + b).
            memory: what attention looks at, prepared.
            summary: (n, summary_size).
            hidden: the first state of every level, (n, ...) each, in place of ``code``.
        """
        if hidden is None:
            assert self.bridge is not None
            assert code is not None
            parts = iter(torch.tanh(self.bridge(code)).split([size for sizes in self._states for size in sizes], 1))
            cells = [direction.cell for direction in self.recurrent.directions]
            hidden = [named_state(cell, [next(parts) for _ in sizes]) for cell, sizes in zip(cells, self._states)]
        hidden = map_state(lambda values: values[:, None], hidden)
        fed = None
        if self.input_feeding:
            assert self.readout is not None
            fed = hidden[0][0].new_zeros(len(hidden[0][0]), 1, self.readout.out_features)
        return DecoderState(hidden, memory, None if summary is None else summary[:, None], fed)

    def forward(
        self, tokens: Tensor, state: DecoderState, lengths: Tensor | None = None, teacher_forcing: float = 1.0
    ) -> tuple[Tensor, Tensor | None]:
        """Logits of the next symbol after each step.

        Args:
            tokens: (n, time) int64, the right symbols y_0 ... y_{T-1}, the begin symbol first.
            state: as `begin` made it.
            lengths: steps of each row; None: all.
            teacher_forcing: chance in [0, 1] that a step hears the right symbol, drawn for each row and step; otherwise
                it hears what the model finds most likely (scheduled sampling, Bengio et al. 2015).

        Returns:
            Logits (n, time, vocabulary), zero beyond a row's length, and the weights of attention (n, time, source
            time) or None.
        """
        if tokens.shape[1] == 0:
            return self.output.weight.new_zeros(len(tokens), 0, len(self.output.weight)), None
        if teacher_forcing < 1:
            return self._sampled(tokens, state, lengths, teacher_forcing)
        e = F.dropout(self.embedding(tokens), self.dropout, self.training)
        if self.feeds_back:
            readouts, weights = [], []
            for e_t in e.split(1, 1):
                readout, state = self._advance(e_t, state)
                readouts.append(readout)
                weights.append(state.attention)
            return map_rows(self._logits, torch.cat(readouts, 1), lengths), _stacked(weights)
        hidden = map_state(lambda values: values.flatten(0, 1), state.hidden)
        s, _ = self.recurrent(self._inputs(e, None, state), hidden, lengths)
        context, attention = self._attend(s, state)
        return map_rows(self._logits, self._read(s, e, context), lengths), attention

    def _sampled(
        self, tokens: Tensor, state: DecoderState, lengths: Tensor | None, teacher_forcing: float
    ) -> tuple[Tensor, Tensor | None]:
        """`forward` step by step, where a step may hear what the one before it found."""
        own, logits, weights = tokens[:, :1], [], []
        for t, right in enumerate(tokens.split(1, 1)):
            if t and teacher_forcing:
                own = torch.where(torch.rand(right.shape, device=right.device) < teacher_forcing, right, own)
            e = F.dropout(self.embedding(own), self.dropout, self.training)
            readout, state = self._advance(e, state)
            logits.append(self._logits(readout))
            weights.append(state.attention)
            own = logits[-1].argmax(2)
        return map_rows(lambda found: found, torch.cat(logits, 1), lengths), _stacked(weights)

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """log p of the next symbol, (n, w, vocabulary), after ``tokens`` (n, w) int64, and the state then."""
        scores, state = self.scores(tokens, state)
        return scores.log_softmax(2), state

    def scores(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """What `step` makes probabilities of: scores before the softmax, in memory of their own."""
        self._prepared = prepared = PreparedDecoder.of(self, self._prepared)
        if prepared is None:
            readout, state = self._advance(self.embedding(tokens), state)
            return self.output(readout), state
        found = prepared.recur(tokens, state.hidden)
        if found is None:
            readout, state = self._advance(self.embedding(tokens), state)
        else:
            readout, state = self._answer(found[0], found[0], None, found[1], state)
        return prepared.scores(readout), state

    def _advance(self, e: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Read-out of one step of n sentences with w hypotheses, ``e`` (n, w, embedding_size), and the state after."""
        n, w = e.shape[:2]
        looked: tuple[Tensor | None, Tensor | None] | None = None
        if self.order == "bahdanau":
            top, emitted = state.hidden[-1], self.recurrent.directions[-1].cell.emitted
            looked = self._attend(top[emitted], state)
        x = self._inputs(e, looked and looked[0], state)
        hidden = map_state(lambda values: values.flatten(0, 1), state.hidden)
        s, hidden = self.recurrent(x.flatten(0, 1)[:, None], hidden)
        s = s.squeeze(1).unflatten(0, (n, w))
        return self._answer(s, e, looked, map_state(lambda values: values.unflatten(0, (n, w)), hidden), state)

    def _answer(
        self,
        s: Tensor,
        e: Tensor,
        looked: tuple[Tensor | None, Tensor | None] | None,
        hidden: LayerState,
        state: DecoderState,
    ) -> tuple[Tensor, DecoderState]:
        """Read-out after the recurrence, and the state then; ``looked``: what attention found before it."""
        context, attention = self._attend(s, state) if looked is None else looked
        readout = self._read(s, e, context)
        fed = readout if self.input_feeding else None
        return readout, DecoderState(hidden, state.memory, state.summary, fed, attention)

    def _attend(self, query: Tensor, state: DecoderState) -> tuple[Tensor | None, Tensor | None]:
        if self.attention is None:
            return state.summary, None
        assert state.memory is not None
        return self.attention.attend(query, state.memory)

    def _inputs(self, e: Tensor, context: Tensor | None, state: DecoderState) -> Tensor:
        """What the first level hears: (n, w, features), or (n, time, features)."""
        context = state.summary if context is None else context
        parts = [part.expand(-1, e.shape[1], -1) for part in (context, state.fed) if part is not None]
        return torch.cat([e, *parts], 2) if parts else e

    def _read(self, s: Tensor, e: Tensor, context: Tensor | None) -> Tensor:
        if self.readout is None:
            return s
        assert context is not None
        if self.deep:
            read = self.readout(torch.cat([s, e, context.expand(-1, e.shape[1], -1)], 2))
            return read.unflatten(2, (-1, 2)).amax(3)
        return torch.tanh(self.readout(torch.cat([s, context], 2)))

    def _logits(self, readout: Tensor) -> Tensor:
        return self.output(F.dropout(readout, self.dropout, self.training))


class _Tied(nn.Module):
    """The output layer that reads the embedding backward; only the bias is its own."""

    def __init__(self, embedding: TokenEmbedding) -> None:
        super().__init__()
        self._embedding = [embedding]  # in a list, so that the weights are saved once
        self.bias = nn.Parameter(torch.zeros(embedding.vocabulary))

    @property
    def weight(self) -> Tensor:
        return self._embedding[0].weight

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


def emitted_size(cell: Cell) -> int:
    """Features of what a cell on vectors puts out."""
    (size,) = list(cell.state_shapes((cell.input_size,)).values())[cell.emitted]
    return size


def _stacked(weights: list[Tensor | None]) -> Tensor | None:
    given = [step for step in weights if step is not None]
    return torch.cat(given, 1) if given else None
