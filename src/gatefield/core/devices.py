"""Which device to compute on."""

from __future__ import annotations

import torch

from .errors import InputError


def available() -> list[str]:
    """Names that `resolve` accepts here, fastest first."""
    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def resolve(name: str | torch.device = "auto") -> torch.device:
    """The device called ``name``; ``auto`` is the first accelerator, or the processor.

    Raises:
        InputError: this machine has no such device.
    """
    names = available()
    name = str(name)
    if name == "auto":
        return torch.device(names[0])
    for spelling in (name, f"{name}:0", name.removesuffix(":0")):  # cuda is cuda:0, and cpu:0 is cpu
        if spelling in names:
            return torch.device(spelling)
    hint = f"available are: auto, {', '.join(names)}"
    raise InputError(f"there is no device '{name}' on this machine", hint=hint)
