"""Shared libraries built for several instruction sets, and whether to use them."""

from __future__ import annotations

import ctypes
import importlib.machinery
import os
import pathlib
from collections.abc import Sequence
from typing import Literal, cast

from torch import Tensor, nn
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from .errors import InputError

#: How to compute: in native code, by torch operations, or in the plainest way that is right.
Engine = Literal["native", "torch", "reference"]
ENGINES: tuple[Engine, ...] = ("native", "torch", "reference")


def demanded_engine() -> Engine | None:
    """The engine that GATEFIELD_ENGINE demands; None leaves the choice to the library.

    Raises:
        InputError: it names none.
    """
    name = os.environ.get("GATEFIELD_ENGINE", "")
    if name and name not in ENGINES:
        raise InputError(f"GATEFIELD_ENGINE is '{name}'", hint=f"allowed are: {', '.join(ENGINES)}")
    return cast(Engine, name) if name else None


def has_memory(tensor: Tensor) -> bool:
    """Whether ``tensor`` lies in memory, and is no stand-in such as torch.func and torch.export make.

    Nor may a mode of torch look on, which counts or replaces operations: what native code does it would not see.
    """
    if type(tensor) not in (Tensor, nn.Parameter) or is_in_torch_dispatch_mode():  # a subclass may be anything
        return False
    try:
        return tensor.data_ptr() != 0 or tensor.numel() == 0
    except RuntimeError:
        return False


def supported(folder: pathlib.Path, levels: Sequence[str]) -> dict[str, pathlib.Path]:
    """The libraries in ``folder`` that this processor can run: level -> path, in the order of ``levels``.

    The file of level ``avx2`` is ``_avx2`` and whatever Python's extension modules end in. Every library answers
    ``int gatefield_processor()``: the place in ``levels`` of the best that this processor can run.
    """
    suffixes = importlib.machinery.EXTENSION_SUFFIXES
    places = {level: [folder / f"_{level.replace('-', '_')}{suffix}" for suffix in suffixes] for level in levels}
    found = {level: path for level, paths in places.items() for path in paths[::-1] if path.exists()}
    if not found:
        return {}
    best: int = ctypes.CDLL(str(next(iter(found.values())))).gatefield_processor()
    return {level: path for level, path in found.items() if level in levels[: best + 1]}
