"""A cell and the linear layer behind it as one step."""

from __future__ import annotations

from torch import Tensor, nn

from .cell import Cell, State
from .wrapper import Wrapper


class ReadOut(Wrapper):
    """A cell with a linear layer behind it, whose values are one state more and the output.

        s_t = step(x_t, s_{t-1}),    y_t = W h_t + b,    h_t the output of the cell

    No step looks at the y before it. The product is taken as it is, whatever a cell inside does to its own.

    Args:
        cell: its output is a vector.
        linear: (features of the output) -> features of y.
    """

    def __init__(self, cell: Cell, linear: nn.Linear) -> None:
        super().__init__(cell)
        self.linear = linear
        self.states, self.emits = (*cell.states, "y"), "y"

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {**self.cell.state_shapes(input_shape), "y": (self.linear.out_features,)}

    def step(self, x: Tensor, state: State) -> State:
        new = self.cell.step(x, state[:-1])
        return (*new, self.linear(new[self.cell.emitted]))
