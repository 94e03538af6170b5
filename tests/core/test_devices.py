"""Devices by name; a machine without one says which it has."""

from __future__ import annotations

import pytest
import torch

from gatefield.core import devices
from gatefield.core.errors import InputError


@pytest.fixture
def machine(monkeypatch):
    """``machine(cuda, mps)`` pretends to have so many CUDA devices, and Apple's."""

    def pretend(cuda: int, mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


def test_fastest_first(machine):
    machine(2, True)
    assert devices.available() == ["cuda:0", "cuda:1", "mps", "cpu"]


@pytest.mark.parametrize(
    ("cuda", "mps", "name", "expected"),
    [
        (0, False, "auto", "cpu"),
        (2, False, "auto", "cuda:0"),
        (0, True, "auto", "mps"),
        (2, False, "cuda", "cuda:0"),
        (2, False, "cuda:1", "cuda:1"),
        (2, False, "cpu", "cpu"),
        (0, False, "cpu:0", "cpu"),
        (0, True, "mps:0", "mps"),
        (1, False, torch.device("cuda"), "cuda:0"),
        (0, False, torch.device("cpu"), "cpu"),
    ],
)
def test_resolve(machine, cuda, mps, name, expected):
    machine(cuda, mps)
    assert devices.resolve(name) == torch.device(expected)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "gpu", "", "cpu:1"])
def test_a_device_that_is_not_here(machine, name):
    machine(0, False)
    with pytest.raises(InputError) as caught:
        devices.resolve(name)
    assert caught.value.message == f"there is no device '{name}' on this machine"
    assert caught.value.hint == "available are: auto, cpu"
    assert caught.value.exit_code == 2
