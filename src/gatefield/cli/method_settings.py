"""``--set KEY=VALUE``: the arguments of a method, written and read as the settings of a recipe are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import click

from ..core.errors import ArgumentError, InputError, RecipeError

set_option = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="An argument of the method; again for another. A wrong KEY is told the nearest.",
)


class MethodSettings:
    """A method and the arguments that a person sets.

    Args:
        name: of the method; None: whatever is the default.
        settings: ``key=value``.

    Attributes:
        config: the method as recipes write it.

    Raises:
        RecipeError: a setting without ``=``, or a value that is not YAML.
        InputError: a setting that names another method.
    """

    def __init__(self, name: str | None, settings: Sequence[str]) -> None:
        from ..core.recipe import Recipe  # reads YAML, which help needs not

        self._recipe = Recipe({}).override(settings)
        if "name" in self._recipe.values:
            hint = "write --method NAME; --set is for its arguments"
            raise InputError("--set name=... names another method", hint=hint)
        self.config: dict[str, Any] = ({} if name is None else {"name": name}) | self._recipe.values

    @contextlib.contextmanager
    def cited(self) -> Iterator[None]:
        """Errors in the block that are about a setting say which.

        Raises:
            RecipeError: an unknown key, a wrong type or an impossible value; names the setting.
        """
        try:
            yield
        except ArgumentError as error:
            if not error.path or error.path[0] not in self._recipe.values:
                raise
            raise RecipeError(f"{self._recipe.place(error.path)}: {error.message}", hint=error.hint) from error
