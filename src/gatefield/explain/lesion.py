"""Lesions: what a network can do without some of its blocks, or with them in another order."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..functional.layer_outputs import Inputs, evaluating, find_layer, run

#: Measures a network, without gradients: its error rate or its accuracy, for example. A number or a scalar tensor.
Score = Callable[[nn.Module], Any]


class Residual(Protocol):
    """What makes a module a residual block here: it computes y = residual(x) + shortcut(x), give or take activations.

    ``shortcut`` is None in a plain twin, which computes y = residual(x). Both are called as modules.
    """

    residual: nn.Module
    shortcut: nn.Module | None


def residual_blocks(model: nn.Module) -> list[str]:
    """The names of the residual blocks of ``model`` and of the plain twins of such, from the input up."""
    return [name for name, module in model.named_modules() if name and _is_block(module)]


@contextlib.contextmanager
def dropped(model: nn.Module, names: Sequence[str]) -> Iterator[None]:
    """Inside the block ``model`` runs without the blocks or layers ``names``; nothing of it is changed.

    A residual block is left with its shortcut, y = shortcut(x); a plain block or any other layer hands on its input.

    Raises:
        ArgumentError: there is no such layer; on running, a layer that has no shortcut and changes the shape.

    Source: Veit, Wilber and Belongie 2016, section 4.1.
    """
    with contextlib.ExitStack() as hooks:
        for name in dict.fromkeys(names):
            module = find_layer(model, name)
            if _has_shortcut(module):
                hook = module.get_submodule("residual").register_forward_hook(_nothing)
            else:
                hook = module.register_forward_hook(_Bypass(name))
            hooks.callback(hook.remove)
        yield


@contextlib.contextmanager
def reordered(model: nn.Module, order: Sequence[str]) -> Iterator[None]:
    """Inside the block the modules ``order`` stand in each other's places: the first where the first of them stood.

    Places are taken in the order of the network, so that the names in that order change nothing. Afterwards every
    module is back in its own.

    Raises:
        ArgumentError: a name that is unknown or comes twice, or modules whose weights have different shapes.

    Source: Veit, Wilber and Belongie 2016, section 4.3.
    """
    modules = {name: find_layer(model, name) for name in order}
    if len(modules) != len(order):
        raise ArgumentError("a block is named twice", hint="name every block once", path=("order",))
    places = [name for name, _ in model.named_modules() if name in modules]
    for place, name in zip(places, order):
        if _shapes(modules[place]) != _shapes(modules[name]):
            hint = "reorder only blocks of one stage: `interchangeable` groups them"
            raise ArgumentError(f"'{name}' does not fit in the place of '{place}'", hint=hint, path=("order",))
    slots = [(model.get_submodule(place.rpartition(".")[0]), place.rpartition(".")[2]) for place in places]
    try:
        for (parent, key), name in zip(slots, order):
            parent._modules[key] = modules[name]
        yield
    finally:
        for (parent, key), place in zip(slots, places):
            parent._modules[key] = modules[place]


def droppable(model: nn.Module, inputs: Inputs, among: Sequence[str] | None = None) -> list[str]:
    """Those of ``among`` that `dropped` can leave out: with a shortcut, or with an output shaped as the input.

    Args:
        model: any network.
        inputs: a batch to try it on.
        among: names; by default its residual blocks, or where there are none its convolutions.

    Raises:
        ArgumentError: there is no such layer, or nothing to choose from.
    """
    if among is None:
        kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
        convolutions = [name for name, module in model.named_modules() if isinstance(module, kinds)]
        among = residual_blocks(model) or convolutions
        if not among:
            message = f"{type(model).__name__} has neither residual blocks nor convolutions"
            raise ArgumentError(message, hint="name the layers to drop", path=("among",))
    can = {name for name in among if _has_shortcut(find_layer(model, name))}
    with contextlib.ExitStack() as hooks:
        for name in among:
            if name not in can:
                hooks.callback(find_layer(model, name).register_forward_hook(_Compare(name, can)).remove)
        with evaluating(model), torch.no_grad():
            run(model, inputs)
    return [name for name in among if name in can]


class Lesion(NamedTuple):
    """The score of the network without the block ``name``."""

    name: str
    score: float


def lesion_study(model: nn.Module, score: Score, names: Sequence[str] | None = None) -> list[Lesion]:
    """The score without each of the blocks, one at a time (catalogue 104).

    Args:
        model: runs in evaluation mode and is left as it was, also where ``score`` fails.
        score: measures the network.
        names: by default all residual blocks; see `droppable`.

    Raises:
        ArgumentError: no such layer, or none with which to begin.
    """
    names = _blocks(model) if names is None else names
    found = []
    with evaluating(model), torch.no_grad():
        for name in names:
            with dropped(model, [name]):
                found.append(Lesion(name, float(score(model))))
    return found


def drop_study(
    model: nn.Module,
    score: Score,
    counts: Sequence[int],
    names: Sequence[str] | None = None,
    repeats: int = 3,
    seed: int = 0,
) -> Tensor:
    """The scores without several blocks chosen at random: float64 (counts, repeats).

    Args:
        model, score, names: as for `lesion_study`.
        counts: how many blocks to drop, from 0 to all.
        repeats: choices for each of ``counts``.
        seed: of the choices.

    Source: Veit, Wilber and Belongie 2016, figure 5a.
    """
    names = _blocks(model) if names is None else list(names)
    for count in counts:
        if not 0 <= count <= len(names):
            message = f"cannot drop {count} of {len(names)} blocks"
            raise ArgumentError(message, hint=f"choose from 0 to {len(names)}", path=("counts",))
    random = torch.Generator().manual_seed(seed)
    scores = torch.zeros(len(counts), repeats, dtype=torch.float64)
    with evaluating(model), torch.no_grad():
        for i, j in itertools.product(range(len(counts)), range(repeats)):
            chosen = torch.randperm(len(names), generator=random)[: counts[i]].tolist()
            with dropped(model, [names[k] for k in chosen]):
                scores[i, j] = float(score(model))
    return scores


class Shuffles(NamedTuple):
    """``correlation`` (swaps, repeats), Kendall's tau of the order of the blocks with their own; ``score`` likewise."""

    correlation: Tensor
    score: Tensor


