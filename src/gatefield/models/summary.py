"""What a network is made of: each layer's output, parameters, multiply-adds and receptive field."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.utils._pytree import tree_leaves

from ..layers.layer import Layer
from .receptive_fields import ReceptiveFields


@dataclass(frozen=True)
class LayerRow:
    """One layer, for one input.

    Attributes:
        name: its place in the network, ``features.c1``.
        kind: its class.
        output_shape: without the batch.
        parameters: its own, without those of layers inside it or of a layer above it in the table that shares them.
        multiply_adds: multiplications of one forward pass.
        receptive_field: input cells that one unit can see, along each axis of the input (catalogue 43); padding lets
            it exceed the input. None where an operation on the way has no known rule.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: tuple[int, ...] | None


@dataclass(frozen=True)
class Summary:
    """A network in numbers; ``str`` gives a table."""

    name: str
    input_shape: tuple[int, ...]
    parameters: int
    trainable: int
    multiply_adds: int
    layers: list[LayerRow]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON can hold it."""
        return asdict(self)

    def __str__(self) -> str:
        rows = [("layer", "kind", "output", "parameters", "multiply-adds", "receptive field")]
        for row in self.layers:
            field = "?" if row.receptive_field is None else _times(row.receptive_field)
            counts = (f"{row.parameters:,}", f"{row.multiply_adds:,}")
            rows.append((row.name, row.kind, _times(row.output_shape), *counts, field))
        rows.append(("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}", ""))
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        template = "  ".join(f"{{:{'<' if column < 2 else '>'}{width}}}" for column, width in enumerate(widths))
        lines = [template.format(*row) for row in rows]
        ruler = "-" * (sum(widths) + 10)
        title = f"{self.name} on an input of {_times(self.input_shape)}"
        frozen = self.parameters - self.trainable
        notes = [f"{frozen:,} of the parameters are frozen"] if frozen else []
        body = [title, lines[0], ruler, *lines[1:-1], ruler, lines[-1], *notes]
        return "\n".join(line.rstrip() for line in body)


def summarize(model: nn.Module, input_shape: Sequence[int], name: str = "", sequence: bool = False) -> Summary:
    """Count ``model``, layer by layer in the order in which they run, as in evaluation.

    The pass runs on torch's meta device: it computes shapes only, so a network of any size takes no memory, wherever
    its parameters are. Networks on sequences look at lengths, which are numbers, and run where they are. The model's
    modes are restored and its hooks removed, also after an error.

    Args:
        model: any module that maps one tensor to one tensor.
        input_shape: shape of one input without the batch.
        name: what to call it; by default the model's own name.
        sequence: the input is (time, features), and receptive fields are steps of time.
    """
    rows: list[LayerRow] = []
    seen: set[int] = set()
    tensors = {key: tensor if sequence else tensor.to("meta") for key, tensor in _tensors(model)}
    device = next(iter(tensors.values())).device if tensors else "meta"
    own = {module: [id(p) for p in module.parameters(recurse=False)] for module in model.modules()}
    sizes = {id(parameter): parameter.numel() for parameter in model.parameters()}
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.get_default_dtype())
    x = torch.zeros(1, *input_shape, dtype=dtype, device=device)
    fields = ReceptiveFields(x, sequence)

    def note(path: str, module: nn.Module, inputs: tuple[Any, ...], result: Any) -> None:
        output = next(leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
        new = set(own[module]) - seen
        seen.update(new)
        parameters = sum(sizes[key] for key in new)
        shape, cost = tuple(output.shape[1:]), _multiply_adds(module, inputs[0], output)
        rows.append(LayerRow(path, type(module).__name__, shape, parameters, cost, fields.of(output)))

    with _evaluation(model), contextlib.ExitStack() as hooks, torch.no_grad():
        for path, module in model.named_modules():
            if own[module] or not list(module.children()):
                hook = module.register_forward_hook(functools.partial(note, path or type(module).__name__))
                hooks.callback(hook.remove)
        with fields:
            functional_call(model, tensors, (x,))
    return Summary(
        name=name or getattr(model, "name", "") or type(model).__name__,
        input_shape=tuple(input_shape),
        parameters=sum(sizes.values()),
        trainable=sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
        multiply_adds=sum(row.multiply_adds for row in rows),
        layers=rows,
    )


def _multiply_adds(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """Multiplications of convolutions, full connections and our own layers; other layers have hardly any."""
    if isinstance(module, Layer):
        return module.multiply_adds(tuple(x.shape[1:]), tuple(y.shape[1:]))
    if isinstance(module, nn.Linear):
        return y.numel() * module.in_features
    if isinstance(module, _ConvNd):
        area = math.prod(module.kernel_size)
        if isinstance(module, _ConvTransposeNd):
            return x.numel() * module.out_channels // module.groups * area
        return y.numel() * module.in_channels // module.groups * area
    return 0


@contextlib.contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards each module's own mode again."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _times(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
