"""What a read-out that is solved for shall answer: numbers, or classes by number."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InputError


def read_out_targets(y: Tensor, shape: tuple[int, ...], classes: int, elsewhere: int) -> Tensor:
    """``y`` as numbers, (*shape, classes).

    Args:
        y: (*shape, classes), or classes by number, int64 of that ``shape``: they become 1 at the class.
        shape: of what is answered.
        classes: numbers of an answer.
        elsewhere: what stands at the other classes.

    Raises:
        InputError: another shape, or a class that is not there.
    """
    if y.dtype == torch.int64 and y.shape == shape:
        if y.numel() and not 0 <= int(y.min()) <= int(y.max()) < classes:
            message = f"classes run from {int(y.min())} to {int(y.max())}, the read-out has {classes}"
            raise InputError(message, hint=f"give classes from 0 to {classes - 1}")
        y = (1 - elsewhere) * F.one_hot(y, classes) + elsewhere
    if y.shape != (*shape, classes):
        wanted = ", ".join(map(str, (*shape, classes)))
        raise InputError(f"y has the shape {tuple(y.shape)}", hint=f"give ({wanted}), or classes by number, int64")
    return y
