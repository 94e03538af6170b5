"""A small family of things in a temporary package, as the rooms of the library hold theirs."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

MODULES = {
    "base": """
        from typing import ClassVar
        from gatefield.core.configurable import Configurable

        class Shape(Configurable):
            kind: ClassVar[str] = "shape"
            package: ClassVar[str] = "SHAPES.members"
        """,
    "members/circle": """
        from SHAPES.base import Shape
        from gatefield.core.arguments import PositiveFloat

        class Circle(Shape):
            '''All points at one distance from a center.

            More of it.
            '''

            name = "circle"
            presets = {"unit-circle": {"radius": 1.0}, "wheel": {"radius": 0.3, "color": "black"}}

            def __init__(self, radius: PositiveFloat, color: str = "red") -> None:
                self.radius, self.color = radius, color
        """,
    "members/polygons/polygon": """
        from SHAPES.base import Shape

        class Polygon(Shape):
            '''Abstract: it has no name.'''
        """,
    "members/polygons/square": """
        from typing import Literal
        from SHAPES.members.circle import Circle
        from SHAPES.members.polygons.polygon import Polygon
        from SHAPES.base import Shape

        class Square(Polygon):
            '''Four equal sides.'''

            name = "square"

            def __init__(self, side: int | Literal["auto"] = "auto", inside: list[Shape] = ()) -> None:
                self.side, self.inside = side, inside

        class Anonymous(Square):
            '''A subclass with the inherited name is no member.'''
        """,
    "members/dot": """
        from SHAPES.base import Shape

        class Dot(Shape):
            '''Nothing to choose.'''

            name = "dot"
        """,
}


@pytest.fixture
def write_package(tmp_path, monkeypatch, request) -> Iterator:
    """``write_package(modules)`` makes an importable package of them and returns its name."""
    name = f"shapes_of_{abs(hash(request.node.nodeid))}"

    def write(modules: dict[str, str]) -> str:
        for path, source in modules.items():
            file = tmp_path / name / f"{path}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(source).replace("SHAPES", name))
        for folder in [tmp_path / name, *(tmp_path / name).rglob("*/")]:
            (folder / "__init__.py").touch()
        importlib.invalidate_caches()
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    yield write
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


@pytest.fixture
def shapes(write_package) -> SimpleNamespace:
    """The family: ``Shape`` (its base), ``Circle``, ``Square``, ``Polygon``, ``Dot`` and the package's ``name``."""
    name = write_package(MODULES)
    found = SimpleNamespace(name=name)
    for path, cls in [
        ("base", "Shape"),
        ("members.circle", "Circle"),
        ("members.polygons.polygon", "Polygon"),
        ("members.polygons.square", "Square"),
        ("members.dot", "Dot"),
    ]:
        setattr(found, cls, getattr(importlib.import_module(f"{name}.{path}"), cls))
    return found
