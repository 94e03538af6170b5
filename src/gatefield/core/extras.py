"""Optional dependencies, asked for when they are needed and named when they are missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from .errors import MissingExtra


def installed(module: str) -> bool:
    """Whether ``module`` can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import ``module``, which comes with ``pip install 'gatefield[extra]'``.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or module).split(".")[0]  # of an incomplete installation, the part that is missing
        hint = f"pip install 'gatefield[{extra}]'"
        raise MissingExtra(f"{purpose} needs the package '{package}'", hint=hint) from None
