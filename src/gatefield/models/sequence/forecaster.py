"""Forecasting networks: what reads the past, and how the future is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from ...core.arguments import Interval, NonNegativeInt, PositiveInt, Probability
from ...core.configurable import Spec, named
from ...core.errors import ArgumentError, InputError
from ...layers.encoders.encoder import Encoder, Lengths, at
from ...recurrent import Cell, Recurrent
from ...recurrent.state import named_state
from ..model import Model, SequenceExample

Level = Annotated[float, Interval("(0, 1)")]
Strategy = Literal["direct", "recursive", "encoder-decoder"]


class Forecaster(Model):
    """Reads a window of the past and forecasts the quantiles of the steps that follow, in one of three ways.

    ``direct`` (a block at once; any encoder)::

        f_1 .. f_H = W [code, x_1 .. x_H] + b

    ``recursive`` (the encoder goes on, reading its own forecasts; causal encoders)::

        f_h = W e_h + b,   e_h = encoder(.., [y_0, x_1], [m_1, x_2], .. [m_(h-1), x_h])

    ``encoder-decoder`` (a cell of its own writes the future; any encoder)::

        d_0 = tanh(B code),   d_h = cell([m_(h-1), x_h], d_(h-1)),   f_h = W d_h + b

    code is what the encoder knows at the end of the window, x are covariates that are known ahead, m_h is the forecast
    median, y_0 the last value. All three are trained on their own forecasts, as they are used, never on the truth of
    earlier steps. With a highway of n steps each forecast also has a linear part, sum over i in 1..n of a_i y_(h-i),
    the same for all series; ``direct`` has one a for each step ahead.

    Args:
        series: how many series are forecast.
        horizon: H, steps.
        covariates: how many are known ahead.
        quantiles: the levels to forecast, ascending; the median 0.5 is among them.
        encoder: what reads the window.
        strategy: how the future is written.
        decoder: the cell of an encoder-decoder; a GRU by default.
        pool: what the code is: the encoder's summary, for most its last step; or the maximum or mean over time.
        highway: n, the last steps that the linear part sees; 0: there is none.
        dropout: of what the weights W see.

    Raises:
        ArgumentError: an encoder that looks ahead to be continued, a decoder for another strategy, or levels without a
            median.
        InputError: windows shorter than the highway.

    Source: Sutskever, Vinyals and Le (2014), section 2, for encoder and decoder; Wen et al. (2017), section 3, for
    quantiles of all steps at once; Lai et al. (2018), section 3.6, for the highway. Departs from the paper: no teacher
    forcing.
    """

    name = "forecaster"
    reference = "sutskever2014; wen2017; lai2018"
    output = "quantiles"

    def __init__(
        self,
        series: PositiveInt,
        horizon: PositiveInt,
        covariates: NonNegativeInt,
        quantiles: Sequence[Level],
        encoder: Spec[Encoder] = named("recurrent"),
        strategy: Strategy = "direct",
        decoder: Spec[Cell] | None = None,
        pool: Literal["summary", "max", "mean"] = "summary",
        highway: NonNegativeInt = 0,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.series, self.horizon, self.covariates = series, horizon, covariates
        self.strategy: Strategy = strategy
        self.pool = pool
        self.quantiles = list(quantiles)
        self.encoder = encoder.build(features=series + covariates)
        self._check(decoder)
        width = self.encoder.width
        self.decoder: Recurrent | None = None
        if strategy == "encoder-decoder":
            cell = (decoder or Spec.from_config("gru", ("decoder",), Cell)).build(
                input_size=series + covariates, hidden_size=width
            )
            self.decoder, self._states = Recurrent(cell), cell.state_shapes((series + covariates,))
            self.bridge = nn.Linear(width, sum(shape[0] for shape in self._states.values()))
            (width,) = list(self._states.values())[cell.emitted]
        steps = horizon if strategy == "direct" else 1
        self.dropout = nn.Dropout(dropout)
        known = horizon * covariates if strategy == "direct" else 0
        self.head = nn.Linear(width + known, steps * series * len(self.quantiles))
        self.highway = nn.Linear(highway, steps, bias=False) if highway else None

    def _check(self, decoder: Spec[Cell] | None) -> None:
        if 0.5 not in self.quantiles or self.quantiles != sorted(set(self.quantiles)):
            hint = "give each level once, the smallest first, and 0.5 among them: [0.1, 0.5, 0.9]"
            raise ArgumentError(
                f"the levels {self.quantiles} lack the median or do not ascend", hint=hint, path=("quantiles",)
            )
        if decoder is not None and self.strategy != "encoder-decoder":
            message = f"the strategy '{self.strategy}' has no decoder"
            raise ArgumentError(message, hint="leave decoder out, or set strategy=encoder-decoder", path=("decoder",))
        if self.strategy == "recursive":
            if not self.encoder.causal:
                message = "an encoder that looks ahead cannot go on where the window ends"
                raise ArgumentError(message, hint="set strategy=direct or encoder-decoder", path=("strategy",))
            if self.pool != "summary":
                message = "a recursive forecast follows from the last step"
                raise ArgumentError(message, hint="leave pool out, or set strategy=direct", path=("pool",))

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def batch(features: int, future: tuple[int, int] | None = None):
            def make(generator: torch.Generator) -> tuple[Tensor | None, ...]:
                x = torch.randn(4, 6, features, generator=generator)
                lengths = torch.tensor([4, 6, 1, 3])
                return (x, lengths) if future is None else (x, lengths, torch.randn(4, *future, generator=generator))

            return make

        small = {"name": "recurrent", "cell": "gru", "hidden": [4]}
        causal = {"name": "tcn", "channels": [4], "kernel_size": 2}
        plain = {"series": 2, "horizon": 3, "covariates": 0, "quantiles": [0.5]}
        return [
            SequenceExample({**plain, "encoder": small, "quantiles": [0.1, 0.5, 0.9]}, batch(2)),
            SequenceExample({**plain, "encoder": small, "strategy": "recursive"}, batch(2)),
            SequenceExample({**plain, "encoder": causal, "strategy": "recursive"}, batch(2)),
            SequenceExample({**plain, "encoder": small, "strategy": "encoder-decoder", "decoder": "lstm"}, batch(2)),
            SequenceExample(
                {**plain, "covariates": 1, "encoder": small, "strategy": "encoder-decoder"}, batch(3, (3, 1))
            ),
        ]

    def forward(self, x: Tensor, lengths: Lengths | None = None, future: Tensor | None = None) -> Tensor:
        """Forecast the steps after the last one of each row.

        Args:
            x: (batch, time, series + covariates): the values, and the covariates of the same steps.
            lengths: steps of each row, in any order; None: all.
            future: (batch, horizon, covariates); None where there are none.

        Returns:
            (batch, horizon, series, levels)

        Raises:
            InputError: shapes or lengths that do not fit.
        """
        future = self._future(x, future)
        ends = torch.as_tensor(x.shape[1] if lengths is None else lengths, device=x.device).expand(len(x))
        recent = self._recent(x, ends)
        if self.strategy == "direct":
            code = torch.cat([self._code(x, lengths, ends), future.flatten(1)], 1)
            return self._forecast(code, recent, self.horizon)
        if self.decoder is None:
            return self._recursion(x, lengths, ends, future, recent)
        return self._decoding(x, lengths, ends, future, recent)

    def _recursion(self, x: Tensor, lengths: Lengths | None, ends: Tensor, future: Tensor, recent: Tensor) -> Tensor:
        """f_1 .. f_H, where every step of the encoder reads a value and the covariates of the step after it."""
        ahead = torch.cat([x[:, 1:, self.series :], x[:, :1, self.series :]], 1)
        last = (ends - 1).clamp(min=0)[:, None, None].expand(-1, 1, self.covariates)
        ahead = ahead.scatter(1, last, future[:, :1])
        output, state = self.encoder(torch.cat([x[:, :, : self.series], ahead], 2), lengths)
        forecasts = [self._forecast(at(output, ends - 1), recent)]
        for h in range(1, self.horizon):
            m = self._median(forecasts[-1])
            recent = torch.cat([recent, m], 1)[:, 1:]
            output, state = self.encoder(torch.cat([m, future[:, h : h + 1]], 2), None, state)
            forecasts.append(self._forecast(output[:, 0], recent))
        return torch.cat(forecasts, 1)

    def _decoding(self, x: Tensor, lengths: Lengths | None, ends: Tensor, future: Tensor, recent: Tensor) -> Tensor:
        assert self.decoder is not None
        parts = torch.tanh(self.bridge(self._code(x, lengths, ends))).split([s[0] for s in self._states.values()], 1)
        state = [named_state(self.decoder.directions[0].cell, list(parts))]
        m, forecasts = at(x, ends - 1)[:, None, : self.series], []
        for h in range(self.horizon):
            output, state = self.decoder.step(torch.cat([m[:, 0], future[:, h]], 1), state)
            forecasts.append(self._forecast(output, recent))
            m = self._median(forecasts[-1])
            recent = torch.cat([recent, m], 1)[:, 1:]
        return torch.cat(forecasts, 1)

    def _code(self, x: Tensor, lengths: Lengths | None, ends: Tensor) -> Tensor:
        output, _ = self.encoder(x, lengths)
        if self.pool == "summary":
            return self.encoder.summary(output, ends)
        inside = (torch.arange(x.shape[1], device=x.device) < ends[:, None])[:, :, None]
        if self.pool == "mean":
            return (output * inside).sum(1) / ends.clamp(min=1)[:, None]
        return output.masked_fill(~inside, -torch.inf).amax(1).masked_fill((ends == 0)[:, None], 0.0)

    def _forecast(self, code: Tensor, recent: Tensor, steps: int = 1) -> Tensor:
        """(batch, steps, series, levels) from what is known, and from the last values."""
        f = self.head(self.dropout(code)).view(len(code), steps, self.series, len(self.quantiles))
        if self.highway is None:
            return f
        return f + self.highway(recent.transpose(1, 2)).transpose(1, 2)[:, :, :, None]

    def _recent(self, x: Tensor, ends: Tensor) -> Tensor:
        """The last values of each row that the highway sees, (batch, n, series)."""
        n = self.highway.in_features if self.highway is not None else 1
        if self.highway is not None and len(ends) and int(ends.min()) < n:
            message = f"a window of {int(ends.min())} steps is shorter than the highway of {n}"
            raise InputError(message, hint=f"give at least {n} steps, or set a shorter highway")
        places = (ends[:, None] - n + torch.arange(n, device=x.device)).clamp(min=0)
        return x[:, :, : self.series].gather(1, places[:, :, None].expand(-1, -1, self.series))

    def _median(self, f: Tensor) -> Tensor:
        """(batch, steps, series)"""
        return f[..., self.quantiles.index(0.5)]

    def _future(self, x: Tensor, future: Tensor | None) -> Tensor:
        if future is None and not self.covariates:
            return x.new_zeros(len(x), self.horizon, 0)
        if future is None or tuple(future.shape) != (len(x), self.horizon, self.covariates):
            given = "not given" if future is None else f"of shape {tuple(future.shape)}"
            hint = f"give (batch, {self.horizon}, {self.covariates})"
            raise InputError(f"the covariates of the future are {given}", hint=hint)
        return future
