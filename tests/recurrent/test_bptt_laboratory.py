"""One gradient, five ways: by hand, unrolled for every t, forward in time, by autograd, by the engine."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from gatefield.recurrent import (
    GRU,
    LSTM,
    LSTM1997,
    ConvGRU,
    Elman,
    Jordan,
    OrthogonalRNN,
    Recurrent,
    VanillaRNN,
    gradient_by_autograd,
    gradient_by_hand,
    gradient_by_unrolling,
    jacobian_norms,
    omega,
    real_time_gradient,
    scan,
    step_jacobians,
)

DOUBLE = torch.float64
INPUTS, H, CLASSES, T, B = 3, 5, 4, 8, 3


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def net() -> VanillaRNN:
    shapes = [(H, INPUTS), (H, H), (CLASSES, H), (H,), (CLASSES,), (H,)]
    return VanillaRNN(*(0.7 * torch.randn(shape, dtype=DOUBLE) for shape in shapes))


@pytest.fixture
def data():
    return torch.randn(T, B, INPUTS, dtype=DOUBLE), torch.randint(CLASSES, (T, B))


def _elman(net) -> Elman:
    cell = Elman(INPUTS, H).double()
    cell.load_state_dict({"W": net.W_xh, "U": net.W_hh, "b": net.b_h})
    return cell


@pytest.mark.parametrize("find", [gradient_by_hand, gradient_by_unrolling])
@pytest.mark.parametrize("time", [0, 1, T])
def test_by_hand_and_by_algorithm_3(net, data, find, time):
    x, y = data[0][:time], data[1][:time]
    if not time:
        assert not any(gradient.any() for gradient in find(net, x, y))
        return
    for found, expected in zip(find(net, x, y), gradient_by_autograd(net, x, y)):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_forward_in_time(net, data):
    x, y = data
    expected = gradient_by_autograd(net, x, y)

    def loss(h, t):
        return F.cross_entropy(h @ net.W_hy.T + net.b_y, y[t], reduction="sum")

    total, found = real_time_gradient(_elman(net), x, (net.h_0.expand(B, -1),), loss)
    torch.testing.assert_close(total, net.loss(x, y))
    for name, right in (("W", expected.W_xh), ("U", expected.W_hh), ("b", expected.b_h)):
        torch.testing.assert_close(found[name], right, rtol=0, atol=1e-10)


@pytest.mark.parametrize("path", ["reference", ""])
def test_by_the_layer(net, data, path, monkeypatch):
    monkeypatch.setenv("GATEFIELD_ENGINE", path)
    x, y = data
    layer = Recurrent(_elman(net))
    h_0 = net.h_0.expand(B, -1).clone().requires_grad_()
    output, _ = layer(x.transpose(0, 1), [(h_0,)])
    F.cross_entropy((output @ net.W_hy.T + net.b_y).transpose(1, 2), y.T, reduction="sum").backward()
    expected = gradient_by_hand(net, x, y)
    cell = layer.directions[0].cell
    pairs = [(cell.W, expected.W_xh), (cell.U, expected.W_hh), (cell.b, expected.b_h)]
    for parameter, right in pairs:
        torch.testing.assert_close(parameter.grad, right, rtol=0, atol=1e-10)
    torch.testing.assert_close(h_0.grad.sum(0), expected.h_0, rtol=0, atol=1e-10)


CELLS = [
    (lambda: LSTM(2, 3), (2,)),
    (lambda: LSTM1997(2, 3), (2,)),
    (lambda: Jordan(2, 3, 2), (2,)),
    (lambda: ConvGRU(1, 2, (3,)), (1, 3)),
]


@pytest.mark.parametrize(("build", "shape"), CELLS, ids=["lstm", "lstm1997", "jordan", "conv-gru"])
def test_forward_in_time_is_backward_in_time_for_any_cell(build, shape):
    cell = build().double()
    x = torch.randn(5, 2, *shape, dtype=DOUBLE)
    state = tuple(torch.randn(2, *s, dtype=DOUBLE) for s in cell.state_shapes(shape).values())
    weights = torch.randn(5, *state[0].shape, dtype=DOUBLE)
    total, found = real_time_gradient(cell, x, state, lambda y, t: (y.tanh() * weights[t]).sum())
    states, _ = scan(cell, x, state)
    loss = (states[0].tanh() * weights).sum()
    loss.backward()
    torch.testing.assert_close(total, loss.detach())
    for name, parameter in cell.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=0, atol=1e-10)


def test_the_jacobian_over_a_lag_is_a_product():
    cell = LSTM(INPUTS, 4).double()
    x = torch.randn(6, 2, INPUTS, dtype=DOUBLE)
    state = tuple(torch.randn(2, 4, dtype=DOUBLE) for _ in range(2))
    lag, norm = jacobian_norms(cell, x, state)
    assert lag.tolist() == [1, 2, 3, 4, 5, 6]
    for row, steps in itertools.product(range(2), (1, 3, 6)):
        _, before = scan(cell, x[: 6 - steps], state)

        def end(values, row=row, steps=steps):
            _, final = scan(cell, x[6 - steps :, row : row + 1], tuple(v.unsqueeze(0) for v in values.chunk(2)))
            return torch.cat(final, 1)[0]

        whole = torch.autograd.functional.jacobian(end, torch.cat([s[row].detach() for s in before]))
        torch.testing.assert_close(norm[steps - 1, row], torch.linalg.matrix_norm(whole, 2))


def test_jacobians_of_no_steps():
    cell = GRU(INPUTS, 4)
    lag, norm = jacobian_norms(cell, torch.zeros(0, 2, INPUTS), (torch.zeros(2, 4),))
    assert lag.shape == (0,)
    assert norm.shape == (0, 2)


def test_gradients_vanish_explode_or_stay():
    """S4: small weights shrink a gradient exponentially, big ones grow it; an orthogonal matrix does neither (S2)."""
    x, h = torch.zeros(30, 1, 2, dtype=DOUBLE), (torch.zeros(1, 6, dtype=DOUBLE),)
    for size, expected in ((0.5, 0.5**30), (2.0, 2.0**30)):
        cell = Elman(2, 6).double()
        with torch.no_grad():
            cell.U.mul_(size)
        assert jacobian_norms(cell, x, h).norm[-1].item() == pytest.approx(expected, rel=1e-5)  # U from float32
    start = (torch.randn(1, 6, dtype=DOUBLE),)
    steady = jacobian_norms(OrthogonalRNN(2, 6).double(), x, start).norm
    torch.testing.assert_close(steady, torch.ones_like(steady))


def test_step_jacobians_of_frames():
    cell = ConvGRU(1, 2, (3,)).double()
    x, h = torch.randn(3, 2, 1, 4, dtype=DOUBLE), torch.randn(2, 2, 4, dtype=DOUBLE)
    J = step_jacobians(cell, x, (h,))
    expected = torch.autograd.functional.jacobian(lambda s: cell.step(x[0, :1], (s,))[0], h[:1])
    torch.testing.assert_close(J[0, 0], expected.reshape(8, 8))


def _omega_by_hand(cell, x, h, W):
    """Pascanu's sum for an Elman net and E = <W, h_T> + <W, h_1>, row by row, from explicit Jacobians."""
    states = [h, *scan(cell, x, (h,))[0][0]]
    J = step_jacobians(cell, x, (h,))
    rows = []
    for row in range(h.shape[0]):
        error, terms = W, []
        for k in range(len(x), 0, -1):
            back = error @ J[k - 1, row]
            terms.append((back.norm() / error.norm() - 1) ** 2)
            error = back + W if k == 2 else back
        rows.append(sum(terms))
    assert len(states) == len(x) + 1
    return torch.stack(rows).mean()


