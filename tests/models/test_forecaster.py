"""The three ways to write a forecast, each against a plain transcription; and what does not go together."""

from __future__ import annotations

import pytest
import torch

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.autoregression import Autoregression
from gatefield.layers.encoders.encoder import at
from gatefield.models.sequence.forecaster import Forecaster

GRU = {"name": "recurrent", "cell": "gru", "hidden": [5]}
TCN = {"name": "tcn", "channels": [4, 4], "kernel_size": 2}
LEVELS = [0.1, 0.5, 0.9]


def build(seed: int = 0, **arguments) -> Forecaster:
    torch.manual_seed(seed)
    given = {"series": 2, "horizon": 4, "covariates": 1, "quantiles": LEVELS, "encoder": GRU} | arguments
    return Forecaster(**given).double().eval()


def batch(covariates: int = 1, rows: int = 3, time: int = 6):
    source = torch.Generator().manual_seed(7)
    x = torch.randn(rows, time, 2 + covariates, generator=source, dtype=torch.float64)
    return x, torch.randn(rows, 4, covariates, generator=source, dtype=torch.float64)


def test_direct_is_one_linear_map_of_the_code():
    model = build()
    x, future = batch()
    h, _ = model.encoder(x)
    code = torch.cat([h[:, -1], future.reshape(3, 4)], 1)
    expected = (code @ model.head.weight.T + model.head.bias).view(3, 4, 2, 3)
    torch.testing.assert_close(model(x, None, future), expected)


@pytest.mark.parametrize("encoder", [GRU, TCN], ids=["gru", "tcn"])
@pytest.mark.parametrize("highway", [0, 3])
def test_recursive_is_the_one_step_forecast_again_and_again(encoder, highway):
    """Each step equals a one-step forecast of the window with all forecast medians appended."""
    model = build(encoder=encoder, strategy="recursive", highway=highway)
    x, future = batch()
    found = model(x, None, future)
    one = build(encoder=encoder, strategy="recursive", highway=highway, horizon=1)
    one.load_state_dict(model.state_dict())
    for h in range(4):
        alone = one(x, None, future[:, h : h + 1])
        torch.testing.assert_close(found[:, h], alone[:, 0])
        x = torch.cat([x, torch.cat([alone[:, :, :, 1], future[:, h : h + 1]], 2)], 1)


def test_encoder_decoder_by_hand():
    model = build(strategy="encoder-decoder", decoder="lstm")
    x, future = batch()
    cell = model.decoder.directions[0].cell
    code = model.encoder(x)[0][:, -1]
    state = torch.tanh(code @ model.bridge.weight.T + model.bridge.bias).split(5, 1)
    m = x[:, -1, :2]
    for h in range(4):
        state = cell.step(torch.cat([m, future[:, h]], 1), state)
        f = (state[0] @ model.head.weight.T + model.head.bias).view(3, 2, 3)
        torch.testing.assert_close(model(x, None, future)[:, h], f)
        m = f[:, :, 1]


def test_a_highway_alone_is_an_autoregression():
    a = torch.tensor([0.5, -0.3, 0.2], dtype=torch.float64)
    model = build(strategy="recursive", covariates=0, highway=3)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
        model.highway.weight.copy_(a.flip(0)[None])
    x, _ = batch(0)
    nothing = torch.zeros(0, dtype=torch.float64)
    plain = Autoregression(a, torch.zeros((), dtype=torch.float64), nothing, nothing)
    expected = plain.forecast(x.transpose(1, 2), 4).transpose(1, 2)
    for level in range(3):
        torch.testing.assert_close(model(x)[..., level], expected)


def test_a_direct_highway_adds_a_linear_part_of_the_last_values():
    model, x = build(covariates=0, highway=2), batch(0)[0]
    with_it = model(x)
    weight = model.highway.weight
    model.highway = None
    linear = torch.einsum("hi,bis->bhs", weight, x[:, -2:])
    torch.testing.assert_close(with_it - model(x), linear[..., None].expand(-1, -1, -1, 3))


@pytest.mark.parametrize("strategy", ["recursive", "encoder-decoder"])
def test_a_step_does_not_know_covariates_of_later_ones(strategy):
    model = build(strategy=strategy)
    x, future = batch()
    future.requires_grad_()
    for h in range(4):
        (gradient,) = torch.autograd.grad(model(x, None, future)[:, h].sum(), future)
        assert not gradient[:, h + 1 :].any()
        assert (gradient[:, : h + 1] != 0).all()


def test_pooling_sees_the_steps_of_each_row_alone():
    x, future = batch()
    lengths = torch.tensor([6, 2, 0])
    for pool in ("max", "mean"):
        model = build(encoder={"name": "convolution", "kernel_sizes": [2, 3], "channels": 3}, pool=pool)
        h, _ = model.encoder(x, lengths)
        whole = h[0].max(0).values if pool == "max" else h[0].mean(0)
        two = h[1, :2].max(0).values if pool == "max" else h[1, :2].mean(0)
        codes = torch.stack([whole, two, torch.zeros_like(two)])
        expected = model.head(torch.cat([codes, future.flatten(1)], 1)).view(3, 4, 2, 3)
        torch.testing.assert_close(model(x, lengths, future), expected)


def test_each_way_learns_a_wave():
    """A sine of period 8: every strategy gets far below the error of the mean."""
    t = torch.arange(200.0)
    windows = torch.sin(t * 2 * torch.pi / 8).unfold(0, 12, 1)
    x, y = windows[:, :8, None], windows[:, 8:, None]
    for strategy in ("direct", "recursive", "encoder-decoder"):
        torch.manual_seed(0)
        model = Forecaster(1, 4, 0, [0.5], {"name": "recurrent", "cell": "gru", "hidden": [8]}, strategy)
        optimizer = torch.optim.Adam(model.parameters(), 0.02)
        for _ in range(80):
            optimizer.zero_grad()
            loss = (model(x)[..., 0] - y).abs().mean()
            loss.backward()
            optimizer.step()
        assert loss.item() < 0.2 * float(y.abs().mean()), strategy


def test_what_does_not_go_together_is_refused():
    for arguments, path in (
        ({"strategy": "recursive", "encoder": {"name": "recurrent", "bidirectional": True}}, "strategy"),
        ({"strategy": "recursive", "encoder": {"name": "convolution"}}, "strategy"),
        ({"strategy": "recursive", "pool": "mean"}, "pool"),
        ({"decoder": "gru"}, "decoder"),
        ({"strategy": "recursive", "decoder": "gru"}, "decoder"),
        ({"quantiles": [0.1, 0.9]}, "quantiles"),
        ({"quantiles": [0.5, 0.1]}, "quantiles"),
    ):
        with pytest.raises(ArgumentError) as caught:
            build(**arguments)
        assert caught.value.path == (path,)
        assert caught.value.hint


def test_inputs_that_do_not_fit_are_refused():
    model, (x, future) = build(), batch()
    for call in (
        lambda: model(x),
        lambda: model(x, None, future[:, :2]),
        lambda: model(x[:, :, :2], None, future),
        lambda: build(highway=7)(x, None, future),
        lambda: build(highway=3)(x, torch.tensor([6, 2, 3]), future),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint


def test_the_code_is_where_each_row_ends():
    model, (x, future) = build(), batch()
    ends = torch.tensor([2, 6, 4])
    h, _ = model.encoder(x, ends)
    code = torch.cat([at(h, ends - 1), future.flatten(1)], 1)
    torch.testing.assert_close(model(x, ends, future), model.head(code).view(3, 4, 2, 3))
