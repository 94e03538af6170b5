"""A recurrent hidden layer that is itself convolutional (catalogue 84)."""

from __future__ import annotations

from torch import Tensor

from ...core.arguments import PositiveInt
from ..activation import ACTIVATIONS, RecurrentActivation
from ..cell import CellExample, State
from ..convolution import ConvCell
from ..initialization import biases


class ConvRNN(ConvCell):
    """Simple recurrent network whose hidden layer is CNN-like; ``*`` is a convolution.

        h_t = f(W * x_t + U * h_{t-1} + b)

    Args:
        input_channels: channels of x_t.
        hidden_channels: channels of h_t.
        kernel_size: odd lengths, one for each dimension (one to three).
        activation: f.

    Source: S2 "Can construct RNNs using convolutional layers as well i.e. the hidden layers can be CNN-like".
    Departs from the paper: nowhere.
    """

    name = "conv-rnn"
    reference = "catalogue 84"

    def __init__(
        self,
        input_channels: PositiveInt,
        hidden_channels: PositiveInt,
        kernel_size: tuple[PositiveInt, ...] = (3, 3),
        activation: RecurrentActivation = "tanh",
    ) -> None:
        super().__init__(input_channels, hidden_channels, kernel_size, None)
        self.activation = activation
        self.W = self.kernels(input_channels, gates=1)
        self.U = self.kernels(hidden_channels, gates=1)
        self.b = biases(hidden_channels)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_channels": 2, "hidden_channels": 2, "kernel_size": (3, 1)}, (2, 3, 2))]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        f = ACTIVATIONS[self.activation]
        h = f(self.convolve(x, self.W, self.b) + self.convolve(self.dropout(h), self.U))
        return (h,)
