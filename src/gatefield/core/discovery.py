"""Find every reader, model, optimizer, task and command by walking its family's folder; there is no registry.

Adding a thing is adding a file: a class with a ``name`` of its own in the family's package is a member.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from dataclasses import dataclass, field
from typing import Any, Generic

from .configurable import Configurable, FamilyBase
from .errors import UnknownName, suggest


@dataclass(frozen=True)
class Entry:
    """One name of a family: the class it stands for and the arguments a preset fixes."""

    name: str
    cls: type[Any]
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """First line of the class's docstring; of a preset, what it fixes."""
        if self.arguments:
            fixed = ", ".join(f"{key}={value}" for key, value in self.arguments.items())
            return f"{self.cls.name} with {fixed}"
        return (inspect.getdoc(self.cls) or "").split("\n")[0]


class Family(Generic[FamilyBase]):
    """All final classes below ``base.package`` that derive from ``base``, by name."""

    def __init__(self, base: type[FamilyBase]) -> None:
        self.base = base
        self.entries: dict[str, Entry] = {}
        for cls in sorted(_classes(base), key=lambda cls: cls.name):
            self._add(Entry(cls.name, cls))
            for name, arguments in cls.__dict__.get("presets", {}).items():
                self._add(Entry(name, cls, dict(arguments)))

    def _add(self, entry: Entry) -> None:
        if entry.name in self.entries:
            other = self.entries[entry.name].cls
            raise ValueError(
                f"two {self.base.kind}s are named '{entry.name}': "
                f"{other.__module__}.{other.__name__} and {entry.cls.__module__}.{entry.cls.__name__}"
            )
        self.entries[entry.name] = entry

    @property
    def names(self) -> list[str]:
        return sorted(self.entries)

    @property
    def classes(self) -> list[type[FamilyBase]]:
        """Each class once, by its own name."""
        return [entry.cls for name, entry in sorted(self.entries.items()) if entry.cls.name == name]

    def find(self, name: str) -> Entry:
        """The entry called ``name``.

        Raises:
            UnknownName: no member has this name; the hint offers the nearest.
        """
        if not isinstance(name, str) or name not in self.entries:
            raise UnknownName(f"there is no {self.base.kind} named {name!r}", hint=suggest(str(name), self.names))
        return self.entries[name]


def family(base: type[FamilyBase]) -> Family[FamilyBase]:
    """The family of ``base``, walked once a process."""
    return _walked(base)


_walked = functools.cache(Family)


def _classes(base: type[Configurable]) -> set[type[Any]]:
    package = importlib.import_module(base.package)
    found = set()
    for module_info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        module = importlib.import_module(module_info.name)
        for cls in vars(module).values():
            own = inspect.isclass(cls) and cls.__module__ == module.__name__
            if own and issubclass(cls, base) and cls.__dict__.get("name"):
                found.add(cls)
    return found
