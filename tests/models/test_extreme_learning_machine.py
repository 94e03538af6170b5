"""The extreme learning machine against its papers."""

from __future__ import annotations

import numpy
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from gatefield.core.errors import InputError
from gatefield.models.reservoir.extreme_learning_machine import ExtremeLearningMachine


def build(**arguments) -> ExtremeLearningMachine:
    torch.manual_seed(0)
    return ExtremeLearningMachine(**{"input_shape": [3], "classes": 1, "units": 20, "output": "linear"} | arguments)


def samples(count: int = 80) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(count, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x, (6 * x[:, :1]).sin() * x[:, 1:2] + x[:, 2:]


def test_is_the_equation_of_the_paper():
    """Huang et al. (2012), equation 32, in NumPy."""
    machine, (x, y) = build(beta=0.01).double(), samples()
    machine.fit(x, y)
    W, b = machine.W.numpy(), machine.b.numpy()
    H = 1 / (1 + numpy.exp(-(x.numpy() @ W.T + b)))
    expected = numpy.linalg.solve(0.01 * numpy.eye(20) + H.T @ H, H.T @ y.numpy())
    assert numpy.abs(machine.read_out.weight.detach().numpy().T - expected).max() < 1e-8


def test_parts_are_the_recursion_of_liang():
    """Liang et al. (2006), equations 19 and 27: P and beta part by part, from P_0 = (beta I)^-1."""
    machine, (x, y) = build(beta=0.01).double(), samples()
    P, solution = numpy.eye(20) / 0.01, numpy.zeros((20, 1))
    for start in range(0, 80, 16):
        part, wanted = x[start : start + 16], y[start : start + 16]
        machine.add(part, wanted)
        H = machine.hidden(part).numpy()
        P = P - P @ H.T @ numpy.linalg.solve(numpy.eye(16) + H @ P @ H.T, H @ P)
        solution = solution + P @ H.T @ (wanted.numpy() - H @ solution)
        assert numpy.abs(machine.read_out.weight.detach().numpy().T - solution).max() < 1e-6
    again = build(beta=0.01).double()
    again.fit(x, y)
    torch.testing.assert_close(again.read_out.weight, machine.read_out.weight, rtol=1e-8, atol=1e-10)


def test_as_many_units_as_samples_interpolate():
    """Huang et al. (2006), theorem 2.1."""
    machine, (x, y) = build(units=40, beta=1e-12, activation="sine", input_scale=30.0).double(), samples(40)
    machine.fit(x, y)
    assert (machine(x) - y).abs().max() < 1e-4


def test_digits_of_scikit_learn():
    images, labels = load_digits(return_X_y=True)
    scores = []
    for seed in range(5):
        parts = train_test_split(images / 16, labels, test_size=0.25, random_state=seed, stratify=labels)
        train, test = (torch.from_numpy(part).float() for part in parts[:2])
        train_labels, test_labels = map(torch.from_numpy, parts[2:])
        torch.manual_seed(seed)
        machine = ExtremeLearningMachine([64], 10)
        machine.fit(train, train_labels)
        scores.append((machine(test).argmax(1) == test_labels).double().mean().item())
    assert sorted(scores)[2] >= 0.97


def test_bad_input():
    machine, (x, y) = build(), samples()
    classifier = build(classes=3)
    for call, message in (
        (lambda: machine.fit(x[:, :2], y), "shape"),
        (lambda: machine(x.float()[:, :2]), "shape"),
        (lambda: machine.fit(x, y[:, 0]), "shape"),
        (lambda: machine.fit(x / 0, y), "NaN"),
        (lambda: machine.fit(x, y * torch.nan), "NaN"),
        (lambda: machine.fit(x[:0], y[:0]), "no samples"),
        (lambda: classifier.fit(x, torch.full((80,), 3)), "classes run from 3 to 3"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            call()
        assert caught.value.hint
    with pytest.raises(InputError, match="singular"):
        build(beta=0.0, units=200).fit(x, y)
