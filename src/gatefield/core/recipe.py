"""Recipes: YAML that names things and the arguments that differ from their defaults.

Every value remembers where it came from, so that a wrong one is reported with its file and line.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Iterable
from importlib import resources
from typing import Any, TypeVar

import yaml

from .configurable import Configurable
from .errors import ArgumentError, RecipeError, UnknownName, suggest

Path = tuple[str, ...]
Built = TypeVar("Built", bound=Configurable)

_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "null": (r"~|null|Null|NULL|", lambda text: None),
    "bool": (r"(?i:true|false|yes|no|on|off)", lambda text: text.lower() in ("true", "yes", "on")),
    "int": (r"[-+]?(0|[1-9](_?[0-9])*)", int),
    "float": (
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(?i:inf)|\.(?i:nan)",
        lambda text: float(re.sub(r"\.(?=[iInN])", "", text)),
    ),
}
"""What a word without quotes means: ``1e-3`` is a number, ``12:30``, ``010`` and dates are text, as people expect."""


class _Loader(yaml.SafeLoader):
    """YAML that says what it says: no anchors, aliases or tags, hence no cycles, no bombs and no objects."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 (inherited)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            problem = (
                "anchors (&), aliases (*) and tags (!) have no meaning in a recipe: write the setting out or quote it"
            )
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads back."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _kind, (_pattern, _) in _SCALARS.items():
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), None)


class Recipe:
    """A mapping of settings, and where each of them was written.

    Attributes:
        values: the nested settings.
        label: what the recipe is called in messages and default folder names.
        places: file and line, or command-line setting, of each key.
    """

    def __init__(self, values: dict[str, Any], label: str = "recipe", places: dict[Path, str] | None = None) -> None:
        self.values, self.label, self.places = values, label, places or {}

    @classmethod
    def load(cls, source: str | pathlib.Path) -> Recipe:
        """A recipe that ships with the package, by name, or a YAML file.

        Raises:
            RecipeError: no such recipe or file, or not valid YAML; names the line.
        """
        shipped = cls.shipped()
        if isinstance(source, str) and source in shipped:
            return cls.parse(shipped[source].read_text(encoding="utf-8"), source, f"recipe {source}")
        path = pathlib.Path(source)
        if not os.path.isfile(path):
            if path.suffix in (".yaml", ".yml"):
                hint = "check the path; 'gatefield list recipes' shows those that ship"
                raise RecipeError(f"there is no recipe file {path}", hint=hint)
            raise RecipeError(f"there is no recipe named '{source}'", hint=suggest(str(source), shipped))
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise RecipeError(f"cannot read {path}: {error.strerror}", hint="check the file's permissions") from None
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise RecipeError(f"{path}, line {line}: not UTF-8 text", hint="save the recipe as UTF-8") from None
        return cls.parse(text, path.stem, str(path))

    @staticmethod
    def shipped() -> dict[str, Any]:
        """Name -> file of the recipes in the package."""
        files = resources.files("gatefield.recipes").iterdir()
        return {file.name.removesuffix(".yaml"): file for file in files if file.name.endswith(".yaml")}

    @classmethod
    def parse(cls, text: str, label: str = "recipe", where: str = "recipe") -> Recipe:
        """The recipe in ``text``; ``where`` is what messages call it."""
        places: dict[Path, str] = {}
        values = _read(text, where, places)
        if values is not None and not isinstance(values, dict):
            raise RecipeError(f"{where}: a recipe is a mapping of settings", hint="write 'key: value' lines")
        return cls(values or {}, label, places)

    def override(self, settings: Iterable[str]) -> Recipe:
        """A copy with ``key.of.setting=value`` applied; values are read as YAML.

        Naming another member of a family (``model=mlp``) drops the arguments of the one before.

        Raises:
            RecipeError: a setting without ``=``, or a value that is not YAML.
        """
        values, places = self.values, dict(self.places)
        for setting in settings:
            where = f"command line, {setting}"
            key, _, text = setting.partition("=")
            path = tuple(key.split("."))
            if "=" not in setting or not all(path):
                hint = "write key=value, for example training.epochs=5"
                raise RecipeError(f"'{setting}' is not a setting", hint=hint)
            values = _assigned(values, path, _read(text, where, {}), where)
            made = {path[:length]: where for length in range(1, len(path))}  # unless something was there before
            kept = {old: place for old, place in places.items() if old[: len(path)] != path}
            places = made | kept | {path: where}
        return Recipe(values, self.label, places)

    def build(self, base: type[Built], **given: Any) -> Built:
        """The object of family ``base`` that the recipe describes.

        Raises:
            RecipeError: an unknown key, a wrong type or an impossible value; names the place and what is allowed.
        """
        try:
            return base.from_config({**self.values, **given})
        except ArgumentError as error:
            key = ".".join(error.path)
            place = self.place((*error.path, "name") if isinstance(error, UnknownName) else error.path)
            raise RecipeError(f"{place}: {key}{': ' if key else ''}{error.message}", hint=error.hint) from error

    def place(self, path: Path) -> str:
        """File and line, or the command-line setting, where ``path`` or the nearest thing above it was written."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.label

    def dump(self) -> str:
        """The recipe as YAML."""
        return yaml.dump(self.values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _read(text: str, where: str, places: dict[Path, str]) -> Any:
    """The plain value that the YAML ``text`` holds, noting in ``places`` the line of every key and item."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _construct(node, (), where, places)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        hint = "check indentation, colons, brackets and quotes there"
        raise RecipeError(f"{where}{line}: cannot be read: {problem}", hint=hint) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"character {ord(text[error.position]):#x} is not text"
        raise RecipeError(f"{where}, line {line}: {problem}", hint="save the recipe as plain text") from None
    except RecursionError:
        raise RecipeError(f"{where}: nested too deeply", hint="a recipe has a handful of levels") from None


