"""Global random streams during training: derived anew for each update, so a resumed run needs no saved state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from ..core.seeding import derive


@contextlib.contextmanager
def borrowed_generators(device: torch.device) -> Iterator[None]:
    """Give torch's global generators back as they were when the block ends."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def seed_update(seed: int, epoch: int, batch: int, rank: int, device: torch.device) -> None:
    """Seed torch's global generators for the update that begins with mini-batch ``batch``: dropout and its like."""
    value = derive(seed, "update", epoch, batch, rank)
    torch.default_generator.manual_seed(value)  # torch.manual_seed would ask every device: a hundred times slower
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(value)
