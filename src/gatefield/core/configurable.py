"""Things whose constructor signature is their configuration: readers, models, optimizers, tasks.

A subclass writes an ordinary ``__init__`` with annotations and defaults. In return its arguments are checked
whenever it is built, are remembered as ``self.arguments``, can be written out (`config`) and read back
(`from_config`), from Python and from a recipe alike. Defaults therefore live in signatures and nowhere else.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import pathlib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

from .arguments import convert
from .errors import ArgumentError, suggest


class Configurable:
    """Base of everything that has a name in a recipe.

    Class attributes:
        kind: what the family is called in messages ("reader"); set by the family's base class.
        package: the package whose modules hold the family; set by the family's base class.
        name: the name in recipes and on the command line; a class without a name of its own is abstract.
        presets: further names for the same class, each with the arguments it fixes.
        reference: key of ``references.bib`` or catalogue row.
    """

    kind: ClassVar[str] = "thing"
    package: ClassVar[str] = ""
    name: ClassVar[str] = ""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    reference: ClassVar[str] = ""
    arguments: Mapping[str, Any] = types.MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _checked(cls.__init__)

    @classmethod
    def signature(cls) -> dict[str, tuple[Any, Any]]:
        """Name -> (annotation, default) of each constructor argument; ``inspect.Parameter.empty`` if required."""
        return dict(_annotations(cls.__init__))

    @classmethod
    def from_config(cls, config: Any, path: tuple[str, ...] = ()) -> Self:
        """The object that ``config`` describes: itself, a name, or a mapping of ``name`` and arguments."""
        if isinstance(config, cls):
            return config
        with _below(path):
            return Spec.from_config(config, (), cls).build()

    def config(self) -> dict[str, Any]:
        """Name and arguments as plain values, so that ``from_config(config())`` builds an equal object."""
        named = {"name": self.name} if self.name else {}
        return named | {key: plain(value) for key, value in self.arguments.items()}


DEFAULTS: Any = types.MappingProxyType({})
"""Default of an argument that is itself configurable: everything at its own default."""


def named(name: str) -> Any:
    """Default of an argument that is itself configurable: the thing called ``name``, at its own defaults."""
    return name


FamilyBase = TypeVar("FamilyBase", bound=Configurable)


class Spec(Generic[FamilyBase]):
    """A class and the arguments chosen so far; `build` adds those that only the data can tell.

    A task takes ``model: Spec[Model]``: the recipe says which model and how wide, the data set how many classes.
    """

    def __init__(self, cls: type[FamilyBase], preset: str | None = None, /, **arguments: Any) -> None:
        self.cls, self.preset = cls, preset or cls.name
        known = cls.signature()
        for key in arguments:
            if key not in known:
                raise ArgumentError(f"{self._title} has no argument '{key}'", hint=suggest(key, known), path=(key,))
        self.arguments = {key: _settle(key, value, *known[key]) for key, value in arguments.items()}

    @property
    def _title(self) -> str:
        return f"{self.cls.kind} '{self.preset}'" if self.preset else self.cls.kind

    @classmethod
    def from_config(cls, config: Any, path: tuple[str, ...] = (), base: Any = Configurable) -> Spec[Any]:
        """A spec from a name, a mapping with ``name``, a class of the family, or a spec."""
        from .discovery import family

        if isinstance(config, Spec) and issubclass(config.cls, base):
            return config
        if isinstance(config, type) and issubclass(config, base):
            return Spec(config)
        if isinstance(config, str) and base.package:
            config = {"name": config}
        if not isinstance(config, Mapping):
            name = f"the name of the {base.kind}, or " if base.package else ""
            hint = f"give {name}a mapping with its arguments"
            raise ArgumentError(f"{config!r} does not describe the {base.kind}", hint=hint, path=path)
        with _below(path):
            if not base.package:
                return Spec(base, **config)
            arguments, members = dict(config), family(base)
            if "name" not in arguments:
                raise ArgumentError(f"this {base.kind} has no name", hint=f"add 'name'; {suggest('', members.names)}")
            entry = members.find(arguments.pop("name"))
            return Spec(entry.cls, entry.name, **{**entry.arguments, **arguments})

    def build(self, **given: Any) -> FamilyBase:
        """The object, with ``given`` for what the recipe left open: what it does not name, or gives as None."""
        known = self.cls.signature()
        chosen = {key: value for key, value in self.arguments.items() if value is not None or key not in given}
        arguments = {key: value for key, value in given.items() if key in known} | chosen
        missing = [key for key, (_, default) in known.items() if default is _EMPTY and key not in arguments]
        if missing:
            hint = f"add '{missing[0]}' to the {self.cls.kind}"
            raise ArgumentError(f"{self._title} needs '{missing[0]}'", hint=hint)
        return self.cls(**arguments)

    def config(self) -> dict[str, Any]:
        """Name and arguments, with the defaults of those arguments that have one."""
        settled = {
            key: _settle(key, self.arguments.get(key, default), annotation, default)
            for key, (annotation, default) in self.cls.signature().items()
            if key in self.arguments or default is not _EMPTY
        }
        named = {"name": self.cls.name} if self.cls.name else {}
        return named | {key: plain(value) for key, value in settled.items()}


_EMPTY = inspect.Parameter.empty


def plain(value: Any) -> Any:
    """``value`` as YAML and JSON can hold it."""
    if isinstance(value, (Configurable, Spec)):
        return value.config()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, pathlib.Path):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    kind = getattr(value, "__qualname__", type(value).__name__)
    raise ArgumentError(
        f"{kind} cannot be written into a recipe", hint="use a named object of the library, or do not save this run"
    )


@functools.cache
def _annotations(constructor: Any) -> tuple[tuple[str, tuple[Any, Any]], ...]:
    function = inspect.unwrap(constructor)
    hints = typing.get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    return tuple(
        (key, (hints.get(key, Any), parameter.default))
        for key, parameter in list(signature.parameters.items())[1:]
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    )


def _settle(key: str, value: Any, annotation: Any, default: Any) -> Any:
    """``value`` as the argument ``key`` wants it; a mapping that names nothing is about the thing named by default."""
    if isinstance(value, Mapping) and "name" not in value and isinstance(default, str):
        value = {"name": default, **value}
    return convert(value, annotation, (key,))


@contextlib.contextmanager
def _below(path: tuple[str, ...]) -> Iterator[None]:
    """Errors in the block are about something that lies at ``path``."""
    try:
        yield
    except ArgumentError as error:
        error.path = (*path, *error.path)
        raise


def _checked(constructor: Any) -> Any:
    """``constructor`` with its arguments checked, converted and remembered; inner constructors pass through."""

    @functools.wraps(constructor)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        if "arguments" in self.__dict__:
            constructor(self, *args, **kwargs)
            return
        bound = inspect.signature(constructor).bind(self, *args, **kwargs)
        bound.apply_defaults()
        known = dict(_annotations(constructor))
        given = list(bound.arguments.items())[1:]
        self.__dict__["arguments"] = {key: _settle(key, value, *known[key]) for key, value in given}
        constructor(self, **self.arguments)

    return construct
