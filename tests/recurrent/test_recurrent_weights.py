"""Weights to and from torch (with torch's own layers as the oracle) and the layouts of Keras (against NumPy)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gatefield.core.errors import ArgumentError, InputError
from gatefield.recurrent import GRU, IRNN, LSTM, Elman, Recurrent, from_torch, keras_weights, load_keras, scan, to_torch

KINDS = [(nn.LSTM, {}), (nn.GRU, {}), (nn.RNN, {"nonlinearity": "tanh"}), (nn.RNN, {"nonlinearity": "relu"})]


def _compare(module, layer, tolerance, lengths=(4, 7, 1)):
    """Outputs, last states and gradients on rows of different lengths, by torch's packed sequences."""
    x = torch.randn(len(lengths), 7, module.input_size, dtype=module.weight_ih_l0.dtype)
    xs = [x.clone().requires_grad_() for _ in range(2)]
    time_first = xs[0] if module.batch_first else xs[0].transpose(0, 1)
    packed = nn.utils.rnn.pack_padded_sequence(
        time_first, torch.tensor(lengths), batch_first=module.batch_first, enforce_sorted=False
    )
    packed_output, states = module(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(packed_output, batch_first=True, total_length=7)
    output, state = layer(xs[1], lengths=lengths)
    torch.testing.assert_close(output, expected, rtol=0, atol=tolerance)
    for k, values in enumerate(states if isinstance(states, tuple) else [states]):
        found = torch.stack([level[k] for level in state])
        torch.testing.assert_close(found, values, rtol=0, atol=tolerance)
    weights = torch.randn_like(expected)
    for result in (output, expected):
        (result * weights).sum().backward()
    torch.testing.assert_close(xs[1].grad, xs[0].grad, rtol=0, atol=10 * tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (3, True)])
@pytest.mark.parametrize(("kind", "options"), KINDS, ids=["lstm", "gru", "tanh", "relu"])
def test_a_layer_of_torch(kind, options, layers, bidirectional, dtype):
    torch.manual_seed(0)
    module = kind(3, 5, layers, bidirectional=bidirectional, batch_first=True, **options).to(dtype)
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    layer = from_torch(module)
    _compare(module, layer, tolerance)
    back = to_torch(layer)
    assert type(back) is kind
    _compare(back, layer, tolerance)


def test_gradients_of_weights_are_those_of_torch():
    torch.manual_seed(0)
    module = nn.LSTM(3, 5, batch_first=True).double()
    layer = from_torch(module)
    x = torch.randn(4, 9, 3, dtype=torch.float64)
    for one in (module, layer):
        one(x)[0].pow(2).sum().backward()
    cell = layer.directions[0].cell
    for found, expected in ((cell.W, module.weight_ih_l0), (cell.U, module.weight_hh_l0), (cell.b, module.bias_ih_l0)):
        torch.testing.assert_close(found.grad, expected.grad, rtol=0, atol=1e-10)


def test_a_layer_without_biases_and_with_time_first():
    torch.manual_seed(0)
    module = nn.GRU(3, 4, bias=False).double()
    _compare(module, from_torch(module), 1e-12)


def test_dropout_and_mode_are_kept():
    module = nn.LSTM(3, 4, 2, dropout=0.25).eval()
    layer = from_torch(module)
    assert (layer.dropout, layer.training) == (0.25, False)
    back = to_torch(layer)
    assert (back.dropout, back.training, back.num_layers) == (0.25, False, 2)


def test_the_decks_update_gate_is_torchs_with_the_other_sign():
    torch.manual_seed(0)
    layer = Recurrent(GRU(3, 4, reset="after", update="decks")).double()
    nn.init.normal_(layer.directions[0].cell.b)
    _compare(to_torch(layer), layer, 1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: to_torch(Recurrent(IRNN(3, 4))), "no layer like IRNN"),
        (lambda: to_torch(Recurrent(GRU(3, 4))), "no layer like GRU"),
        (lambda: to_torch(Recurrent([LSTM(3, 4), LSTM(4, 5)])), "levels of different sizes"),
        (lambda: to_torch(Recurrent([LSTM(3, 4), Elman(4, 4)])), "cells of different kinds"),
        (lambda: to_torch(Recurrent([LSTM(3, 4), nn.Tanh()])), "levels that are no cells"),
        (lambda: to_torch(Recurrent(LSTM(3, 4), zoneout=0.1)), "zoneout"),
        (lambda: to_torch(Recurrent(LSTM(3, 4), initial_state="learned")), "initial state"),
        (lambda: from_torch(nn.LSTM(3, 4, proj_size=2)), "projects its state to 2"),
    ],
)
def test_what_torch_does_not_have(build, message):
    with pytest.raises(ArgumentError, match=message):
        build()


