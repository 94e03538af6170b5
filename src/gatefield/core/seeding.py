"""Random streams that depend on a seed and on where we are, and on nothing that ran before."""

from __future__ import annotations

import hashlib
import json
import random

import numpy
import torch


def derive(seed: int, *stream: int | str) -> int:
    """A 63-bit seed for the stream ``(seed, *stream)``; different streams are independent."""
    text = json.dumps((seed, *stream))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, *stream: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh generator for the stream ``(seed, *stream)``, for example ``(seed, "order", epoch)``."""
    return torch.Generator(device=device).manual_seed(derive(seed, *stream))


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators, on every device."""
    random.seed(seed)
    numpy.random.seed(seed % 2**32)  # noqa: NPY002 (the global generator is what is to be seeded)
    torch.manual_seed(seed % 2**63)
