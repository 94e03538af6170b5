"""S_c: what a network gives for the class in question, as a function of the point where attribution starts."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..functional.layer_outputs import Inputs, find_layer, layer_outputs, run

#: A class for every row; or one for each, (rows,); or, of outputs with more axes, a place such as (step, class).
Target = int | Tensor | tuple[int, ...] | None


class Evidence:
    """Picks the score of the class in question out of a network's outputs, before softmax or sigmoid.

    Args:
        model: the network.
        target: the classes in question; None takes those that the network gives in the first outputs it is shown.
    """

    def __init__(self, model: nn.Module, target: Target) -> None:
        # The units of an RBF output are distances to a class: the smallest wins.
        self.sign = -1 if getattr(model, "output", "") == "rbf" else 1
        self.target = target

    def __call__(self, outputs: Any) -> Tensor:
        """The scores (rows,) in outputs (rows, classes), or (rows, time, classes).

        Raises:
            ArgumentError: there is no such class.
        """
        while isinstance(outputs, tuple):  # outputs and a state, or auxiliary heads
            outputs = outputs[0]
        evidence = self.sign * outputs
        if self.target is None:
            if evidence.dim() != 2:
                message = f"the network's outputs are {tuple(evidence.shape[1:])}: no class of a row is the likeliest"
                raise ArgumentError(message, hint="name a target such as (step, class)", path=("target",))
            self.target = evidence.detach().argmax(1)
        if isinstance(self.target, tuple):
            return _place(evidence, self.target)
        return _chosen(evidence, self.target)


class Scores:
    """S_c as a function of the point where attribution starts: the input itself, or the output of a layer.

    Of symbols (int64), which have no gradient, the point is the output of the embedding.

    Args:
        model: any network, in evaluation mode.
        inputs: its input (rows, ...), or its arguments, of which the first is explained.
        target: the classes in question; None takes those that the network gives.
        layer: start at the output of this layer.

    Attributes:
        point: the values where attribution starts, (rows, ...).
        per_symbol: whether the inputs are symbols and the point is (rows, time, features).

    Raises:
        ArgumentError: there is no such layer or class, or no embedding where one is needed.
    """

    def __init__(self, model: nn.Module, inputs: Inputs, target: Target, layer: str | None = None) -> None:
        self.model = model
        x, *self.others = inputs if isinstance(inputs, tuple) else (inputs,)
        self.x = x.clone() if x.is_inference() else x
        symbols = not self.x.is_floating_point()
        self.layer = embedding(model, inputs) if symbols and layer is None else layer
        self.evidence = Evidence(model, target)
        with torch.no_grad():
            if target is None:
                self.evidence(run(model, self.arguments(self.x)))
            if self.layer is None:
                self.point = self.x.detach().clone()
            else:
                self.point = layer_outputs(model, inputs, [self.layer])[self.layer].clone()
        self.per_symbol = symbols and self.point.shape[:-1] == self.x.shape

    def __call__(self, point: Tensor) -> Tensor:
        """S_c at ``point``, (copies * rows,): `point` itself, or copies of it that differ, one after another."""
        if self.layer is None:
            return self.evidence(run(self.model, self.arguments(point)))

        def replace(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            return replaced(output, point)

        copies = len(point) // max(len(self.x), 1)
        hook = find_layer(self.model, self.layer).register_forward_hook(replace)
        try:
            outputs = run(self.model, self.arguments(self.x.repeat(copies, *[1] * (self.x.dim() - 1))))
        finally:
            hook.remove()
        return self.evidence(outputs)

    def gradient(self, point: Tensor) -> Tensor:
        """dS_c / dpoint, of the shape of ``point``.

        Raises:
            InputError: the scores have no gradient there.
        """
        variable = point.detach().clone().requires_grad_()
        total = self(variable.clone()).sum()  # a clone: a network may change its input in place
        return derivative(total, variable)

    def arguments(self, x: Tensor) -> tuple[Any, ...]:
        """The network's arguments with ``x``, copies of the rows, in the place of the first."""
        copies = len(x) // max(len(self.x), 1)
        return x, *(repeated(other, copies, len(self.x)) for other in self.others)


