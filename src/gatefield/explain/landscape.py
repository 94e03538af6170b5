"""The loss around trained weights: along random directions as long as the filters, and along the way of training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, suggest
from ..functional.layer_outputs import evaluating

#: A step in the space of weights: parameter -> change.
Direction = dict[str, Tensor]

#: The loss of a network, computed without gradients: a number or a scalar tensor.
Loss = Callable[[nn.Module], Any]

Scale = Literal["filter", "layer", "none"]


def random_directions(
    model: nn.Module, count: int = 2, seed: int = 0, scale: Scale = "filter", vectors: bool = False
) -> list[Direction]:
    """Gaussian directions, scaled so that a step means the same for small and large weights (catalogue 102).

        filter:  d_{i,j} <- d_{i,j} / |d_{i,j}| |theta_{i,j}|        j a filter of layer i: a slice of the first axis
        layer:   d_i     <- d_i     / |d_i|     |theta_i|

    Args:
        model: any network.
        count: how many directions.
        seed: of all of them.
        scale: ``filter`` is the paper's; ``none`` leaves them as drawn.
        vectors: whether biases and the parameters of normalizations move as well, each as one filter; in the paper's
            figures they stay.

    Source: Li, Xu, Taylor, Studer and Goldstein 2018, section 4.
    """
    if count < 1:
        raise ArgumentError(f"{count} directions", hint="give a number from 1", path=("count",))
    random = torch.Generator().manual_seed(seed)
    return [
        {
            name: _scaled(torch.randn(theta.shape, generator=random).to(theta), theta.detach(), scale, vectors)
            for name, theta in _parameters(model)
        }
        for _ in range(count)
    ]


def loss_line(model: nn.Module, loss: Loss, direction: Direction, x: Tensor) -> Tensor:
    """loss(theta + x_i d), float64 (len(x),): the loss along one direction. For the rest see `loss_surface`."""
    return _losses(model, loss, [direction], x[:, None].double())


def loss_surface(model: nn.Module, loss: Loss, directions: Sequence[Direction], x: Tensor, y: Tensor) -> Tensor:
    """loss(theta + x_j d_1 + y_i d_2), float64 (len(y), len(x)): the loss over a plane.

    The model is in evaluation mode while it is measured. Weights, buffers and modes are afterwards what they were, bit
    for bit, also where the loss fails or is interrupted. At x = y = 0 it is the loss itself, bit for bit.

    Args:
        model: any network.
        loss: measures it; should not depend on chance.
        directions: two, from `random_directions` or `trajectory`.
        x, y: coordinates along them.

    Raises:
        ArgumentError: other than two directions, or some of another network.
    """
    if len(directions) != 2:
        message = f"a plane has two directions, not {len(directions)}"
        raise ArgumentError(message, hint="use loss_line for one direction", path=("directions",))
    grid = torch.cartesian_prod(y.double(), x.double()).view(-1, 2).flip(1)
    return _losses(model, loss, directions, grid).view(len(y), len(x))


@contextlib.contextmanager
def moved(model: nn.Module, directions: Sequence[Direction], coordinates: Sequence[float]) -> Iterator[None]:
    """Inside the block the weights are theta + sum_k coordinates_k d_k; afterwards they are restored exactly."""
    with _kept(model) as theta:
        _move(model, theta, directions, coordinates)
        yield


class Trajectory(NamedTuple):
    """The way of training, seen from its end.

    Attributes:
        directions: the principal directions of the way, of length 1 and at right angles.
        coordinates: (checkpoints, directions), where each checkpoint lies, the model's weights at 0.
        explained: (directions,), the share of the way's variance along each.
    """

    directions: list[Direction]
    coordinates: Tensor
    explained: Tensor


def trajectory(model: nn.Module, checkpoints: Sequence[Mapping[str, Tensor]], count: int = 2) -> Trajectory:
    """The principal directions of training, and the way in their plane; random directions would show nothing of it.

    Args:
        model: with the weights to look from, the last ones.
        checkpoints: parameter -> values at some moments, as `Snapshots` or ``state_dict`` give them; at least
            ``count`` + 1.
        count: directions.

    Raises:
        ArgumentError: too few checkpoints, or some of another network.

    Source: Li, Xu, Taylor, Studer and Goldstein 2018, section 7.2.
    """
    if len(checkpoints) <= count:
        message = f"{len(checkpoints)} checkpoints for {count} directions"
        raise ArgumentError(message, hint=f"give at least {count + 1}", path=("checkpoints",))
    theta = _parameters(model)
    for checkpoint in checkpoints:
        _check_names(dict(theta), checkpoint, "checkpoints")
    M = torch.stack(
        [
            torch.cat([(point[name].to(values) - values.detach()).flatten().double() for name, values in theta])
            for point in checkpoints
        ]
    )
    _, S, Vh = torch.linalg.svd(M - M.mean(0), full_matrices=False)
    variance = S.square()
    explained = (variance / variance.sum())[:count] if variance.sum() > 0 else torch.zeros(count, dtype=S.dtype)
    sizes = [values.numel() for _, values in theta]
    directions = [
        {name: part.view_as(values).to(values) for (name, values), part in zip(theta, axis.split(sizes))}
        for axis in Vh[:count]
    ]
    return Trajectory(directions, M @ Vh[:count].T, explained)


class Snapshots:
    """Keeps copies of a network's parameters while it is trained, for `trajectory`.

    A recorder of the training loop (``fit(..., recorders=[Snapshots(model)])``), or called by hand: `take`.

    Attributes:
        checkpoints: parameter -> values on the CPU, oldest first.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.checkpoints: list[dict[str, Tensor]] = []

    def take(self) -> None:
        """Copy the parameters as they are."""
        self.checkpoints.append({name: values.detach().cpu().clone() for name, values in _parameters(self.model)})

    def update(self, history: Any) -> None:
        """Told by the training loop of every epoch, and of the beginning."""
        self.take()

    def close(self) -> None:
        """Training has ended."""


