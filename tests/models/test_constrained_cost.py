"""Networks of equal cost."""

from __future__ import annotations

import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.models.summary import summarize
from gatefield.models.vision.constrained_cost import ConstrainedCost, cost, widest

SHAPE = (3, 32, 32)


@pytest.mark.parametrize("name", ConstrainedCost.presets)
@pytest.mark.parametrize("budget", [3_000_000, 40_000_000])
def test_the_cost_is_what_the_network_computes_and_stays_within_the_budget(name, budget):
    with torch.device("meta"):
        net = ConstrainedCost(SHAPE, 10, budget, **ConstrainedCost.presets[name])
    rows = summarize(net, SHAPE).layers
    spent = sum(row.multiply_adds for row in rows if row.kind == "Conv2d")
    layers, side = net.arguments["layers"], net.arguments["kernel_size"]
    assert spent == cost(SHAPE, net.width, layers, side) <= budget
    assert cost(SHAPE, net.width + 1, layers, side) > budget
    assert [row.output_shape[1:] for row in rows if row.kind == "ReLU"] == [
        (side, side) for count, side in zip(layers, (32, 16, 8)) for _ in range(count)
    ]


def test_depth_and_filter_size_are_paid_in_width():
    widths = {name: widest(SHAPE, 10_000_000, **arguments) for name, arguments in ConstrainedCost.presets.items()}
    assert widths["constrained-shallow-5x5"] < widths["constrained-shallow-3x3"]
    assert widths["constrained-shallow-3x3"] > widths["constrained-deep-3x3"] > widths["constrained-deeper-3x3"]
    assert widths["constrained-deep-2x2"] > widths["constrained-deep-3x3"]


def test_what_cannot_be_built():
    with pytest.raises(ArgumentError, match="budget of 10 multiply-adds") as caught:
        ConstrainedCost(SHAPE, 10, 10)
    least = int(caught.value.hint.rpartition(" ")[2].replace(",", ""))
    assert ConstrainedCost(SHAPE, 10, least).width == 1
    with pytest.raises(ArgumentError, match="too small"):
        ConstrainedCost(SHAPE, 10, least - 1)
    with pytest.raises(ArgumentError, match="3x40 is too small") as caught:
        ConstrainedCost((1, 3, 40), 10)
    assert "4x4" in caught.value.hint
    with pytest.raises(ArgumentError, match="no convolutions"):
        ConstrainedCost(SHAPE, 10, layers=[])
