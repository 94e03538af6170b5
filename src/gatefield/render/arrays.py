"""Numbers of any kind as arrays, so that figures can be drawn of tensors and lists alike."""

from __future__ import annotations

from typing import Any

import numpy


def as_array(values: Any) -> numpy.ndarray:
    """A tensor on any device and of any precision, an array, or a nested list, as an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() and values.element_size() < 4 else values
    return numpy.asarray(values)
