"""Every cell against a transcription of its paper's equations, with NumPy alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.ndimage import correlate

from gatefield.core.errors import ArgumentError
from gatefield.recurrent import (
    GRU,
    IRNN,
    LSTM,
    LSTM1997,
    ConvGRU,
    ConvLSTM,
    ConvRNN,
    CoupledLSTM,
    Elman,
    IndRNN,
    Jordan,
    LayerNormLSTM,
    LeakyRNN,
    MinimalGatedUnit,
    MultiplicativeLSTM,
    MultiplicativeRNN,
    OrthogonalRNN,
    PeepholeLSTM,
    ShallowRNN,
    SimplifiedGRU,
    SkipRNN,
    UnitaryRNN,
    initialize_recurrence,
    scan,
)

INPUTS, H, T = 3, 5, 6


def sigma(z):
    return 1 / (1 + np.exp(-z))


def numbers(cell):
    return {name: values.detach().numpy() for name, values in cell.state_dict().items()}


def check(cell, transcription, input_shape=(INPUTS,)):
    """Run one row through the cell and through ``transcription(p, x_t, state) -> state``."""
    torch.manual_seed(3)
    cell = cell.double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    x = torch.randn(T, 1, *input_shape, dtype=torch.float64)
    state = tuple(torch.randn(1, *shape, dtype=torch.float64) for shape in cell.state_shapes(input_shape).values())
    states, _ = scan(cell, x, state)
    p = numbers(cell)
    now = tuple(values[0].numpy() for values in state)
    for t in range(T):
        now = transcription(p, x[t, 0].numpy(), now)
        for values, expected in zip(states, now):
            np.testing.assert_allclose(values[t, 0].detach().numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("activation", "f"),
    [("tanh", np.tanh), ("relu", lambda z: np.maximum(z, 0)), ("sigmoid", sigma), ("identity", np.array)],
)
def test_elman(activation, f):
    check(Elman(INPUTS, H, activation), lambda p, x, s: (f(p["W"] @ x + p["U"] @ s[0] + p["b"]),))


def test_irnn():
    cell = IRNN(INPUTS, H, scale=0.5)
    assert torch.equal(cell.U, 0.5 * torch.eye(H))
    assert not cell.b.any()
    check(cell, lambda p, x, s: (np.maximum(0, p["W"] @ x + p["U"] @ s[0] + p["b"]),))


def test_jordan():
    def step(p, x, s):
        h = np.tanh(p["W"] @ x + p["U"] @ s[0] + p["b"])
        return (sigma(p["V"] @ h + p["b_y"]),)

    check(Jordan(INPUTS, H, 2, output_activation="sigmoid"), step)


def test_leaky():
    check(
        LeakyRNN(INPUTS, H, leak=0.3),
        lambda p, x, s: (0.7 * s[0] + 0.3 * np.tanh(p["W"] @ x + p["U"] @ s[0] + p["b"]),),
    )


@pytest.mark.parametrize("delay", [2, 3, 5])
def test_skip_through_time(delay):
    def step(p, x, s):
        h, past = s
        line = [h, *np.split(past, delay - 1)]
        new = np.tanh(p["W"] @ x + p["U"] @ h + p["U_d"] @ line[delay - 1] + p["b"])
        return new, np.concatenate(line[: delay - 1])

    check(SkipRNN(INPUTS, H, delay), step)


def test_independently_recurrent():
    check(IndRNN(INPUTS, H), lambda p, x, s: (np.maximum(0, p["W"] @ x + p["u"] * s[0] + p["b"]),))


@pytest.mark.parametrize("update", ["decks", "torch"])
@pytest.mark.parametrize("reset", ["before", "after"])
def test_gru(reset, update):
    def step(p, x, s):
        (h,) = s
        (W_r, W_z, W_n), (U_r, U_z, U_n), (b_r, b_z, b_n) = (np.split(p[k], 3) for k in "WUb")
        r = sigma(W_r @ x + U_r @ h + b_r)
        z = sigma(W_z @ x + U_z @ h + b_z)
        n = np.tanh(W_n @ x + b_n + (U_n @ (r * h) if reset == "before" else r * (U_n @ h + p["b_Un"])))
        return ((1 - z) * h + z * n if update == "decks" else z * h + (1 - z) * n,)

    check(GRU(INPUTS, H, reset, update), step)


def test_simplified_gru():
    def step(p, x, s):
        (c,) = s
        (W_c, W_u), (U_c, U_u), (b_c, b_u) = (np.split(p[k], 2) for k in "WUb")
        u = sigma(np.hstack([U_u, W_u]) @ np.concatenate([c, x]) + b_u)
        return (u * np.tanh(np.hstack([U_c, W_c]) @ np.concatenate([c, x]) + b_c) + (1 - u) * c,)

    check(SimplifiedGRU(INPUTS, H), step)


def test_minimal_gated_unit():
    def step(p, x, s):
        (h,) = s
        (W_f, W_h), (U_f, U_h), (b_f, b_h) = (np.split(p[k], 2) for k in "WUb")
        f = sigma(W_f @ x + U_f @ h + b_f)
        return ((1 - f) * h + f * np.tanh(W_h @ x + U_h @ (f * h) + b_h),)

    check(MinimalGatedUnit(INPUTS, H), step)


def _sums(p, x, h, gates):
    return [W @ x + U @ h + b for W, U, b in zip(*(np.split(p[k], gates) for k in "WUb"))]


def test_lstm():
    def step(p, x, s):
        h, c = s
        i, f, g, o = _sums(p, x, h, 4)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        return sigma(o) * np.tanh(c), c

    check(LSTM(INPUTS, H), step)


def test_forget_bias():
    assert torch.equal(LSTM(INPUTS, 2, forget_bias=1.5).b, torch.tensor([0, 0, 1.5, 1.5, 0, 0, 0, 0]))


def test_coupled():
    def step(p, x, s):
        h, C = s
        f, g, o = _sums(p, x, h, 3)
        C = sigma(f) * C + (1 - sigma(f)) * np.tanh(g)
        return sigma(o) * np.tanh(C), C

    check(CoupledLSTM(INPUTS, H), step)


@pytest.mark.parametrize("peephole", ["diagonal", "full"])
def test_peephole(peephole):
    """The full form is the slide's W_f [C, h, x]: one matrix on all three."""

    def step(p, x, s):
        h, C = s
        (W_i, W_f, W_C, W_o), (U_i, U_f, U_C, U_o), (b_i, b_f, b_C, b_o) = (np.split(p[k], 4) for k in "WUb")
        if peephole == "full":
            P_i, P_f = np.split(p["U_P"], 2)
            P_o = p["U_Po"]
        else:
            P_i, P_f, P_o = (np.diag(p[k]) for k in ("p_i", "p_f", "p_o"))
        seen = np.concatenate([C, h, x])
        i = sigma(np.hstack([P_i, U_i, W_i]) @ seen + b_i)
        f = sigma(np.hstack([P_f, U_f, W_f]) @ seen + b_f)
        C = f * C + i * np.tanh(np.hstack([U_C, W_C]) @ seen[H:] + b_C)
        o = sigma(np.hstack([P_o, U_o, W_o]) @ np.concatenate([C, h, x]) + b_o)
        return o * np.tanh(C), C

    check(PeepholeLSTM(INPUTS, H, peephole), step)