def derivative(total: Tensor, variable: Tensor) -> Tensor:
    """d total / d variable.

    Raises:
        InputError: there is none.
    """
    gradient = torch.autograd.grad(total, variable, allow_unused=True)[0] if total.requires_grad else None
    if gradient is None:
        message = "the network's scores have no gradient with respect to what is explained"
        raise InputError(message, hint="explain another layer, or choose occlusion, which needs no gradient")
    return gradient


def embedding(model: nn.Module, inputs: Inputs) -> str:
    """The name of the layer that takes the symbols (rows, time) and puts out a vector for each.

    Raises:
        ArgumentError: the input is no text of symbols, or there is no such layer, or there are several.
    """
    x, *others = inputs if isinstance(inputs, tuple) else (inputs,)
    if x.dtype not in (torch.int64, torch.int32):
        message = f"the input is {x.dtype}".replace("torch.", "")
        raise ArgumentError(message, hint="give it as the network takes it: float, or int64 symbols", path=("input",))
    found: dict[str, nn.Module] = {}

    def note(name: str, module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        takes = bool(given) and isinstance(given[0], Tensor) and given[0].shape == x.shape and torch.equal(given[0], x)
        inside = any(part in found.values() for part in module.modules())
        vectors = isinstance(output, Tensor) and output.is_floating_point() and output.shape[:-1] == x.shape
        if takes and vectors and not inside:
            found[name] = module

    with contextlib.ExitStack() as hooks, torch.no_grad():
        for name, module in model.named_modules():
            if name:
                hooks.callback(module.register_forward_hook(functools.partial(note, name)).remove)
        run(model, (x, *others))
    if len(found) != 1:
        message = f"{len(found) or 'no'} layer{'s' * (len(found) != 1)} of the network embed its symbols"
        hint = f"name the layer: {', '.join(found)}" if found else "name the layer whose output to explain"
        raise ArgumentError(message, hint=hint, path=("layer",))
    return next(iter(found))


def first(output: Any) -> Tensor:
    """The output itself; of a recurrent layer, which puts out its state as well, the first."""
    return output[0] if isinstance(output, tuple) else output


def replaced(output: Any, value: Tensor) -> Any:
    """``output`` with ``value`` in place of its `first`."""
    return (value, *output[1:]) if isinstance(output, tuple) else value


def belongs_to_rows(part: Any, rows: int) -> bool:
    """Whether an argument of the network has one entry for each of the ``rows``, as lengths have."""
    return isinstance(part, Tensor) and part.dim() > 0 and len(part) == rows


def repeated(part: Any, copies: int, rows: int) -> Any:
    """``copies`` of what belongs to the rows; anything else as it is."""
    return part.repeat(copies, *[1] * (part.dim() - 1)) if belongs_to_rows(part, rows) else part


def _place(evidence: Tensor, place: tuple[int, ...]) -> Tensor:
    sizes = evidence.shape[1:]
    if len(place) != len(sizes) or not all(0 <= index < size for index, size in zip(place, sizes)):
        message = f"the target {place} is no place in outputs of shape {tuple(sizes)}"
        raise ArgumentError(message, hint=f"give {len(sizes)} whole numbers, each below its size", path=("target",))
    return evidence[(slice(None), *place)]


def _chosen(evidence: Tensor, target: int | Tensor | None) -> Tensor:
    classes = torch.as_tensor(target, device=evidence.device)
    if evidence.dim() != 2:
        message = f"the target {classes.tolist()} names a class, but a row's outputs are {tuple(evidence.shape[1:])}"
        raise ArgumentError(message, hint="give a place such as (step, class)", path=("target",))
    rows, count = evidence.shape
    if classes.dim() == 0:
        classes = classes.expand(rows)
    elif classes.dim() == 1 and len(classes) and rows % len(classes) == 0:
        classes = classes.repeat(rows // len(classes))
    if classes.shape != (rows,) or classes.is_floating_point() or classes.dtype == torch.bool:
        message = f"the target is {classes.dtype} {tuple(classes.shape)} for {rows} rows".replace("torch.", "")
        raise ArgumentError(message, hint="give one class, or one for each row", path=("target",))
    if rows and not 0 <= int(classes.min()) <= int(classes.max()) < count:
        wrong = int(classes[(classes < 0) | (classes >= count)][0])
        message = f"there is no class {wrong} among {count}"
        raise ArgumentError(message, hint=f"give a whole number from 0 to {count - 1}", path=("target",))
    return evidence.gather(1, classes.long()[:, None]).squeeze(1)