def _losses(model: nn.Module, loss: Loss, directions: Sequence[Direction], grid: Tensor) -> Tensor:
    """The losses at the points ``grid`` (number, directions)."""
    for direction in directions:
        _check_names(dict(_parameters(model)), direction, "directions")
    losses = torch.zeros(len(grid), dtype=torch.float64)
    with evaluating(model), torch.no_grad(), _kept(model) as theta:
        for i, coordinates in enumerate(grid.tolist()):
            _move(model, theta, directions, coordinates)
            losses[i] = float(loss(model))
    return losses


@contextlib.contextmanager
def _kept(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Copies of all parameters and buffers, written back at the end."""
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    copies = {name: values.detach().clone() for name, values in own.items()}
    try:
        yield copies
    finally:
        with torch.no_grad():
            for name, values in own.items():
                values.copy_(copies[name])


def _move(
    model: nn.Module, theta: Mapping[str, Tensor], directions: Sequence[Direction], coordinates: Sequence[float]
) -> None:
    with torch.no_grad():
        for name, values in _parameters(model):
            values.copy_(theta[name])
            for direction, step in zip(directions, coordinates):
                if step:  # a step of 0 leaves every bit
                    values.add_(direction[name].to(values), alpha=step)


def _scaled(d: Tensor, theta: Tensor, scale: Scale, vectors: bool) -> Tensor:
    if theta.dim() <= 1 and not vectors:
        return torch.zeros_like(d)
    if scale == "none":
        return d
    axes = tuple(range(1, d.dim())) if scale == "filter" and d.dim() > 1 else tuple(range(d.dim()))
    if not axes:
        return d.sign() * theta.abs()
    norm = torch.linalg.vector_norm
    length = norm(d, dim=axes, keepdim=True)
    return d * (norm(theta, dim=axes, keepdim=True) / torch.where(length > 0, length, torch.ones_like(length)))


def _parameters(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, values) for name, values in model.named_parameters() if values.is_floating_point()]


def _check_names(own: Mapping[str, Tensor], given: Mapping[str, Tensor], argument: str) -> None:
    """Raise unless ``given`` has every parameter, in its shape."""
    for name, values in own.items():
        if name not in given:
            hint = f"{suggest(name, given)}"
            raise ArgumentError(f"there is no '{name}' in one of the {argument}", hint=hint, path=(argument,))
        if given[name].shape != values.shape:
            message = f"'{name}' is {tuple(given[name].shape)} in one of the {argument}, {tuple(values.shape)} here"
            raise ArgumentError(message, hint="give those of the same network", path=(argument,))