def _construct(node: yaml.Node, path: Path, where: str, places: dict[Path, str]) -> Any:
    """The plain value of ``node``; a key written twice is an error."""
    place = f"{where}, line {node.start_mark.line + 1}"
    places.setdefault(path, place)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(item, (*path, str(i)), where, places) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, place = key_node.value, f"{where}, line {key_node.start_mark.line + 1}"
            if not isinstance(key, str):
                raise RecipeError(f"{place}: a list or mapping cannot be a key", hint="write 'key: value'")
            if key in values:
                raise RecipeError(f"{place}: '{key}' is written twice", hint="keep one of the two")
            places[(*path, key)] = place
            values[key] = _construct(value_node, (*path, key), where, places)
        return values
    kind = node.tag.removeprefix(_TAG)
    if kind == "str":
        return node.value
    try:
        return _SCALARS[kind][1](node.value)
    except ValueError:  # Python reads no whole number of more than 4300 digits
        raise RecipeError(f"{place}: a number of {len(node.value)} digits", hint="write a smaller number") from None


def _assigned(target: Any, path: Path, value: Any, where: str) -> Any:
    """``target`` with ``value`` at ``path``; the name of a thing (``lenet5``) becomes a mapping where it must."""
    if not path:
        return value
    key, below = path[0], path[1:]
    if isinstance(target, list):
        if not key.isdecimal() or int(key) >= len(target):
            problem = f"there is no item {key} in a list of {len(target)}"
            raise RecipeError(f"{where}: {problem}", hint="items count from 0")
        place = int(key)
        return [*target[:place], _assigned(target[place], below, value, where), *target[place + 1 :]]
    if isinstance(target, str):
        target = {"name": target}
    if target is not None and not isinstance(target, dict):
        problem = f"{target!r} has no setting '{key}'"
        raise RecipeError(f"{where}: {problem}", hint=f"shorten the key: leave out '.{'.'.join(path)}'")
    target = target or {}
    return {**target, key: _assigned(target.get(key), below, value, where)}