def test_layer_norm_lstm():
    def norm(z, gain, bias):
        return gain * (z - z.mean()) / np.sqrt(z.var() + 1e-5) + bias

    def step(p, x, s):
        h, c = s
        of_h = norm(p["U"] @ h, p["alpha_1"], p["beta_1"])
        of_x = norm(p["W"] @ x, p["alpha_2"], p["beta_2"])
        i, f, g, o = np.split(of_h + of_x + p["b"], 4)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        return sigma(o) * np.tanh(norm(c, p["alpha_3"], p["beta_3"])), c

    check(LayerNormLSTM(INPUTS, H), step)


def test_multiplicative_rnn():
    def step(p, x, s):
        U_of_x = p["U_hf"] @ np.diag(p["W_fx"] @ x) @ p["U_fh"]
        return (np.tanh(U_of_x @ s[0] + p["W_hx"] @ x + p["b"]),)

    check(MultiplicativeRNN(INPUTS, H, factors=4), step)


def test_multiplicative_lstm():
    def step(p, x, s):
        h, c = s
        i, f, g, o = _sums(p, x, (p["W_m"] @ x) * (p["U_m"] @ h), 4)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        return sigma(o) * np.tanh(c), c

    check(MultiplicativeLSTM(INPUTS, H), step)


def test_lstm1997():
    def step(p, x, s):
        y, memory = s
        net_in, net_out, net_c = _sums(p, x, y, 3)
        memory = memory + sigma(net_in) * (4 * sigma(net_c) - 2)
        return sigma(net_out) * (2 * sigma(memory) - 1), memory

    for truncate in (True, False):
        check(LSTM1997(INPUTS, H, truncate), step)


