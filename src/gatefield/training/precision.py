"""Mixed precision: which type the forward pass computes in, and the loss scaling that float16 needs."""

from __future__ import annotations

from typing import Literal

import torch

from ..core.errors import ArgumentError

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def compute_type(precision: Literal["float32", "bfloat16", "float16"], device: torch.device) -> torch.dtype:
    """The type of the forward pass; float32 stands for the type of the weights, whichever that is.

    Raises:
        ArgumentError: float16 where there is no fast float16 arithmetic.
    """
    if precision == "float16" and device.type != "cuda":
        raise ArgumentError(
            f"precision 'float16' needs a CUDA device, and this is '{device.type}'",
            hint="use bfloat16 or float32",
            path=("precision",),
        )
    return _TYPES[precision]


def gradient_scaler(dtype: torch.dtype, device: torch.device) -> torch.amp.GradScaler:
    """The scaler that keeps small float16 gradients from vanishing; for other types it changes nothing."""
    return torch.amp.GradScaler(device.type, enabled=dtype is torch.float16)