def test_pascanus_regularizer():
    cell = Elman(INPUTS, H).double()
    x, h = torch.randn(4, B, INPUTS, dtype=DOUBLE), torch.randn(B, H, dtype=DOUBLE)
    W = torch.randn(H, dtype=DOUBLE)
    found = omega(cell, x, (h,), lambda y: (y[-1] @ W).sum() + (y[0] @ W).sum())
    torch.testing.assert_close(found.detach(), _omega_by_hand(cell, x, h, W).detach())


class _Omega(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x, state):
        return omega(self.cell, x, state, lambda y: (y**2).sum())


@pytest.mark.parametrize(
    "build", [lambda: Elman(2, 3), lambda: LSTM(2, 2), lambda: GRU(2, 3)], ids=["rnn", "lstm", "gru"]
)
def test_the_regularizer_has_exact_derivatives(build):
    """gradcheck of Omega is a check of second derivatives of the net."""
    cell = build().double()
    x = torch.randn(3, 2, 2, dtype=DOUBLE, requires_grad=True)
    state = [torch.randn(2, cell.hidden_size, dtype=DOUBLE, requires_grad=True) for _ in cell.states]
    names = [f"cell.{name}" for name, _ in cell.named_parameters()]

    def penalty(x, *tensors):
        parameters = dict(zip(names, tensors[len(state) :]))
        return functional_call(_Omega(cell), parameters, (x, tensors[: len(state)]))

    assert torch.autograd.gradcheck(penalty, [x, *state, *cell.parameters()])


def test_the_regularizer_is_zero_where_errors_keep_their_size():
    cell = OrthogonalRNN(2, 6).double()
    h = torch.randn(2, 6, dtype=DOUBLE)
    x = torch.zeros(10, 2, 2, dtype=DOUBLE)
    assert omega(cell, x, (h,), lambda y: y[-1].sum()) < 1e-20
    assert omega(cell, x, (h,), lambda y: 0 * y.sum()) == 0
    assert omega(cell, x[:0], (h,), torch.sum) == 0


def test_training_with_the_regularizer_stops_the_gradient_from_vanishing():
    cell = Elman(2, 8).double()
    with torch.no_grad():
        cell.U.mul_(0.5)
    x, h = torch.randn(10, 4, 2, dtype=DOUBLE) * 0.1, (torch.zeros(4, 8, dtype=DOUBLE),)
    before = jacobian_norms(cell, x, h).norm[-1].mean()
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        omega(cell, x, h, lambda y: y[-1].sum()).backward()
        optimizer.step()
    assert jacobian_norms(cell, x, h).norm[-1].mean() > 20 * before
