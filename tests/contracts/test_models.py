"""Every model keeps the contract of a module, and that of a model."""

from __future__ import annotations

import pytest
import torch
from module_contract import ModuleContract, cases
from torch.utils.flop_counter import FlopCounterMode

from gatefield.core.configurable import Spec
from gatefield.core.discovery import family
from gatefield.core.errors import UnknownName
from gatefield.models.model import Model
from gatefield.models.summary import summarize

CLASSES = family(Model).classes


class TestModels(ModuleContract):
    @pytest.fixture(params=cases(CLASSES))
    def case(self, request):
        return request.param

    @pytest.fixture(params=CLASSES, ids=lambda cls: cls.name)
    def member(self, request):
        return request.param

    def test_output_unit(self, case):
        """The output unit is one that a training objective follows from, and it is the argument where there is one."""
        module = case.build()
        assert module.output in {"softmax", "sigmoid", "linear", "rbf"}
        assert module.output == module.arguments.get("output", module.output)

    def test_the_data_set_can_give_shape_and_classes(self, case):
        arguments = dict(case.arguments)
        given = {key: arguments.pop(key) for key in ("input_shape", "classes") if key in arguments}
        model = Spec(case.cls, **arguments).build(**given)
        assert model(case.batch(2, torch.float32)).shape == (2, given["classes"])

    def test_one_module_for_each_place(self, case):
        """Explainers hook modules, so none may run twice in one pass."""
        summary = summarize(case.build(), case.input_shape)
        names = [row.name for row in summary.layers]
        assert len(set(names)) == len(names)

    def test_multiply_adds_as_torch_counts_them(self, case):
        module = case.build()
        with FlopCounterMode(display=False) as counter:
            module(case.batch(1, torch.float32))
        counts = counter.get_flop_counts()
        for row in summarize(module, case.input_shape).layers:
            if row.kind in {"Conv2d", "PointwiseConvolution", "Linear"}:
                assert 2 * row.multiply_adds == sum(counts[f"{type(module).__name__}.{row.name}"].values())


def test_unknown_model_offers_the_nearest():
    with pytest.raises(UnknownName, match="lenet7") as caught:
        Model.from_config({"name": "lenet7"})
    assert "did you mean 'lenet5'" in caught.value.hint
