"""Arguments of a network that task and data decide, so that a recipe need not and must not say them."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.configurable import Spec
from ..core.errors import ArgumentError
from ..models.model import Model


def require_derived(model: Spec[Model], keys: Sequence[str], cannot: str, known: str, settings: str) -> None:
    """Refuse a network that has no use for arguments the task gives, or that is given them already.

    Args:
        model: the network of a recipe.
        keys: the arguments.
        cannot: what a network without them does not do: "forecast".
        known: one that does.
        settings: of the task, from which the arguments follow.

    Raises:
        ArgumentError: names the network or the argument.
    """
    for key in keys:
        if key not in model.cls.signature():
            message = f"the model '{model.cls.name}' does not {cannot}"
            raise ArgumentError(message, hint=f"choose one that does: {known}", path=("model",))
        if key in model.arguments:
            hint = f"leave it out: set {settings} of the task"
            raise ArgumentError(f"'{key}' follows from task and data", hint=hint, path=("model", key))
