"""The first long short-term memory: a constant error carousel and a truncated gradient (catalogue 142)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class LSTM1997(Cell):
    """Long short-term memory before the forget gate: the memory only adds, so that its error flows back unchanged.

        y^in_t = sigma(W_in x_t + U_in y_{t-1} + b_in)
        y^out_t = sigma(W_out x_t + U_out y_{t-1} + b_out)
        s_t = s_{t-1} + y^in_t * g(W_c x_t + U_c y_{t-1} + b_c)          g(z) = 4 sigma(z) - 2
        y_t = y^out_t * h(s_t)                                           h(z) = 2 sigma(z) - 1

    Truncated gradient: errors that reach the net input of a gate or a memory cell change its weights but go no further
    back; d net_t / d y_{t-1} counts as 0, so that within the cell error flows through time only along s, the carousel.

    W holds W_in, W_out, W_c one below the other; so do U and b.

    Args:
        input_size: features of x_t.
        hidden_size: memory cells.
        truncate: the paper's truncated gradient; False: the full gradient.

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory", section 4 and appendix A.1; S4.
    Departs from the paper: every memory block has one cell; a gate sees all cells' outputs but no other gate's.
    """

    name = "lstm1997"
    reference = "hochreiter1997"
    states = ("y", "s")

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt, truncate: bool = True) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.truncate = input_size, hidden_size, truncate
        self.W = input_weights(input_size, hidden_size, gates=3)
        self.U = recurrent_weights(hidden_size, gates=3)
        self.b = biases(hidden_size, 0.0, 0.0, 0.0)

    @classmethod
    def examples(cls) -> list[CellExample]:
        sizes = {"input_size": 3, "hidden_size": 5}
        return [CellExample(sizes, exact_gradient=False), CellExample({**sizes, "truncate": False})]

    def step(self, x: Tensor, state: State) -> State:
        y, s = state
        seen = y.detach() if self.truncate else y
        net = F.linear(x, self.W, self.b) + F.linear(self.dropout(seen), self.U)
        net_in, net_out, net_c = net.chunk(3, 1)
        y_in, y_out = torch.sigmoid(net_in), torch.sigmoid(net_out)
        g = 4 * torch.sigmoid(net_c) - 2
        s = s + y_in * g
        y = y_out * (2 * torch.sigmoid(s) - 1)
        self.observe(y_in=y_in, y_out=y_out, g=g)
        return y, s