def shuffle_study(model: nn.Module, score: Score, swaps: Sequence[int], repeats: int = 3, seed: int = 0) -> Shuffles:
    """The scores with residual blocks in another order: pairs of like blocks change places, drawn at random.

    Args:
        model, score: as for `lesion_study`.
        swaps: how many pairs change places, one after the other; 0 leaves the network as it is.
        repeats: orders for each of ``swaps``.
        seed: of the choices.

    Raises:
        ArgumentError: no two blocks can stand in each other's place.

    Source: Veit, Wilber and Belongie 2016, section 4.3 and figure 5b.
    """
    blocks = _blocks(model)
    groups = [group for group in interchangeable(model) if len(group) > 1]
    if not groups:
        message = f"no two residual blocks of {type(model).__name__} can change places"
        raise ArgumentError(message, hint="build it with several blocks a stage", path=("model",))
    random = torch.Generator().manual_seed(seed)
    shape = (len(swaps), repeats)
    correlation, scores = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    pairs = [pair for group in groups for pair in itertools.combinations(group, 2)]
    with evaluating(model), torch.no_grad():
        for i, j in itertools.product(range(len(swaps)), range(repeats)):
            order = list(blocks)
            for _ in range(swaps[i]):
                a, b = (blocks.index(name) for name in pairs[int(torch.randint(len(pairs), (), generator=random))])
                order[a], order[b] = order[b], order[a]
            correlation[i, j] = kendall_tau([blocks.index(name) for name in order])
            with reordered(model, order):
                scores[i, j] = float(score(model))
    return Shuffles(correlation, scores)


def interchangeable(model: nn.Module) -> list[list[str]]:
    """The residual blocks in groups that can stand in each other's places: same class, same shapes of weights."""
    groups: dict[Any, list[str]] = {}
    for name in residual_blocks(model):
        module = find_layer(model, name)
        groups.setdefault((type(module), _shapes(module)), []).append(name)
    return list(groups.values())


def kendall_tau(order: Sequence[int]) -> float:
    """Kendall's rank correlation, in [-1, 1], of ``order`` (different numbers) with its sorted self.

    tau = 1 - 4 inversions / (n (n - 1))
    """
    n = len(order)
    inversions = sum(a > b for a, b in itertools.combinations(order, 2))
    return 1 - 4 * inversions / (n * (n - 1)) if n > 1 else 1.0


def _blocks(model: nn.Module) -> list[str]:
    blocks = residual_blocks(model)
    if not blocks:
        message = f"{type(model).__name__} has no residual blocks"
        raise ArgumentError(message, hint="name the layers to drop", path=("model",))
    return blocks


def _is_block(module: nn.Module) -> bool:
    children = dict(module.named_children())
    return "residual" in children and ("shortcut" in children or getattr(module, "shortcut", 0) is None)


def _has_shortcut(module: nn.Module) -> bool:
    return _is_block(module) and getattr(module, "shortcut", None) is not None


def _nothing(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    """0 in place of F(x): what is added to the shortcut."""
    return output.new_zeros(())


class _Bypass:
    """Hands on a layer's input in place of its output."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, _module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        before, after = (getattr(value, "shape", (None,))[1:] for value in (inputs[0] if inputs else None, output))
        if before != after:
            message = f"'{self.name}' turns {tuple(before)} into {tuple(after)}"
            raise ArgumentError(message, hint="choose of `droppable`: layers that keep the shape", path=("names",))
        return inputs[0]


class _Compare:
    """Adds a layer's name to ``can`` if it keeps the shape."""

    def __init__(self, name: str, can: set[str]) -> None:
        self.name, self.can = name, can

    def __call__(self, _module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor) and inputs and inputs[0].shape == output.shape:
            self.can.add(self.name)


def _shapes(module: nn.Module) -> tuple[Any, ...]:
    return tuple((name, tuple(values.shape)) for name, values in module.state_dict(keep_vars=True).items())
