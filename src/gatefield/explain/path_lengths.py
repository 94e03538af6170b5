"""A residual net as the sum of all its paths: how long they are, and which of them carry the gradient."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..functional.layer_outputs import evaluating, find_layer
from .lesion import residual_blocks


def path_counts(blocks: int) -> list[int]:
    """How many of the 2^n paths through ``blocks`` residual blocks pass 0, 1, ..., n residuals: n over k, exactly.

    Each block doubles the paths: through its residual or around it (catalogue 103).

    Source: Veit, Wilber and Belongie 2016, section 3, equation 6.
    """
    if blocks < 0:
        raise ArgumentError(f"{blocks} residual blocks", hint="give a number from 0", path=("blocks",))
    return [math.comb(blocks, k) for k in range(blocks + 1)]


def path_shares(blocks: int) -> Tensor:
    """The binomial distribution of path lengths 0 .. n, float64 (n + 1,), which sums to 1: (n over k) / 2^n."""
    counts = path_counts(blocks)
    return torch.tensor([count / 2**blocks for count in counts], dtype=torch.float64)


class PathGradients(NamedTuple):
    """What paths of each length contribute to the gradient at the input of a network of n blocks.

    Attributes:
        length: 0 .. n.
        paths: (n + 1,), the share of all paths that have this length.
        norm: (n + 1,), the mean norm of the gradient through one path of this length.
        share: (n + 1,), paths x norm as shares of their sum; zeros where no gradient arrives at all.
    """

    length: Tensor
    paths: Tensor
    norm: Tensor
    share: Tensor


@contextlib.contextmanager
def one_path(model: nn.Module, through: Sequence[str]) -> Iterator[None]:
    """Inside the block the gradient takes one path: the residuals of ``through``, the shortcuts of all other blocks.

    The forward pass is the whole network's. Summed over all 2^n choices, the gradients are the whole gradient.

    Raises:
        ArgumentError: a name that is no residual block, or a network with blocks that have no shortcut.
    """
    blocks = _blocks(model)
    unknown = [name for name in through if name not in blocks]
    if unknown:
        message = f"'{unknown[0]}' is not a residual block of this network"
        raise ArgumentError(message, hint=f"choose of: {', '.join(blocks)}", path=("through",))
    with contextlib.ExitStack() as hooks:
        for name in blocks:
            block: Any = find_layer(model, name)
            closed = block.shortcut if name in through else block.residual
            hooks.callback(closed.register_forward_hook(_cut).remove)
        yield


def gradient_by_path_length(
    model: nn.Module,
    x: Tensor,
    loss: Callable[[Any], Tensor],
    lengths: Sequence[int] | None = None,
    samples: int = 10,
    seed: int = 0,
) -> PathGradients:
    """The norm of the gradient that reaches the input through sampled paths, by their length (catalogue 105).

    Args:
        model: a network of residual blocks with shortcuts; it runs in evaluation mode and is left as it was.
        x: a batch (batch, ...) of real numbers.
        loss: of the outputs, a scalar.
        lengths: those to measure; by default all from 0 to the number of blocks n.
        samples: paths drawn for each length; all of them where there are no more.
        seed: of the draws.

    Raises:
        ArgumentError: a network without residual blocks or with blocks that have no shortcut, or numbers out of range.

    Source: Veit, Wilber and Belongie 2016, section 5.1 and figure 6.
    """
    blocks = _blocks(model)
    n = len(blocks)
    measured = list(range(n + 1)) if lengths is None else list(lengths)
    outside = [length for length in measured if not 0 <= length <= n]
    if outside or samples < 1:
        message = f"{samples} paths of length {outside[0] if outside else measured[0]} through {n} blocks"
        raise ArgumentError(message, hint=f"choose lengths from 0 to {n} and samples from 1", path=("lengths",))
    random = torch.Generator().manual_seed(seed)
    norms = []
    given = x.detach().clone().requires_grad_()
    with evaluating(model), torch.enable_grad():
        for length in measured:
            found = []
            for chosen in _choices(n, length, samples, random):
                with one_path(model, [blocks[k] for k in chosen]):
                    (gradient,) = torch.autograd.grad(loss(model(given)), given)
                found.append(float(gradient.double().norm()))
            norms.append(sum(found) / len(found))
    norm = torch.tensor(norms, dtype=torch.float64)
    paths = path_shares(n)[measured]
    total = paths * norm
    share = total / total.sum() if total.sum() > 0 else torch.zeros_like(total)
    return PathGradients(torch.tensor(measured), paths, norm, share)


def _choices(n: int, length: int, samples: int, random: torch.Generator) -> list[list[int]]:
    """``samples`` different sets of ``length`` blocks out of ``n``, or all of them."""
    wanted = min(samples, math.comb(n, length))
    chosen: dict[tuple[int, ...], None] = {}
    while len(chosen) < wanted:
        chosen[tuple(sorted(torch.randperm(n, generator=random)[:length].tolist()))] = None
    return [list(blocks) for blocks in chosen]


def _blocks(model: nn.Module) -> list[str]:
    blocks = residual_blocks(model)
    if not blocks:
        message = f"{type(model).__name__} has no residual blocks"
        raise ArgumentError(message, hint="give a residual network", path=("model",))
    for name in blocks:
        if getattr(find_layer(model, name), "shortcut", None) is None:
            message = f"'{name}' has no shortcut: there is one path through it"
            raise ArgumentError(message, hint="give a residual network, not its plain twin", path=("model",))
    return blocks


def _cut(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    return output.detach()
