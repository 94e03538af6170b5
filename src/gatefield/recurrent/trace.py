"""Record one step of a cell, and its gradient, as a graph of tensor operations; nothing is compiled.

The step runs once on a small batch while a dispatch mode writes down each operation. Gradients are recorded the same
way: autograd itself runs under the mode, so that ``detach``, ``no_grad`` and custom autograd functions mean what they
always mean.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.fx import Graph, Node
from torch.utils._python_dispatch import TorchDispatchMode

from ..core.errors import GatefieldError
from .graphs import Value, aten, map_nested, simplify


class NotTraceable(Exception):
    """Why a step cannot become a program; the text completes "the step ..."."""


@dataclass
class Trace:
    """One step as a graph.

    ``new`` holds the states after the step. With gradients, ``d_new`` stands for the gradient that reaches them, and
    ``d_parameters``, ``d_x`` and ``d_state`` are what the step makes of it; None where it is zero or not wanted.
    """

    graph: Graph
    batch: int
    rows: Node
    parameters: list[Node]
    x: Node
    state: list[Node]
    new: list[Node]
    d_new: list[Node] = field(default_factory=list)
    d_parameters: list[Node | None] = field(default_factory=list)
    d_x: Node | None = None
    d_state: list[Node | None] = field(default_factory=list)
    constants: dict[Node, Tensor] = field(default_factory=dict)
    rounds: bool = False  # to sixteen bits, on the way

    @property
    def gradients(self) -> list[Node | None]:
        return [*self.d_parameters, self.d_x, *self.d_state]

    def has_rows(self, node: Node) -> bool:
        """Whether the first axis of ``node`` runs over the rows of the batch."""
        value = node.meta["value"]
        return (
            isinstance(value, Value) and bool(value.shape) and value.shape[0] > 0 and value.shape[0] % self.batch == 0
        )


class Wanted(NamedTuple):
    """Which inputs of a step need a gradient; all False for inference."""

    parameters: tuple[bool, ...]
    x: bool
    state: tuple[bool, ...]

    def __bool__(self) -> bool:
        return any(self.parameters) or self.x or any(self.state)


Decompositions = Mapping[Any, Callable[..., Any]]


def trace(
    step: Callable[..., tuple[Tensor, ...]],
    parameters: Sequence[Tensor],
    x: Tensor,
    state: Sequence[Tensor],
    wanted: Wanted,
    decompositions: Decompositions,
) -> Trace:
    """Trace ``step(parameters, x, state)``, and its gradient if any is wanted; x and state show the shapes of rows.

    Raises:
        NotTraceable: the step reads values, draws random numbers, changes tensors in place, or uses foreign tensors.
    """
    batch = _batch_size([*parameters, x, *state])
    generator = torch.Generator(x.device).manual_seed(0)

    def rows_like(t: Tensor) -> Tensor:
        return torch.randn(batch, *t.shape[1:], dtype=t.dtype, device=t.device, generator=generator)

    def leaf(t: Tensor, wants: bool) -> Tensor:
        return t.detach().requires_grad_(wants and t.is_floating_point())

    some = bool(wanted)
    inputs = [leaf(p, wants) for p, wants in zip(parameters, wanted.parameters)]
    inputs.append(leaf(rows_like(x), wanted.x))
    inputs += [leaf(rows_like(s), some) for s in state]  # inside the loop every state carries a gradient
    d_new = [rows_like(s) for s in state] if some else []
    count = len(parameters)
    recorder = Recorder(decompositions)
    rows = recorder.graph.placeholder("rows")
    rows.meta["value"] = None
    nodes = [recorder.input(t, f"input_{k}") for k, t in enumerate(inputs)]
    with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(some), recorder, whatever_a_step_raises():
        new = step(inputs[:count], inputs[count], tuple(inputs[count + 1 :]))
        _check_states(new, inputs[count + 1 :])
        d_nodes = [recorder.input(t, f"d_new_{k}") for k, t in enumerate(d_new)]
        found = _gradients(new, inputs, d_new)
    new_nodes = [recorder.node(t) for t in new]
    gradients = [None if g is None else recorder.node(g) for g in found]
    recorder.graph.output((tuple(new_nodes), tuple(gradients)))
    simplify(recorder.graph, rows, batch)
    halves = (torch.bfloat16, torch.float16)
    values = [node.meta.get("value") for node in recorder.graph.nodes]
    rounds = any(value is not None and value.dtype in halves for value in values)
    results: Any = recorder.graph.output_node().args[0]
    new_nodes, gradients = list(results[0]), list(results[1])
    if not some:
        gradients = []
    return Trace(
        recorder.graph,
        batch,
        rows,
        nodes[:count],
        nodes[count],
        nodes[count + 1 :],
        new_nodes,
        d_nodes,
        gradients[:count],
        gradients[count] if some else None,
        gradients[count + 1 :],
        recorder.constants,
        rounds,
    )


@contextlib.contextmanager
def whatever_a_step_raises() -> Iterator[None]:
    """Inside the block a step runs on numbers that nobody gave it: if it fails, that is why it cannot be a program.

    Raises:
        NotTraceable: naming the error.
    """
    try:
        yield
    except (NotTraceable, GatefieldError):
        raise
    except Exception as error:  # a step is anybody's code; the reference loop will tell if it is wrong
        lines = str(error).splitlines() or [""]
        raise NotTraceable(f"fails under the tracer ({type(error).__name__}: {lines[0]})") from error


class Recorder(TorchDispatchMode):
    """Writes every operation that runs under it into ``graph``; tensors are known by identity, and kept alive."""

    def __init__(self, decompositions: Decompositions) -> None:
        super().__init__()
        self.graph = Graph()
        self.constants: dict[Node, Tensor] = {}
        self._decompositions = decompositions
        self._known: dict[int, tuple[Tensor, Node]] = {}

    def input(self, tensor: Tensor, name: str) -> Node:
        return self._remember(tensor, self.graph.placeholder(name))

    def node(self, tensor: Tensor) -> Node:
        if id(tensor) not in self._known:
            raise NotTraceable("uses a tensor that is neither its input nor a parameter or buffer of the cell")
        return self._known[id(tensor)][1]

    def _record(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self._decompositions:
            with self:
                result = self._decompositions[func](*args, **kwargs)
            if result is not NotImplemented:
                return result
        if func is aten.fill_.Scalar and id(args[0]) not in self._known:
            return func(*args)  # torch marks memory that is not initialized, when told to
        _refuse(func, args)
        if func._schema.is_mutable:
            return self._record_in_place(func, args, kwargs)
        if func is aten.lift_fresh.default:  # a constant written in the step: torch.tensor(2.0)
            result = func(*args)
            node = self._remember(result, self.graph.placeholder("constant"))
            self.constants[node] = result
            return result
        node_args, node_kwargs = map_nested((args, kwargs), self._to_node)
        result = func(*args, **kwargs)
        node = self.graph.call_function(func, tuple(node_args), node_kwargs)
        if isinstance(result, Tensor):
            self._remember(result, node)
        else:
            node.meta["value"] = None
            for k, item in enumerate(result):
                if isinstance(item, Tensor):
                    self._remember(item, self.graph.call_function(operator.getitem, (node, k)))
        return result

    def _record_in_place(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Record the operation that makes a new tensor instead; nobody else may see the old one."""
        name = func._schema.name.removeprefix("aten::")
        instead = getattr(getattr(aten, name.removesuffix("_"), None), func._overloadname, None)
        tensor = args[0]
        source = self.node(tensor)
        memory = tensor.untyped_storage().data_ptr()
        sharing = sum(t.untyped_storage().data_ptr() == memory for t, _ in self._known.values())
        if not name.endswith("_") or instead is None or source.op == "placeholder" or sharing > 1:
            raise NotTraceable(f"changes a tensor in place that others read (aten.{name})")
        node_args, node_kwargs = map_nested((args, kwargs), self._to_node)
        result = func(*args, **kwargs)
        self._remember(tensor, self.graph.call_function(instead, tuple(node_args), node_kwargs))
        return result

    def _to_node(self, value: Any) -> Any:
        return self.node(value) if isinstance(value, Tensor) else value

    def _remember(self, tensor: Tensor, node: Node) -> Node:
        node.meta["value"] = Value(tuple(tensor.shape), tensor.dtype)
        self._known[id(tensor)] = (tensor, node)
        return node