def sigma(z):
    return 1 / (1 + np.exp(-z))


def keras_lstm(x, h, c, kernel, recurrent, bias):
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, -1)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def keras_gru(x, h, kernel, recurrent, bias):
    """Keras: gates z, r, h; with a bias of two rows, reset_after."""
    units = h.shape[-1]
    x_z, x_r, x_h = np.split(x @ kernel + (bias if bias.ndim == 1 else bias[0]), 3, -1)
    if bias.ndim == 2:
        h_z, h_r, h_h = np.split(h @ recurrent + bias[1], 3, -1)
        z, r = sigma(x_z + h_z), sigma(x_r + h_r)
        candidate = np.tanh(x_h + r * h_h)
    else:
        h_z, h_r = np.split(h @ recurrent[:, : 2 * units], 2, -1)
        z, r = sigma(x_z + h_z), sigma(x_r + h_r)
        candidate = np.tanh(x_h + (r * h) @ recurrent[:, 2 * units :])
    return (z * h + (1 - z) * candidate,)


def keras_simple(x, h, kernel, recurrent, bias):
    return (np.tanh(x @ kernel + h @ recurrent + bias),)


KERAS = [
    (LSTM(3, 4), keras_lstm, 4, (16,)),
    (GRU(3, 4, "before", "decks"), keras_gru, 3, (12,)),
    (GRU(3, 4, "before", "torch"), keras_gru, 3, (12,)),
    (GRU(3, 4, "after", "decks"), keras_gru, 3, (2, 12)),
    (GRU(3, 4, "after", "torch"), keras_gru, 3, (2, 12)),
    (Elman(3, 4), keras_simple, 1, (4,)),
]


@pytest.mark.parametrize(
    ("cell", "transcription", "gates", "bias"), KERAS, ids=lambda part: str(getattr(part, "arguments", ""))
)
def test_weights_of_keras(cell, transcription, gates, bias):
    generator = np.random.default_rng(0)
    cell = cell.double()
    weights = [generator.normal(size=shape) for shape in ((3, 4 * gates), (4, 4 * gates), bias)]
    load_keras(cell, weights)
    x = generator.normal(size=(6, 2, 3))
    state = cell.initial_state(2, (3,), torch.float64, torch.device("cpu"))
    states, _ = scan(cell, torch.from_numpy(x), state)
    now = tuple(values.numpy() for values in state)
    for t in range(6):
        now = transcription(x[t], *now, *weights)
        np.testing.assert_allclose(states[0][t].detach().numpy(), now[0], rtol=0, atol=1e-12)
    again = [array.copy() for array in keras_weights(cell)]
    twin = type(cell)(**cell.arguments).double()
    load_keras(twin, again)
    for values, expected in zip(scan(twin, torch.from_numpy(x), state)[0], states):
        torch.testing.assert_close(values, expected, rtol=0, atol=1e-12)
    for array, expected in zip(again[:2], weights[:2]):
        np.testing.assert_array_equal(array, expected)


def test_a_keras_layer_without_bias():
    cell = LSTM(3, 4)
    kernel, recurrent, bias = keras_weights(cell)
    load_keras(cell, [kernel, recurrent])
    assert not cell.b.any()
    assert bias[4:8].tolist() == [1, 1, 1, 1]


def test_keras_weights_that_do_not_fit():
    with pytest.raises(InputError, match=r"\(2, 12\)"):
        load_keras(GRU(3, 4), keras_weights(GRU(3, 4, reset="after")))
    with pytest.raises(ArgumentError, match="no layer like IRNN"):
        keras_weights(IRNN(3, 4))
