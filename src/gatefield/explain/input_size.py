"""Inputs of another size than a network was built for: it fails somewhere inside, and this says why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn

from ..core.errors import InputError
from ..functional.layer_outputs import Inputs


@contextlib.contextmanager
def told_of_size(model: nn.Module, inputs: Inputs) -> Iterator[None]:
    """Inside the block, what ``model`` cannot compute of inputs that are not as it was built for is told as that.

    Networks that take any size, as those with global pooling, do not fail and are left alone.

    Raises:
        InputError: in place of torch's own error; names both sizes.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        built = tuple(getattr(model, "arguments", {}).get("input_shape", ()))
        given = tuple((inputs[0] if isinstance(inputs, tuple) else inputs).shape[1:])
        if not built or given == built:
            raise
        message = f"the network is built for inputs of shape {built}, and these are of shape {given}"
        raise InputError(message, hint="bring them to its size, as the run's own inputs were prepared") from error
