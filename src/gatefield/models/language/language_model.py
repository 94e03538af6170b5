"""The language model, over characters or words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import Interval, NonNegativeFloat, PositiveInt, Probability
from ...core.configurable import Configurable, Spec, named
from ...core.errors import ArgumentError, InputError
from ...functional.continuous_cache import Cached, empty_cache, with_cache
from ...functional.lengths import row_ends
from ...functional.map_rows import map_rows
from ...functional.sampled_softmax import sampled_log_likelihood, zipf
from ...functional.target_likelihood import TargetLikelihood
from ...layers.encoders.encoder import Encoder, map_state
from ...layers.encoders.recurrent import RecurrentEncoder
from ...layers.token_embedding import TokenEmbedding
from ..model import Model, SequenceExample


class ContinuousCache(Configurable):
    """How a trained model remembers words it has just read (Grave, Joulin and Usunier 2017).

    Args:
        size: words it remembers.
        flatness: theta, how much the likeness of hidden states matters.
        weight: lambda in (0, 1), of the cache beside the model.
    """

    kind = "continuous cache"

    def __init__(
        self,
        size: PositiveInt = 500,
        flatness: NonNegativeFloat = 0.3,
        weight: Annotated[float, Interval("(0, 1)")] = 0.1,
    ) -> None:
        self.size, self.flatness, self.weight = size, flatness, weight


class Reading(NamedTuple):
    """The state of a language model: of its encoder, and of its cache where it has one."""

    encoder: Any
    cache: Cached | None


class LanguageModel(Model):
    """The next symbol, given all before it: p(x_1 .. x_T) = prod_t p(x_t | x_1 .. x_(t-1)).

        h_t = encoder(E x_1, .., E x_t),  p(x_(t+1) | x_1 .. x_t) = softmax(W h_t + b)

    Over characters or over words, by any encoder that reads forward only. It carries its state from one piece of a
    text to the next, and runs symbol by symbol for decoding (`start`, `step`, `reorder`; `stream`).

    Args:
        vocabulary: symbols there are.
        embedding: numbers a symbol; None: one of n, as in the decks.
        encoder: what reads the symbols.
        tied: W is E (Press and Wolf 2017); the encoder is then as wide as the embedding.
        dropout: of the embedded symbols and of h_t; between levels it is the encoder's.
        samples: in training, estimate the sum of the softmax from so many draws of symbols, new ones for each
            mini-batch (`sampled_log_likelihood`): with tens of thousands of words the sum is most of the work. Numbers
            of symbols are then to follow their frequency, as those of a vocabulary of words do, and b is Zipf's law at
            first. Evaluation is exact. None: the whole sum.
        cache: mixes in what was just read, in evaluation only.

    Raises:
        ArgumentError: an encoder that looks ahead, or a tie between unlike widths.

    Source: S3 and S4, "predicting the next character" (catalogue 177, 178); Zaremba, Sutskever and Vinyals (2014).
    Departs from the paper: nowhere, with ``embedding`` as wide as the encoder and its dropout the same.
    """

    name = "language-model"
    reference = "zaremba2014"
    returns_state = True

    def __init__(
        self,
        vocabulary: PositiveInt,
        embedding: PositiveInt | None = 128,
        encoder: Spec[Encoder] = named("recurrent"),
        tied: bool = False,
        dropout: Probability = 0.0,
        samples: PositiveInt | None = None,
        cache: ContinuousCache | None = None,
    ) -> None:
        super().__init__()
        self.output, self.samples = "softmax" if samples is None else "likelihood", samples
        self.embedding = TokenEmbedding(vocabulary, embedding)
        self.encoder: Encoder = encoder.build(features=self.embedding.width)
        self.dropout, self.cache = nn.Dropout(dropout), cache
        if not self.encoder.causal:
            message = "a language model cannot see the symbols it foretells"
            raise ArgumentError(message, hint="choose an encoder that reads forward only", path=("encoder",))
        if tied and (embedding is None or embedding != self.encoder.width):
            message = f"the encoder is {self.encoder.width} wide and the embedding {embedding}"
            raise ArgumentError(message, hint="make both the same, or leave tied out", path=("tied",))
        if not tied:
            self.weight = nn.Parameter(nn.Linear(self.encoder.width, vocabulary).weight.detach())
        frequencies = torch.zeros(vocabulary) if samples is None else zipf(vocabulary).log().float()
        self.bias = nn.Parameter(frequencies)  # where they are known, a bias needs no thousands of updates to find them

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def tokens(generator: torch.Generator) -> tuple[Tensor, ...]:
            return torch.randint(5, (4, 6), generator=generator), torch.tensor([3, 6, 0, 1])

        small = {"name": "recurrent", "cell": "gru", "hidden": [4]}
        attending = {"name": "transformer", "width": 4, "heads": 2, "layers": 1, "context": 3}
        cache = {"size": 3, "flatness": 0.5, "weight": 0.2}
        tcn = {"name": "tcn", "channels": [3, 3], "kernel_size": 2}
        return [
            SequenceExample({"vocabulary": 5, "embedding": 3, "encoder": small}, tokens),
            SequenceExample({"vocabulary": 5, "embedding": None, "encoder": tcn, "dropout": 0.3}, tokens),
            SequenceExample({"vocabulary": 5, "embedding": 4, "encoder": attending, "tied": True}, tokens),
            SequenceExample({"vocabulary": 5, "embedding": 3, "encoder": small, "cache": cache}, tokens),
            SequenceExample({"vocabulary": 5, "embedding": 4, "encoder": small, "tied": True, "samples": 2}, tokens),
        ]

    def forward(
        self, tokens: Tensor, lengths: Sequence[int] | Tensor | None = None, state: Reading | None = None
    ) -> tuple[Any, Reading]:
        """Read a batch of texts, or of pieces of them.

        Args:
            tokens: (batch, time), int64.
            lengths: symbols of each row, in any order, 0 allowed; None: all.
            state: what was read before, as a former call returned it; None: nothing.

        Returns:
            Logits (batch, time, vocabulary) of the symbol after each, which mean nothing beyond a row's length; with a
            cache, in evaluation, they are log-probabilities. In training by samples, what the targets are asked of. And
            the state after each row's last symbol.

        Raises:
            InputError: shapes, symbols or lengths that do not fit.
        """
        if tokens.dim() != 2:
            raise InputError(f"tokens have shape {tuple(tokens.shape)}", hint="give (batch, time)")
        before = Reading(None, None) if state is None else state
        h, after = self.encoder(self.dropout(self.embedding(tokens)), lengths, before.encoder)
        if self.samples is not None and self.training:
            return TargetLikelihood(self.dropout(h), self._sampled), Reading(after, None)
        logits = map_rows(self._logits, self.dropout(h), lengths)
        if self.cache is None or self.training:
            return logits, Reading(after, None)
        ends = row_ends(lengths, len(tokens), tokens.shape[1], tokens.device)
        log_p, cached = self._recall(logits.log_softmax(-1), h, tokens, ends, before.cache)
        return log_p, Reading(after, cached)

    def start(self, prefix: Tensor, lengths: Sequence[int] | Tensor | None = None) -> Reading:
        """The state of one hypothesis for each sentence after its ``prefix`` (n, time), which may be empty.

        The prefix is what stands before the first symbol that `step` is given. All tensors of a decoding state are
        (n, w, ...).
        """
        return map_state(lambda part: part[:, None], self(prefix, lengths)[1])

    def step(self, tokens: Tensor, state: Reading) -> tuple[Tensor, Reading]:
        """Read one symbol of every hypothesis.

        Args:
            tokens: (n, w), int64.
            state: as `start`, `step` or `reorder` returned it, for as many.

        Returns:
            Log-probabilities (n, w, vocabulary) of the symbol after it, and the state then.

        Raises:
            InputError: what are no symbols, a state of others, or a model in training that draws dropout masks.
        """
        if self.training and self.dropout.p:
            raise InputError("this model draws dropout masks", hint="call model.eval() first")
        if tokens.dim() != 2:
            message = f"tokens have shape {tuple(tokens.shape)}"
            raise InputError(message, hint="give (sentences, hypotheses)")
        rows, before = tokens.flatten(), map_state(lambda part: part.flatten(0, 1), state)
        h, after = self.encoder.step(self.embedding(rows), before.encoder)
        log_p, cached = self._logits(h).log_softmax(-1), None
        if self.cache is not None and not self.training:
            one = torch.ones_like(rows)
            log_p, cached = self._recall(log_p[:, None], h[:, None], rows[:, None], one, before.cache)
        later = map_state(lambda part: part.unflatten(0, tokens.shape), Reading(after, cached))
        return log_p.reshape(*tokens.shape, -1), later

    def reorder(self, state: Reading, sentences: Tensor, hypotheses: Tensor) -> Reading:
        """Keep ``sentences`` (m,) and in each of them ``hypotheses`` (m, w'), both int64."""
        return map_state(lambda part: part[sentences[:, None], hypotheses], state)

    def stream(self, batch: int = 1) -> Stream:
        """This model bound for fast generation of ``batch`` texts side by side, without gradients."""
        return Stream(self, batch)

    @contextlib.contextmanager
    def without_cache(self) -> Iterator[None]:
        """Inside, the model has no cache: as a writer it would remember its own words, and say them over and over."""
        cache, self.cache = self.cache, None
        try:
            yield
        finally:
            self.cache = cache

    @property
    def _output_weight(self) -> Tensor:
        return self.embedding.weight if self.arguments["tied"] else self.weight

    def _logits(self, h: Tensor) -> Tensor:
        return F.linear(h, self._output_weight, self.bias)

    def _sampled(self, h: Tensor, targets: Tensor) -> Tensor:
        assert self.samples is not None
        return sampled_log_likelihood(h, targets, self._output_weight, self.bias, self.samples)

    def _recall(
        self, log_p: Tensor, h: Tensor, tokens: Tensor, ends: Tensor, before: Cached | None
    ) -> tuple[Tensor, Cached]:
        cache = self.cache
        assert cache is not None
        before = empty_cache(h, cache.size) if before is None else before
        return with_cache(log_p, h, tokens, ends, before, cache.flatness, cache.weight)


class Stream:
    """A language model that keeps its own state: symbols in, log-probabilities of the next out, as fast as can be.

    Recurrent encoders run bound to memory laid out once (`gatefield.recurrent.Stepper`), and weights are taken as they
    are when the stream is made. Other encoders, and a cache, run by `LanguageModel.step`.

    Args:
        model: in evaluation mode.
        batch: texts side by side.
    """

    def __init__(self, model: LanguageModel, batch: int = 1) -> None:
        self.model, self.batch = model, batch
        if model.training and model.dropout.p:
            raise InputError("this model draws dropout masks", hint="call model.eval() first")
        self._stepper = None
        if isinstance(model.encoder, RecurrentEncoder) and model.cache is None:
            self._stepper = model.encoder.layer.stepper(batch, model.embedding.weight)
        self.reset()

    def reset(self) -> None:
        """Forget all that was read."""
        if self._stepper is not None:
            self._stepper.reset()
        else:
            empty = torch.zeros(self.batch, 0, dtype=torch.int64, device=self.model.device)
            with torch.no_grad():
                self._state = self.model.start(empty)

    @torch.no_grad()
    def step(self, symbols: int | Tensor) -> Tensor:
        """Read ``symbols``, one for each text, int64 (batch,) or an int; log-probabilities (batch, vocabulary)."""
        if self._stepper is not None:
            return self.model._logits(self._stepper.step(symbols)).log_softmax(-1)
        given = torch.as_tensor(symbols, device=self.model.device).reshape(-1, 1)
        log_p, self._state = self.model.step(given, self._state)
        return log_p[:, 0]