def test_the_truncated_gradient_of_1997():
    """Appendix A.1: errors reach weights through the output of the last step and, along the carousel, older ones."""
    torch.manual_seed(5)
    cell = LSTM1997(INPUTS, H).double()
    x = torch.randn(T, 1, INPUTS, dtype=torch.float64)
    states, _ = scan(cell, x, cell.initial_state(1, (INPUTS,), x.dtype, x.device))
    weights = torch.randn(T, H, dtype=torch.float64)
    (states[0][:, 0] * weights).sum().backward()

    p, e = numbers(cell), weights.numpy()
    y, s = np.zeros(H), np.zeros(H)
    d_in, d_c, d_out = (np.zeros((H, INPUTS + H + 1)) for _ in range(3))
    ds_in, ds_c = np.zeros((H, INPUTS + H + 1)), np.zeros((H, INPUTS + H + 1))  # d s / d w, carried forward
    for t in range(T):
        seen = np.concatenate([x[t, 0].numpy(), y, [1.0]])
        net_in, net_out, net_c = _sums(p, x[t, 0].numpy(), y, 3)
        y_in, y_out, s_c = sigma(net_in), sigma(net_out), sigma(net_c)
        ds_in = ds_in + np.outer(y_in * (1 - y_in) * (4 * s_c - 2), seen)
        ds_c = ds_c + np.outer(y_in * 4 * s_c * (1 - s_c), seen)
        s = s + y_in * (4 * s_c - 2)
        h = 2 * sigma(s) - 1
        slope = e[t] * y_out * 2 * sigma(s) * (1 - sigma(s))
        d_in += slope[:, None] * ds_in
        d_c += slope[:, None] * ds_c
        d_out += np.outer(e[t] * h * y_out * (1 - y_out), seen)
        y = y_out * h
    expected = np.concatenate([d_in, d_out, d_c])
    found = torch.cat([cell.W.grad, cell.U.grad, cell.b.grad.unsqueeze(1)], 1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_the_carousel_keeps_an_error_for_a_thousand_steps():
    """d s_T / d s_0 = 1 exactly, whatever the input; the gradient of an Elman net is long gone."""
    torch.manual_seed(0)
    cell = LSTM1997(INPUTS, H)
    y, s = cell.initial_state(1, (INPUTS,), torch.float32, torch.device("cpu"))
    s.requires_grad_()
    _, (_, end) = scan(cell, torch.randn(1000, 1, INPUTS), (y, s))
    (gradient,) = torch.autograd.grad(end.sum(), s)
    assert torch.equal(gradient, torch.ones(1, H))


def test_unitary():
    n = 4
    cell = UnitaryRNN(INPUTS, n)
    permutation = cell.permutation.numpy()

    def step(p, x, s):
        def reflection(v):
            v = v[:n] + 1j * v[n:]
            return np.eye(n) - 2 * np.outer(v, v.conj()) / np.vdot(v, v)

        F = np.exp(-2j * np.pi * np.outer(range(n), range(n)) / n) / np.sqrt(n)
        D_1, D_2, D_3 = (np.diag(np.exp(1j * p[k])) for k in ("D_1", "D_2", "D_3"))
        W = (
            D_3
            @ reflection(p["R_2"])
            @ np.linalg.inv(F)
            @ D_2
            @ np.eye(n)[permutation]
            @ reflection(p["R_1"])
            @ F
            @ D_1
        )
        np.testing.assert_allclose(W @ W.conj().T, np.eye(n), atol=1e-12)
        z = W @ (s[0][:n] + 1j * s[0][n:]) + p["V"][:n] @ x + 1j * (p["V"][n:] @ x)
        size = np.sqrt(abs(z) ** 2 + 1e-5)
        h = z / size * np.maximum(0, size + p["b"])
        return (np.concatenate([h.real, h.imag]),)

    check(cell, step)


def test_orthogonal():
    def step(p, x, s):
        z = p["W"] @ x + expm(p["A"] - p["A"].T) @ s[0]
        return (np.sign(z) * np.maximum(0, abs(z) + p["b"]),)

    check(OrthogonalRNN(INPUTS, H), step)


@pytest.mark.parametrize("kind", [UnitaryRNN, OrthogonalRNN])
def test_the_constraint_holds_over_training(kind):
    """200 steps of plain gradient descent in float32 leave the recurrent matrix on its manifold to 1e-5."""
    torch.manual_seed(0)
    cell = kind(2, 16)
    before = [parameter.detach().clone() for parameter in cell.parameters()]
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.05)
    x = torch.randn(8, 4, 2)
    for _ in range(200):
        states, _ = scan(cell, x, cell.initial_state(4, (2,), x.dtype, x.device))
        ((states[0][-1].sum(1) - x.sum((0, 2))) ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(cell.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    W = (cell.unitary() if kind is UnitaryRNN else cell.orthogonal()).detach()
    assert (W @ W.conj().T - torch.eye(16)).abs().max() < 1e-5
    assert all((parameter - old).abs().max() > 1e-3 for parameter, old in zip(cell.parameters(), before))


def _convolve(weight, x):
    """(out, in, ...) kernels on (in, ...) frames, zero outside the frame."""
    return np.stack([sum(correlate(x_i, k, mode="constant") for x_i, k in zip(x, kernels)) for kernels in weight])


def _bias(b, like):
    return b.reshape(-1, *(1,) * (like.ndim - 1))


FRAMES = [((3,), (4,)), ((3, 5), (3, 4)), ((1, 3, 3), (2, 3, 2))]


@pytest.mark.parametrize(("kernel_size", "size"), FRAMES)
@pytest.mark.parametrize("peepholes", [True, False])
def test_conv_lstm(kernel_size, size, peepholes):
    def step(p, x, s):
        h, c = s
        i, f, g, o = (
            _convolve(W, x) + _convolve(U, h) + _bias(b, x) for W, U, b in zip(*(np.split(p[k], 4) for k in "WUb"))
        )
        W_ci, W_cf, W_co = (p.get(k, 0) for k in ("W_ci", "W_cf", "W_co"))
        c_new = sigma(f + W_cf * c) * c + sigma(i + W_ci * c) * np.tanh(g)
        return sigma(o + W_co * c_new) * np.tanh(c_new), c_new

    check(ConvLSTM(2, 3, kernel_size, size if peepholes else None), step, (2, *size))


@pytest.mark.parametrize(("kernel_size", "size"), FRAMES)
def test_conv_gru(kernel_size, size):
    def step(p, x, s):
        (h,) = s
        (W_z, W_r, W), (U_z, U_r, U), (b_z, b_r, b) = (np.split(p[k], 3) for k in "WUb")
        z = sigma(_convolve(W_z, x) + _convolve(U_z, h) + _bias(b_z, x))
        r = sigma(_convolve(W_r, x) + _convolve(U_r, h) + _bias(b_r, x))
        return ((1 - z) * h + z * np.tanh(_convolve(W, x) + _convolve(U, r * h) + _bias(b, x)),)

    check(ConvGRU(2, 3, kernel_size), step, (2, *size))


@pytest.mark.parametrize(("kernel_size", "size"), FRAMES)
def test_conv_rnn(kernel_size, size):
    check(
        ConvRNN(2, 3, kernel_size),
        lambda p, x, s: (np.tanh(_convolve(p["W"], x) + _convolve(p["U"], s[0]) + _bias(p["b"], x)),),
        (2, *size),
    )


def test_kernels_and_sizes_that_do_not_fit():
    with pytest.raises(ArgumentError, match="odd lengths"):
        ConvGRU(1, 1, (2, 3))
    with pytest.raises(ArgumentError, match="for a kernel of 1 dimensions"):
        ConvLSTM(1, 1, (3,), (4, 4))


def test_a_shallow_network_becomes_recurrent():
    """S0: h = f(W_1 x) becomes h_t = f(W_1 x_t + W_0 h_{t-1}), and is the old net where nothing is remembered."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(INPUTS, H)
    cell = ShallowRNN.feeding_back(layer, torch.nn.Sigmoid())
    x = torch.randn(4, INPUTS)
    torch.testing.assert_close(cell.step(x, (torch.zeros(4, H),))[0], torch.sigmoid(layer(x)))
    W_0 = cell.network[0].weight[:, INPUTS:]
    torch.testing.assert_close(W_0 @ W_0.T, torch.eye(H))
    h = torch.randn(4, H)
    torch.testing.assert_close(cell.step(x, (h,))[0], torch.sigmoid(layer(x) + h @ W_0.T))


def test_a_network_that_does_not_fit_is_refused():
    with pytest.raises(ArgumentError, match="does not take"):
        ShallowRNN(torch.nn.Linear(4, 5), INPUTS, 5)
    with pytest.raises(ArgumentError, match=r"not to \(1, 4\)"):
        ShallowRNN(torch.nn.Linear(7, 5), INPUTS, 4)


@pytest.mark.parametrize("scheme", ["orthogonal", "xavier", "identity", "uniform"])
def test_initial_recurrent_matrices(scheme):
    torch.manual_seed(0)
    cell = PeepholeLSTM(INPUTS, 20, "full")
    W = cell.W.detach().clone()
    initialize_recurrence(cell, scheme)
    assert torch.equal(cell.W, W)
    for gate in (*cell.U.detach().split(20), *cell.U_P.detach().split(20), cell.U_Po.detach()):
        if scheme == "orthogonal":
            torch.testing.assert_close(gate @ gate.T, torch.eye(20), rtol=0, atol=1e-5)
        elif scheme == "identity":
            assert torch.equal(gate, torch.eye(20))
        else:
            bound = np.sqrt(6 / 40) if scheme == "xavier" else 1 / np.sqrt(20)
            assert 0.9 * bound < gate.abs().max() <= bound
