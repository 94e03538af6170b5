"""Products of factors rounded to bfloat16, summed in float32: half the weights to move, at the cost of two digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.fx import Graph, Node
from torch.overrides import TorchFunctionMode

from ..core.errors import ArgumentError
from .cell import Cell, State
from .graphs import Value, aten
from .native import rounded_matmul
from .wrapper import Wrapper


class RoundedProducts(Wrapper):
    """A cell whose matrix products see bfloat16.

        W x + U h  becomes  r(W) r(x) + r(U) r(h),    r rounds to the nearest bfloat16, ties to even

    The sums, the parameters, the states and everything element by element keep their dtype. A gradient takes r for the
    identity, and is itself made of such products: dx = r(W)^T r(d), dW = r(d) r(x)^T.

    Args:
        cell: its step must multiply matrices: by `F.linear`, ``@``, `torch.mm`, `torch.matmul` or `torch.addmm`.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)

    def step(self, x: Tensor, state: State) -> State:
        with _Rounding() as rounding:
            new = self.cell.step(x, state)
        if not rounding.products:
            message = f"{type(self.cell).__name__} multiplies no matrices that could be rounded"
            raise ArgumentError(message, hint="leave it out for this cell", path=("bfloat16_products",))
        return new


def multiplies(cell: Cell, x: Tensor, state: State) -> bool:
    """Whether a step of ``cell``, of ``x`` (batch, ...) for example, has products that could be rounded."""
    with torch.no_grad(), _Rounding() as rounding:
        cell.step(x, state)
    return rounding.products > 0


def rounded(x: Tensor) -> Tensor:
    """The bfloat16 nearest to each number, in the dtype of ``x``."""
    return x.to(torch.bfloat16).to(x.dtype)


class _Product(Function):
    """a @ b of rounded matrices."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        return torch.mm(rounded(a), rounded(b))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (d,), (a, b) = gradients, ctx.saved_tensors
        by_a, by_b = ctx.needs_input_grad
        return _product(d, b.t()) if by_a else None, _product(a.t(), d) if by_b else None


def _product(a: Tensor, b: Tensor) -> Tensor:
    return _Product.apply(a, b)  # type: ignore[no-any-return]


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    y = _product(x, weight.t())
    return y if bias is None else y + bias


def _addmm(bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return bias + _product(a, b)


PRODUCTS: dict[Any, Callable[..., Tensor]] = {
    F.linear: _linear,
    torch.addmm: _addmm,
    **dict.fromkeys((torch.mm, torch.matmul, Tensor.mm, Tensor.matmul, Tensor.__matmul__), _product),
}
"""What a step may call -> what is computed instead, of matrices of real numbers."""


class _Rounding(TorchFunctionMode):
    """Inside the block, products of matrices are rounded ones; ``products`` counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.products = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in PRODUCTS:
            factors = args[1:3] if func is torch.addmm else args[:2]
            if all(isinstance(t, Tensor) and t.dim() == 2 and t.is_floating_point() for t in factors):
                self.products += 1
                func = PRODUCTS[func]
        return func(*args, **kwargs)


def merge_rounding(graph: Graph) -> None:
    """Make one operation, `rounded_matmul`, of a product and the rounding of its factors, which must be float32."""
    for node in graph.nodes:
        if node.target is aten.mm.default:
            factors = [_before_rounding(factor) for factor in node.args]
            if all(factor is not None for factor in factors):
                node.target, node.args = rounded_matmul, tuple(factors)
    graph.eliminate_dead_code()


def _before_rounding(node: Node) -> Node | None:
    """What ``node`` is the bfloat16 nearest to, if it is one."""
    if node.target is aten._to_copy.default and node.meta["value"].dtype == torch.float32:
        half: Any = node.args[0]
        if half.target is aten._to_copy.default and half.meta["value"].dtype == torch.bfloat16:
            source: Any = half.args[0]
            if source.meta["value"] == Value(source.meta["value"].shape, torch.float32):
                return source
    return None
