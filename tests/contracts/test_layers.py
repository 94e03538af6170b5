"""Every layer keeps the contract of a module."""

from __future__ import annotations

import pytest
from module_contract import ModuleContract, cases

from gatefield.core.discovery import family
from gatefield.layers.layer import Layer

CLASSES = family(Layer).classes


class TestLayers(ModuleContract):
    @pytest.fixture(params=cases(CLASSES))
    def case(self, request):
        return request.param

    @pytest.fixture(params=CLASSES, ids=lambda cls: cls.name)
    def member(self, request):
        return request.param
