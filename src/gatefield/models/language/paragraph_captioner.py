"""A picture in a paragraph: one recurrent network plans the sentences, another one words them (catalogue 197)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.configurable import Spec, named
from ...core.errors import InputError
from ...layers.recurrent_decoder import DecoderState, RecurrentDecoder, emitted_size
from ...recurrent import Cell, Recurrent
from ..model import Model, ModelExample


class ParagraphCaptioner(Model):
    """Sentences about the places of a picture.

        v = max over places of W_pool code + b_pool
        h_s = f(h_{s-1}, v)                                     the plan, a step a sentence
        topic_s = relu(W_2 relu(W_1 h_s + b_1) + b_2)
        p(y_s | topic_s) = prod_t p(y_st | y_s1 ... y_s(t-1), topic_s)      a sentence, a step a word

    The paragraph ends with the first sentence that is empty, whose first symbol is the end.

    Args:
        input_shape: of the codes of a picture (channels, height, width), see `features`.
        vocabulary: symbols.
        sentences: at most so many a paragraph, the empty one included.
        embedding: features of a symbol.
        hidden: units of both recurrent networks, of v and of a topic.
        cell: of both recurrent networks.
        dropout: of embeddings and of what is read out.

    Source: Krause et al. (2017), section 4; S1 "Image Paragraph Captioning" (catalogue 197). Departs from the paper:
    the end of a paragraph is an empty sentence and not a second output of the plan; a topic makes the first state of
    its sentence and not its first input.
    """

    name = "paragraph-captioner"
    reference = "krause2017"

    def __init__(
        self,
        input_shape: tuple[PositiveInt, ...],
        vocabulary: PositiveInt,
        sentences: PositiveInt = 6,
        embedding: PositiveInt = 256,
        hidden: PositiveInt = 256,
        cell: Spec[Cell] = named("lstm"),
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.sentences, self.code_shape = sentences, list(input_shape)
        self.pool = nn.Linear(input_shape[0], hidden)
        self.plan = Recurrent(cell.build(input_size=hidden, hidden_size=hidden))
        planned = emitted_size(self.plan.directions[0].cell)
        self.topic = nn.Sequential(nn.Linear(planned, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.decoder = RecurrentDecoder(vocabulary, embedding, cell, hidden, code_size=hidden, dropout=dropout)

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [ModelExample({"input_shape": (3, 2, 2), "vocabulary": 9, "sentences": 3, "embedding": 6, "hidden": 4})]

    def forward(self, codes: Tensor, paragraphs_in: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits of the next word.

        Args:
            codes: (batch, channels, height, width).
            paragraphs_in: (batch, sentences, time) int64, each sentence one step late: the begin symbol first. There
                may be fewer sentences than ``sentences``.
            lengths: (batch, sentences), symbols of each sentence; 0 where the paragraph has ended; None: all.

        Returns:
            (batch, sentences * time, vocabulary), zero beyond a sentence's length.
        """
        batch, count, time = paragraphs_in.shape
        ends = None if lengths is None else torch.as_tensor(lengths).flatten()
        logits, _ = self.decoder(paragraphs_in.flatten(0, 1), self._begin(codes, count), ends)
        return logits.reshape(batch, count * time, logits.shape[2])

    def start(self, codes: Tensor) -> DecoderState:
        """The state before the first word of every sentence of the paragraphs on ``codes`` (n, channels, ...).

        Sentences are rows: the first ``sentences`` are those of the first picture.
        """
        return self._begin(codes, self.sentences)

    def _begin(self, codes: Tensor, count: int) -> DecoderState:
        if list(codes.shape[1:]) != self.code_shape:
            message = f"the codes have shape {tuple(codes.shape)}"
            raise InputError(message, hint=f"give (batch, {', '.join(map(str, self.code_shape))})")
        if count > self.sentences:
            message = f"a paragraph has {count} sentences, this model plans {self.sentences}"
            raise InputError(message, hint="build it with more sentences, or cut the paragraph")
        v = self.pool(codes.flatten(2).transpose(1, 2) if codes.dim() > 2 else codes[:, None]).amax(1)
        h, _ = self.plan(v[:, None].expand(-1, count, -1))
        return self.decoder.begin(self.topic(h).flatten(0, 1))

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """log p (rows, w, vocabulary) of what follows ``tokens`` (rows, w) int64, and the state after them."""
        return self.decoder.step(tokens, state)

    def reorder(self, state: DecoderState, sentences: Tensor, hypotheses: Tensor) -> DecoderState:
        """The state of ``sentences`` (m,) and, of each, ``hypotheses`` (m, w'), both int64."""
        return state.reorder(sentences, hypotheses)
