"""Convolution with a connection table against a transcription of the paper, and its table."""

from __future__ import annotations

import numpy
import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.layers.connection_table import LENET5_C3, ConnectionTableConvolution

#: Table I of LeCun et al. (1998) as printed: a row for each map of S2, a column for each map of C3.
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""


def test_the_table_is_that_of_the_paper():
    rows = TABLE_I.split()
    assert [[source for source in range(6) if rows[source][target] == "X"] for target in range(16)] == [
        sorted(sources) for sources in LENET5_C3
    ]
    assert sum(map(len, LENET5_C3)) == 60


def test_parameters_of_c3():
    """Section II.B: "layer C3 has 1,516 trainable parameters"; the dense layer has 2,416."""
    layer = ConnectionTableConvolution(6, LENET5_C3, 5)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 1516


def test_equals_the_paper():
    table, generator = [[2, 0], [1], [0, 1, 2]], torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, 6, generator=generator, dtype=torch.float64)
    layer = ConnectionTableConvolution(3, table, 3).double()
    y = numpy.empty((2, 3, 3, 4))
    for n, o, i, j in numpy.ndindex(y.shape):
        y[n, o, i, j] = layer.bias[o].item()
        for position, source in enumerate(table[o]):
            kernel = layer.weight[sum(map(len, table[:o])) + position].detach().numpy()
            y[n, o, i, j] += (kernel * x[n, source, i : i + 3, j : j + 3].numpy()).sum()
    torch.testing.assert_close(layer(x).detach(), torch.from_numpy(y), rtol=1e-12, atol=1e-12)


def test_a_full_table_is_a_convolution():
    layer = ConnectionTableConvolution(3, [[0, 1, 2]] * 4, 3).double()
    x = torch.randn(2, 3, 7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight.view(4, 3, 3, 3), layer.bias))


def test_initial_kernels_follow_the_number_of_inputs():
    torch.manual_seed(0)
    layer = ConnectionTableConvolution(50, [[0]] * 50 + [list(range(50))], 5)
    for kernels, inputs in ((layer.weight[:50], 25), (layer.weight[50:], 1250)):
        assert kernels.std().item() == pytest.approx(inputs**-0.5, rel=0.05)
    assert not layer.bias.any()


@pytest.mark.parametrize(
    ("table", "word"), [([], "empty"), ([[0], []], "reads nothing"), ([[1, 1]], "twice"), ([[0, 3]], "there is none")]
)
def test_impossible_tables(table, word):
    with pytest.raises(ArgumentError, match=word) as caught:
        ConnectionTableConvolution(3, table, 3)
    assert caught.value.path[0] == "table"
