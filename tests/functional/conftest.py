"""Draws the same numbers in every run."""

from __future__ import annotations

import pytest
import torch

from gatefield.functional import native


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(params=list(native.libraries()))
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Native code of each instruction set in turn, and nothing else."""
    library = native.libraries()[request.param]
    monkeypatch.setattr(native, "library", lambda: library)
    monkeypatch.setenv("GATEFIELD_ENGINE", "native")
    return request.param
