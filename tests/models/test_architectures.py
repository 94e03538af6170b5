"""Every architecture: sizes from 1x32x32 to 3x224x224, learning, export."""

from __future__ import annotations

import math
import re

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError
from gatefield.models.model import Model
from gatefield.models.summary import summarize

SOURCE = torch.Generator().manual_seed(0)
VISION = [
    name for name, entry in family(Model).entries.items() if {"input_shape", "classes"} <= entry.cls.signature().keys()
]
#: Networks that differ from others here in the number of their blocks only, and take long to build.
DEEP = re.compile(r"(net|plain|next)(32|34|44|56|101|110|152|1202)\b")

#: One network of each kind, thin enough to learn a batch in a second.
THIN = {
    "alexnet": {"width": 1 / 8, "hidden": 64, "dropout": 0.0},
    "alexnet-one-tower": {"width": 1 / 8, "hidden": 64, "dropout": 0.0},
    "vgg11": {"width": 1 / 8, "hidden": 64, "dropout": 0.0},
    "vgg16-1x1": {"width": 1 / 8, "hidden": 64, "dropout": 0.0},
    "vgg13-bn": {"width": 1 / 8, "hidden": 64, "dropout": 0.0},
    "googlenet": {"width": 1 / 8, "dropout": 0.0},
    "googlenet-bn": {"width": 1 / 8, "dropout": 0.0},
    "nin": {"width": 1 / 4, "dropout": 0.0},
    "resnet18": {"width": 1 / 8},
    "resnet20": {"width": 1 / 2},
    "plain8": {},
    "preact-resnet20": {"width": 1 / 2},
    "resnext50-32x4d": {"blocks": [1, 1], "cardinality": 4, "width": 1 / 8},
    "xnor-alexnet": {"width": 1 / 8, "hidden": 64},
    "bwn-alexnet": {"width": 1 / 8, "hidden": 64},
    "xnor-resnet18": {"width": 1 / 4},
    "bwn-resnet18": {"width": 1 / 4},
    "constrained-cost": {},
}
EXPORTED = ["alexnet", "vgg13-bn", "googlenet", "nin", "resnet20", "preact-resnet20", "xnor-alexnet", "bwn-resnet18"]


def build(name: str, shape: tuple[int, ...], **arguments) -> Model:
    if name.startswith("constrained"):
        arguments = {"budget": 20_000_000 * math.prod(shape[1:]) // 1024, **arguments}
    return Model.from_config({"name": name, "input_shape": list(shape), "classes": 5, **arguments})


@pytest.mark.parametrize("name", [name for name in VISION if not DEEP.search(name)])
@pytest.mark.parametrize("shape", [(3, 224, 224), (1, 32, 32)])
def test_every_name_runs_or_says_the_smallest(name, shape):
    with torch.device("meta"):
        try:
            model = build(name, shape)
        except ArgumentError as error:
            assert "too small" in error.message
            side = int(error.hint.rpartition("x")[2])
            assert side > 32
            shape = (1, side, side)
            model = build(name, shape)
    assert summarize(model, shape).layers[-1].output_shape == (5,)


@pytest.mark.parametrize("name", THIN)
def test_overfits_one_batch(name):
    torch.manual_seed(0)
    shape = (3, 63, 63) if "alexnet" in name else (3, 32, 32)
    model = build(name, shape, **THIN[name])
    x, labels = torch.randn(10, *shape, generator=SOURCE), torch.arange(10) % 5
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        logits = model(x)
        if torch.equal(logits.argmax(1), labels):
            return
        F.cross_entropy(logits, labels).backward()
        optimizer.step()
    pytest.fail("it did not learn ten images in 100 steps")


@pytest.mark.parametrize("name", EXPORTED)
def test_exports_with_any_number_of_rows(name):
    shape = (1, 63, 63) if "alexnet" in name else (1, 32, 32)
    torch.manual_seed(0)
    model = build(name, shape, **THIN[name]).eval()
    example = torch.randn(2, *shape, generator=SOURCE)
    exported = torch.export.export(model, (example,), dynamic_shapes=[{0: torch.export.Dim("batch")}]).module()
    x = torch.randn(5, *shape, generator=SOURCE)
    torch.testing.assert_close(exported(x), model(x))
