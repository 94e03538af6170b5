"""Where gradients vanish or explode: their norms by layer, over training, and by time lag."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..functional.layer_outputs import evaluating
from ..functional.spread import spread_over


def gradient_by_layer(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> dict[str, float]:
    """The norm of the gradient of each layer's own parameters, in the order of the layers (catalogue 121).

    Args:
        model: any network, in the mode it is in; no ``grad`` is touched.
        loss: of the network, a scalar.

    Returns:
        layer -> |d loss / d parameters|; 0 for a layer that the loss does not see.

    Raises:
        InputError: nothing of the model requires a gradient.
    """
    layers = _parameters_by_layer(model)
    parameters = [parameter for group in layers.values() for parameter in group]
    with torch.enable_grad():
        found = torch.autograd.grad(loss(model), parameters, allow_unused=True)
    squares = {id(p): g.detach().square().sum() for p, g in zip(parameters, found) if g is not None}
    return {name: float(sum(squares.get(id(p), 0.0) for p in group)) ** 0.5 for name, group in layers.items()}


class GradientFlow:
    """Watches the gradients of a network while it is trained.

    As a recorder of the training loop (``fit(..., recorders=[GradientFlow(model)])``) it notes a record every epoch;
    in a loop of one's own, where `mark` says, until `close`:

        with GradientFlow(model) as flow:
            for epoch in range(3):
                ...  # loss.backward(), optimizer.step()
                flow.mark(epoch)

    Every backward pass counts by itself, before gradients are accumulated or clipped.

    Attributes:
        records: one mapping an epoch: ``epoch``, and layer -> mean norm of its gradient over the backward passes.
    """

    def __init__(self, model: nn.Module) -> None:
        self.records: list[dict[str, float]] = []
        self._layers = _parameters_by_layer(model)
        self._squares: dict[str, Tensor] = {}
        self._sums: dict[str, Tensor] = {}
        self._passes: dict[str, int] = {}
        self._hooks = []
        for name, parameters in self._layers.items():
            waiting = set(map(id, parameters))
            for parameter in parameters:
                hook = functools.partial(self._see, name, id(parameter), waiting, frozenset(waiting))
                self._hooks.append(parameter.register_hook(hook))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: Any) -> None:
        self.close()

    def _see(self, name: str, who: int, waiting: set[int], everyone: frozenset[int], gradient: Tensor) -> None:
        """Add one parameter's part; when all of the layer are there, or one comes again, a pass is complete."""
        if who not in waiting:
            self._finish(name)
            waiting |= everyone
        waiting.discard(who)
        square = gradient.detach().square().sum()
        self._squares[name] = self._squares[name] + square if name in self._squares else square
        if not waiting:
            self._finish(name)
            waiting |= everyone

    def _finish(self, name: str) -> None:
        norm = self._squares.pop(name).sqrt()
        self._sums[name] = self._sums[name] + norm if name in self._sums else norm
        self._passes[name] = self._passes.get(name, 0) + 1

    def mark(self, epoch: int) -> None:
        """Note the means since the last mark under ``epoch``; nothing where no backward pass was seen."""
        for name in list(self._squares):  # a layer of which some parameters took no part
            self._finish(name)
        if self._passes:
            means = {name: float(self._sums[name]) / self._passes[name] for name in self._layers if name in self._sums}
            self.records.append({"epoch": epoch, **means})
        self._sums, self._passes = {}, {}

    def update(self, history: Any) -> None:
        """Told by the training loop: ``history.records`` has grown, or training begins."""
        if history.records:
            self.mark(history.records[-1]["epoch"])

    def close(self) -> None:
        """Take all hooks off the network."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


class LagNorms(NamedTuple):
    """``norm`` (lags, batch): what is left of the gradient ``lag`` (lags,) steps back; both from lag 0 on."""

    lag: Tensor
    norm: Tensor


def state_gradient_by_lag(
    layer: Any, x: Tensor, loss: Callable[[Tensor], Tensor] = torch.sum, state: Any = None
) -> LagNorms:
    """|d L / d s_{T-lag}|, L a function of the last output: how much a recurrent layer's past still matters.

        d L / d s_{T-lag} = d L / d s_T prod_{k=T-lag+1..T} d s_k / d s_{k-1}

    Vanishing gradients fall as a straight line on a logarithmic scale, exploding ones rise (catalogue 155).

    Args:
        layer: a recurrent layer: ``step(x_t, state) -> (output, state)``, the state a list of tuples of tensors
            (batch, ...). It runs in evaluation mode and is left in its own.
        x: (batch, time, features ...).
        loss: of the last output (batch, features ...), a scalar that does not mix rows; by default its sum.
        state: before the first step; by default the layer's initial one.

    Returns:
        Lags 0 .. T - 1 (to the state after the first step), of all states of all levels together; at lag 0 |d L / d
        output|.

    Raises:
        ArgumentError: a layer without ``step``.
        InputError: no step.

    Source: Pascanu, Mikolov and Bengio 2013, equations 3 to 5.
    """
    if not callable(getattr(layer, "step", None)):
        message = f"{type(layer).__name__} does not run step by step"
        raise ArgumentError(message, hint="give a gatefield.recurrent.Recurrent", path=("layer",))
    if x.dim() < 3 or x.shape[1] == 0:
        raise InputError(f"x of shape {tuple(x.shape)} has no step", hint="give (batch, time, features)")
    history: list[list[Tensor]] = []
    with evaluating(layer), torch.enable_grad():
        first, *others = x.detach().unbind(1)
        output, state = layer.step(first, state)
        for x_t in others:
            # copies: the gradient by them counts what the later steps make of a state, all its parts independent
            state = [type(level)(*(_copy(values) for values in level)) for level in state]
            history.append([values for level in state for values in level])
            output, state = layer.step(x_t, state)
        output = _copy(output)
        history.append([output])
        found = iter(torch.autograd.grad(loss(output), [v for step in history for v in step], allow_unused=True))
    norms = [_norm([next(found) for _ in step], like=output) for step in history]
    return LagNorms(torch.arange(len(norms)), torch.stack(norms[::-1]))


def input_gradient_by_lag(
    model: nn.Module, x: Tensor, loss: Callable[[Any], Tensor] = lambda outputs: outputs.sum()
) -> LagNorms:
    """|d L / d x_{T-lag}|: how much the input ``lag`` steps back matters, for a sequence model of any kind.

    Args:
        model: reads x; it runs in evaluation mode and is left in its own.
        x: float (batch, time, features ...).
        loss: of what the model returns, a scalar that does not mix rows.

    Raises:
        InputError: no step, or an input that has no gradient.
    """
    if x.dim() < 3 or x.shape[1] == 0 or not x.is_floating_point():
        message = f"x of {x.dtype} and shape {tuple(x.shape)} has no gradient along time"
        raise InputError(message, hint="give real numbers (batch, time, features); of symbols, their embeddings")
    given = x.detach().clone().requires_grad_()
    with evaluating(model), torch.enable_grad():
        (gradient,) = torch.autograd.grad(loss(model(given)), given)
    norms = gradient.flatten(2).norm(dim=2).T.flip(0)
    return LagNorms(torch.arange(len(norms)), norms)


class LagFlow:
    """Watches, while a network is trained, how far back in time its gradient reaches (catalogue 155).

        flow = LagFlow(lambda: state_gradient_by_lag(net.recurrent, x))
        fit(..., recorders=[flow])
        gradient_by_lag_figure(flow.curves())

    As a recorder of the training loop it measures before the first epoch and after each; in a loop of one's own, where
    `mark` says.

    Args:
        measure: what `state_gradient_by_lag` or `input_gradient_by_lag` finds in the network as it is, of the same
            sequences every time.

    Attributes:
        records: epoch -> what was measured after it; 0: before the first.
    """

    def __init__(self, measure: Callable[[], LagNorms]) -> None:
        self.records: dict[int, LagNorms] = {}
        self._measure = measure

    def mark(self, epoch: int) -> None:
        """Measure, and keep it under ``epoch``."""
        self.records[epoch] = self._measure()

    def update(self, history: Any) -> None:
        """Told by the training loop: ``history.records`` has grown, or training begins."""
        self.mark(history.records[-1]["epoch"] if history.records else 0)

    def close(self) -> None:
        """Nothing is held."""

    def curves(self, count: int = 4) -> dict[str, LagNorms]:
        """The first record, the last, and others between, ``count`` in all: what a figure of curves takes."""
        epochs = sorted(self.records)
        return {f"epoch {epochs[k]}": self.records[epochs[k]] for k in spread_over(len(epochs), count).tolist()}


def equal_pieces(sequences: Sequence[Tensor], longest: int, rows: int) -> Tensor:
    """Pieces of one length of sequences (1, time, features), cut from their ends, (rows, steps, features).

    Args:
        sequences: of any lengths.
        longest: steps of a piece at most; it has as many as the longest sequence where that is shorter.
        rows: pieces at most.
    """
    steps = min(longest, max(x.shape[1] for x in sequences))
    ends = ((x[0], end) for x in sequences for end in range(x.shape[1], steps - 1, -max(steps, 1)))
    return torch.stack([x[end - steps : end] for x, end in itertools.islice(ends, rows)])


def _copy(values: Tensor) -> Tensor:
    """A copy by which a gradient can be asked for, also of values that depend on no parameter."""
    return values.clone() if values.requires_grad else values.detach().clone().requires_grad_()


def _norm(gradients: list[Tensor | None], like: Tensor) -> Tensor:
    """The norm of all ``gradients`` together, (batch,); those that are None are zero."""
    squares = [gradient.detach().flatten(1).square().sum(1) for gradient in gradients if gradient is not None]
    return torch.stack(squares).sum(0).sqrt() if squares else like.new_zeros(len(like))


def _parameters_by_layer(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The parameters that are trained, by the module they belong to; a shared one under its first owner."""
    layers: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            layers.setdefault(name.rpartition(".")[0] or name, []).append(parameter)
    if not layers:
        raise InputError(f"{type(model).__name__} has nothing to train", hint="unfreeze: parameter.requires_grad_()")
    return layers
