"""First values of a cell's parameters (catalogue 161): Glorot for the input, orthogonal for the recurrence.

An orthogonal matrix neither shrinks nor stretches a state, which is what a deep product wants (Saxe et al. 2014).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from .cell import Cell

RecurrentScheme = Literal["orthogonal", "xavier", "identity", "uniform"]


def input_weights(input_size: int, hidden_size: int, gates: int = 1) -> nn.Parameter:
    """(gates * hidden_size, input_size): every gate U(-a, a), a = sqrt(6 / (input_size + hidden_size))."""
    matrices = [nn.init.xavier_uniform_(torch.empty(hidden_size, input_size)) for _ in range(gates)]
    return nn.Parameter(torch.cat(matrices))


def recurrent_weights(hidden_size: int, gates: int = 1) -> nn.Parameter:
    """(gates * hidden_size, hidden_size): every gate a random orthogonal matrix."""
    return nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(hidden_size, hidden_size)) for _ in range(gates)]))


def biases(hidden_size: int, *gates: float) -> nn.Parameter:
    """(len(gates) * hidden_size): every gate its own constant; one gate at zero if none is given."""
    return nn.Parameter(torch.tensor(gates or (0.0,)).repeat_interleave(hidden_size))


@torch.no_grad()
def initialize_recurrence(cell: Cell, scheme: RecurrentScheme) -> None:
    """Set every square recurrent matrix of ``cell``, gate by gate; other parameters stay as they are.

    orthogonal  a random orthogonal matrix
    xavier      U(-a, a), a = sqrt(6 / (n + n)), as for a layer of a deep net (Glorot and Bengio 2010, equation 16)
    identity    the unit matrix: copy the state (Le et al. 2015)
    uniform     U(-1/sqrt(n), 1/sqrt(n)), what torch.nn.LSTM does
    """
    for name, parameter in cell.named_parameters():
        if name.rpartition(".")[2].startswith("U") and parameter.dim() == 2:
            size = parameter.shape[1]
            for gate in parameter.split(size):
                if scheme == "orthogonal":
                    nn.init.orthogonal_(gate)
                elif scheme == "xavier":
                    nn.init.xavier_uniform_(gate)
                elif scheme == "identity":
                    nn.init.eye_(gate)
                else:
                    nn.init.uniform_(gate, -(size**-0.5), size**-0.5)