# Set here because torch wraps a method of this name that stands in the class body, and the wrapper imports all of the
# compiler (one second) when it is first called.
Recorder.__torch_dispatch__ = Recorder._record


def _refuse(func: Any, args: Any) -> None:
    name = str(func).removesuffix(".default")
    if func is aten._local_scalar_dense.default:
        raise NotTraceable("reads the value of a tensor (item, or a branch on data)")
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise NotTraceable(f"draws random numbers ({name})")
    by_position = func is aten.index.Tensor and all(i is None or i.dtype != torch.bool for i in args[1])
    if torch.Tag.dynamic_output_shape in func.tags and not by_position:
        raise NotTraceable(f"makes a tensor whose shape depends on data ({name})")


def _gradients(new: Sequence[Tensor], inputs: Sequence[Tensor], d_new: Sequence[Tensor]) -> list[Tensor | None]:
    """Gradient of sum_k <new_k, d_new_k> for each input that wants one."""
    pairs = [(n, d) for n, d in zip(new, d_new) if n.requires_grad]
    leaves = [t for t in inputs if t.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    outputs, weights = zip(*pairs)
    product = _Product.apply(len(pairs), *outputs, *weights)
    # create_graph keeps autograd from summing gradients in place
    found = iter(torch.autograd.grad(product, leaves, allow_unused=True, create_graph=True))
    return [next(found) if t.requires_grad else None for t in inputs]


class _Product(torch.autograd.Function):
    """Stands for sum_k <new_k, d_new_k> without computing it: only its gradient, d_new, is of interest.

    `autograd.grad` takes weights itself, but imports a symbolic algebra package (half a second) to check their shapes.
    """

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> Tensor:
        ctx.weights = tensors[count:]
        return tensors[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Any:
        return None, *ctx.weights, *[None] * len(ctx.weights)


def _check_states(new: Any, old: Sequence[Tensor]) -> None:
    if not isinstance(new, tuple) or len(new) != len(old) or not all(isinstance(t, Tensor) for t in new):
        raise NotTraceable("does not return a tuple with one tensor for each state")
    for after, before in zip(new, old):
        if after.shape != before.shape or after.dtype != before.dtype:
            raise NotTraceable("returns a state of another shape or dtype than it was given")


def _batch_size(tensors: Sequence[Tensor]) -> int:
    """A number of rows that no axis could be mistaken for."""
    sizes = {size for t in tensors for size in t.shape[0:]}
    primes = (n for n in range(11, 1000) if all(n % k for k in range(2, math.isqrt(n) + 1)))
    for prime in primes:
        if all(size % prime for size in sizes if size):
            return prime
    raise NotTraceable("has axes of so many sizes that no batch could be told from them")


class StepOf(nn.Module):
    """A cell's step as a module, so that `torch.func.functional_call` can run it on other parameters."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self.cell.step(x, state)  # type: ignore[operator]
