"""Optional dependencies are asked for when needed, and named when missing."""

from __future__ import annotations

import json
import sys

import pytest

from gatefield.core.errors import MissingExtra
from gatefield.core.extras import installed, require


def test_installed_imports_nothing():
    assert installed("json")
    assert installed("xml.dom")
    assert not installed("a_package_that_nobody_has")
    assert not installed("a_package_that_nobody_has.part")
    assert not installed("json.decoder.part")
    assert "this" not in sys.modules
    assert installed("this")
    assert "this" not in sys.modules


def test_require_gives_the_module():
    assert require("json", extra="logs", purpose="reading") is json


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    with pytest.raises(MissingExtra) as caught:
        require("a_package_that_nobody_has.part", extra="logs", purpose="writing TensorBoard events")
    assert caught.value.message == "writing TensorBoard events needs the package 'a_package_that_nobody_has'"
    assert caught.value.hint == "pip install 'gatefield[logs]'"
    assert caught.value.exit_code == 2


def test_of_an_incomplete_installation_the_missing_part_is_named(write_package):
    name = write_package({"half": "import its_missing_dependency.part"})
    with pytest.raises(MissingExtra, match="logs needs the package 'its_missing_dependency'"):
        require(f"{name}.half", extra="logs", purpose="logs")
