"""Recurrent sequence-to-sequence models (catalogue 165, 166, 170, 171, 173, 193-195, 198)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from ...core.arguments import Interval, PositiveInt, Probability
from ...core.configurable import Spec, named
from ...core.errors import ArgumentError
from ...layers.attention.attention import Attention
from ...layers.recurrent_decoder import DecoderState, RecurrentDecoder, emitted_size
from ...layers.token_embedding import TokenEmbedding
from ...recurrent import Cell, Recurrent
from ..model import SequenceExample
from ..pairs import random_pairs
from ..sequence_to_sequence import SequenceToSequence


class EncoderDecoder(SequenceToSequence):
    """A recurrent encoder reads the source, a recurrent decoder writes the target: p(y | x) = prod_t p(y_t | y_<t, x).

    What the decoder knows of the source is, by the options: the first state alone (``attention=None``), a summary at
    every step as well (``summary``), or at every step what attention finds in the states of the encoder. See
    `RecurrentDecoder` for the equations. Presets carry the options of the papers:

        cho2014        GRU, a summary of the source at every step, no attention
        sutskever2014  four levels of LSTM, the source read backward, the state handed over, no attention
        bahdanau2015   GRU, additive attention before the recurrence
        luong2015      LSTM, "general" attention after the recurrence, its result fed back
        chung2016      symbols of the target are characters, the decoder is a bi-scale recurrent network

    At decoding a sentence's memory is kept once and not per hypothesis, and products of attention with it are made
    once.

    Args:
        source_vocabulary: symbols of the source.
        target_vocabulary: symbols of the target.
        embedding: features of a symbol, on both sides.
        hidden: units of a level, in each direction.
        levels: of the encoder and of the decoder.
        cell: of the encoder, and of the decoder unless it has its own; ``jordan`` passes on outputs and not states
            (catalogue 170).
        decoder_cell: of the decoder; None: as the encoder's.
        bidirectional: the encoder reads in both directions.
        reverse_source: the encoder reads the source from its end (Sutskever et al. 2014, section 3.3).
        attention: the kind; None: no attention.
        order: attention after the recurrence (``luong``; fast, all steps of training at once) or before it
            (``bahdanau``).
        input_feeding: what attention found is fed to the next step (Luong et al. 2015, section 3.3).
        summary: every step hears a summary of the source (Cho et al. 2014).
        handover: the first state of the decoder is made of the encoder's last, s_0 = tanh(W h + b), or is its copy.
        tied: the output layer shares the weights of the target embedding.
        dropout: of embeddings, between levels and of what is read out.
        teacher_forcing: chance in [0, 1] that, in training, a step hears the right symbol and not the model's own
            (Bengio et al. 2015); an attribute that a schedule may change during training.

    Raises:
        ArgumentError: options that exclude one another.

    Source: Cho et al. (2014); Sutskever et al. (2014); Bahdanau et al. (2015); Luong et al. (2015); S4
    "Encoder-decoder". Departs from the papers: first weights; where there are several kinds of state, as h and c of an
    LSTM, s_0 has a projection for each; Bahdanau's s_0 reads the last states of both directions.
    """

    name = "encoder-decoder"
    reference = "cho2014, sutskever2014, bahdanau2015, luong2015, bengio2015, chung2016"
    presets = {  # noqa: RUF012
        "cho2014": {"attention": None, "summary": True, "bidirectional": False, "cell": {"name": "gru"}},
        "sutskever2014": {
            "attention": None,
            "cell": {"name": "lstm"},
            "levels": 4,
            "bidirectional": False,
            "reverse_source": True,
            "handover": "copied",
        },
        "bahdanau2015": {"attention": {"name": "additive"}, "order": "bahdanau"},
        "luong2015": {"cell": {"name": "lstm"}, "input_feeding": True},
        "chung2016": {
            "attention": {"name": "additive"},
            "order": "bahdanau",
            "decoder_cell": {"name": "bi-scale"},
        },
    }

    def __init__(
        self,
        source_vocabulary: PositiveInt,
        target_vocabulary: PositiveInt,
        embedding: PositiveInt = 256,
        hidden: PositiveInt = 256,
        levels: PositiveInt = 1,
        cell: Spec[Cell] = named("gru"),
        decoder_cell: Spec[Cell] | None = None,
        bidirectional: bool = True,
        reverse_source: bool = False,
        attention: Spec[Attention] | None = named("general"),
        order: Literal["luong", "bahdanau"] = "luong",
        input_feeding: bool = False,
        summary: bool = False,
        handover: Literal["projected", "copied"] = "projected",
        tied: bool = False,
        dropout: Probability = 0.0,
        teacher_forcing: Annotated[float, Interval("[0, 1]")] = 1.0,
    ) -> None:
        super().__init__()
        if bidirectional and reverse_source:
            message = "an encoder that reads in both directions reads the source backward anyway"
            raise ArgumentError(message, hint="set bidirectional=False to reverse the source", path=("reverse_source",))
        if handover == "copied" and (bidirectional or decoder_cell is not None):
            message = "the state can be copied only into a decoder that is like the encoder"
            hint = "set bidirectional=False and leave decoder_cell out, or choose handover='projected'"
            raise ArgumentError(message, hint=hint, path=("handover",))
        self.teacher_forcing = teacher_forcing
        self.reverse_source, self.copies = reverse_source, handover == "copied"
        self.embedding = TokenEmbedding(source_vocabulary, embedding)
        self.dropout = nn.Dropout(dropout)
        cells, directions = [], 2 if bidirectional else 1
        size = embedding
        for _ in range(levels):
            cells.append(cell.build(input_size=size, hidden_size=hidden))
            size = directions * emitted_size(cells[-1])
        self.encoder = Recurrent(cells, bidirectional, dropout=dropout if levels > 1 else 0.0)
        self.summary = nn.Linear(size, hidden) if summary else None
        self.decoder = RecurrentDecoder(
            target_vocabulary,
            embedding,
            decoder_cell or cell,
            hidden,
            levels,
            code_size=0 if self.copies else hidden if summary else size,
            memory_size=size,
            attention=attention,
            order=order,
            input_feeding=input_feeding,
            summary_size=hidden if summary else 0,
            tied=tied,
            dropout=dropout,
        )

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        small = {"source_vocabulary": 11, "target_vocabulary": 9, "embedding": 6, "hidden": 4}
        options = [
            {},
            {"attention": None, "tied": True, "embedding": 4},
            {"levels": 2, "cell": "lstm", "input_feeding": True, "tied": True},
            *({**arguments, "levels": 2} if "levels" in arguments else arguments for arguments in cls.presets.values()),
        ]
        return [SequenceExample({**small, **option}, random_pairs(11, 9)) for option in options]

    def forward(
        self, source: Tensor, source_lengths: Tensor | None, target_in: Tensor, target_lengths: Tensor | None = None
    ) -> Tensor:
        """See `SequenceToSequence`.

        In training each step hears the right symbol with chance ``teacher_forcing``, in evaluation always (`free_run`).
        """
        rate = self.teacher_forcing if self.training else 1.0
        return self.decoder(target_in, self.start((source, source_lengths)), target_lengths, rate)[0]

    def free_run(
        self, source: Tensor, source_lengths: Tensor | None, target_in: Tensor, target_lengths: Tensor | None = None
    ) -> Tensor:
        """`forward` where each step hears what the model itself found most likely; of ``target_in`` only the begin.

        The loss of this is what a model makes at its own hands (catalogue 171).
        """
        return self.decoder(target_in, self.start((source, source_lengths)), target_lengths, 0.0)[0]

    def alignment(
        self, source: Tensor, source_lengths: Tensor | None, target_in: Tensor, target_lengths: Tensor | None = None
    ) -> Tensor:
        """The weights of attention, (batch, time, source time), for each step of a given target.

        Raises:
            ArgumentError: the model has no attention.
        """
        weights = self.decoder(target_in, self.start((source, source_lengths)), target_lengths)[1]
        if weights is None:
            hint = "build it with attention='general', say"
            raise ArgumentError("this model has no attention", hint=hint, path=("attention",))
        return weights

    def start(self, source: tuple[Tensor, Tensor | None]) -> DecoderState:
        """The state before the first symbol of the targets of ``source``: symbols (n, time) and lengths.

        Its ``attention``, after a step, are the weights of that step, (n, w, time).
        """
        tokens, lengths = source
        n, time = tokens.shape
        ends = torch.full((n,), time) if lengths is None else torch.as_tensor(lengths)
        backward = None
        if self.reverse_source:
            places, last = torch.arange(time, device=tokens.device), ends.to(tokens.device)[:, None]
            backward = torch.where(places < last, last - 1 - places, places)
            tokens = tokens.gather(1, backward)
        states, final = self.encoder(self.dropout(self.embedding(tokens)), lengths=ends)
        if self.copies:
            code = None
        else:
            count = 2 if self.encoder.bidirectional else 1
            last_level = zip(final[-count:], self.encoder.directions[-count:])
            code = torch.cat([state[direction.cell.emitted] for state, direction in last_level], 1)
        memory = None
        if self.decoder.attention is not None:
            if backward is not None:
                states = states.gather(1, backward[:, :, None].expand_as(states))
            memory = self.decoder.attention.prepare(states, lengths)
        summary = None
        if self.summary is not None:
            code = summary = torch.tanh(self.summary(code))
        return self.decoder.begin(code, memory, summary, final if self.copies else None)

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """log p (n, w, vocabulary) of what follows ``tokens`` (n, w) int64, and the state after them."""
        return self.decoder.step(tokens, state)

    def scores(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """What `step` makes probabilities of: scores (n, w, vocabulary) before the softmax."""
        return self.decoder.scores(tokens, state)

    def reorder(self, state: DecoderState, sentences: Tensor, hypotheses: Tensor) -> DecoderState:
        """The state of ``sentences`` (m,) and, of each, ``hypotheses`` (m, w'), both int64."""
        return state.reorder(sentences, hypotheses)

    def attention(self, state: DecoderState) -> tuple[Tensor, Tensor]:
        """Weights of the last step (n, w, source time), and which steps are no padding, (n, source time)."""
        return state.looked()
