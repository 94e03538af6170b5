"""Everything that names a source names one that `references.bib` or the catalogue has."""

from __future__ import annotations

import importlib
import pathlib
import re

import pytest

from gatefield.cli.commands.list import FAMILIES
from gatefield.core.discovery import family

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KEYS = set(re.findall(r"^@\w+\{([\w-]+),", (ROOT / "references.bib").read_text(), re.MULTILINE))


def members():
    for label, place in FAMILIES.items():
        module, _, base = place.partition(":")
        for cls in family(getattr(importlib.import_module(module), base)).classes:
            yield pytest.param(cls, id=f"{label}-{cls.name}")


@pytest.mark.parametrize("cls", list(members()))
def test_source_is_known(cls):
    for source in re.split(r"[,;]\s*", cls.reference) if cls.reference else []:
        assert source in KEYS or re.fullmatch(r"catalogue \d+", source), f"{cls.__name__}: {source}"


def test_no_key_is_written_twice():
    keys = re.findall(r"^@\w+\{([\w-]+),", (ROOT / "references.bib").read_text(), re.MULTILINE)
    assert len(keys) == len(set(keys))
