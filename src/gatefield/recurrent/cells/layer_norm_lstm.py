"""Long short-term memory with layer normalization inside the recurrence."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveFloat, PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class LayerNormLSTM(Cell):
    """Long short-term memory with layer-normalized sums and memory.

        (i_t, f_t, g_t, o_t) = LN(U h_{t-1}; alpha_1, beta_1) + LN(W x_t; alpha_2, beta_2) + b
        c_t = sigma(f_t) * c_{t-1} + sigma(i_t) * tanh(g_t)
        h_t = sigma(o_t) * tanh(LN(c_t; alpha_3, beta_3))

    LN(z; alpha, beta) = alpha * (z - mean z) / sqrt(var z + epsilon) + beta, mean and variance over the whole vector:
    over the sums of all four gates together in the first line.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t and c_t.
        forget_bias: first value of the forget gate's b.
        epsilon: keeps the root away from zero.

    Source: Ba, Kiros and Hinton 2016, "Layer normalization", equations 20-22.
    Departs from the paper: nowhere but in the order of the gates, which is torch's.
    """

    name = "layer-norm-lstm"
    reference = "ba2016"
    states = ("h", "c")

    def __init__(
        self,
        input_size: PositiveInt,
        hidden_size: PositiveInt,
        forget_bias: float = 1.0,
        epsilon: PositiveFloat = 1e-5,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.epsilon = input_size, hidden_size, epsilon
        self.W = input_weights(input_size, hidden_size, gates=4)
        self.U = recurrent_weights(hidden_size, gates=4)
        self.b = biases(hidden_size, 0.0, forget_bias, 0.0, 0.0)
        self.alpha_1, self.alpha_2 = (nn.Parameter(torch.ones(4 * hidden_size)) for _ in range(2))
        self.beta_1, self.beta_2 = (nn.Parameter(torch.zeros(4 * hidden_size)) for _ in range(2))
        self.alpha_3 = nn.Parameter(torch.ones(hidden_size))
        self.beta_3 = nn.Parameter(torch.zeros(hidden_size))

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 5})]

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        H, e = self.hidden_size, self.epsilon
        from_h = F.layer_norm(F.linear(self.dropout(h), self.U), (4 * H,), self.alpha_1, self.beta_1, e)
        from_x = F.layer_norm(F.linear(x, self.W), (4 * H,), self.alpha_2, self.beta_2, e)
        i, f, g, o = (from_h + from_x + self.b).chunk(4, 1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(F.layer_norm(c, (H,), self.alpha_3, self.beta_3, e))
        self.observe(i=i, f=f, g=g, o=o)
        return h, c
