"""Members are found by walking a folder: final classes and presets, no abstract ones, no name twice."""

from __future__ import annotations

import importlib

import pytest

from gatefield.core.discovery import Family, family
from gatefield.core.errors import UnknownName


def test_members_are_the_named_classes_and_their_presets(shapes):
    found = Family(shapes.Shape)
    assert found.names == ["circle", "dot", "square", "unit-circle", "wheel"]
    assert found.classes == [shapes.Circle, shapes.Dot, shapes.Square]
    assert found.find("wheel").cls is shapes.Circle
    assert found.find("wheel").arguments == {"radius": 0.3, "color": "black"}


def test_the_summary_is_the_first_sentence(shapes):
    assert Family(shapes.Shape).find("circle").summary == "All points at one distance from a center."


def test_a_branch_of_a_family_has_its_own_members_only(shapes):
    assert Family(shapes.Polygon).names == ["square"]


def test_a_family_is_walked_once(shapes):
    assert family(shapes.Shape) is family(shapes.Shape)


@pytest.mark.parametrize(
    ("name", "nearest"), [("squre", "square"), ("Circle", "circle"), ("unit_circle", "unit-circle")]
)
def test_an_unknown_name_is_answered_with_the_nearest(shapes, name, nearest):
    with pytest.raises(UnknownName) as caught:
        Family(shapes.Shape).find(name)
    assert caught.value.message == f"there is no shape named '{name}'"
    assert caught.value.hint == f"did you mean '{nearest}'? allowed are: circle, dot, square, unit-circle, wheel"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", [[1], {"a": 1}, None, 3])
def test_what_is_no_name_at_all_is_unknown(shapes, name):
    with pytest.raises(UnknownName, match="there is no shape named"):
        Family(shapes.Shape).find(name)


DUPLICATE = """
    from SHAPES.base import Shape

    class Ring(Shape):
        name = "NAME"
"""


@pytest.mark.parametrize("name", ["circle", "wheel"])
def test_two_things_of_one_name_are_a_fault_that_names_both(shapes, write_package, name):
    write_package({"members/ring": DUPLICATE.replace("NAME", name)})
    with pytest.raises(ValueError, match=f"two shapes are named '{name}'") as caught:
        Family(shapes.Shape)
    assert "members.circle.Circle" in str(caught.value)
    assert "members.ring.Ring" in str(caught.value)


def test_a_member_that_cannot_be_imported_is_not_passed_over(shapes, write_package):
    write_package({"members/polygons/broken": "import a_package_that_nobody_has"})
    with pytest.raises(ModuleNotFoundError, match="a_package_that_nobody_has"):
        Family(shapes.Shape)


def test_a_new_file_is_all_it_takes(shapes, write_package):
    write_package({"members/ring": DUPLICATE.replace("NAME", "ring")})
    importlib.invalidate_caches()
    assert "ring" in Family(shapes.Shape).names
