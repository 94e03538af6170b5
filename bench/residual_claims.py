"""Paths and landscapes of a residual net and its plain twin (claims 22 and 23).

    python bench/residual_claims.py                three seeds; some minutes on one core
    python bench/residual_claims.py --seeds 1      one of them
    python bench/residual_claims.py --json         the figures as one JSON line on stdout

Both nets have 24 blocks of two 3x3 convolutions, normalization and ReLU before each (pre-activation), the same first
weights name by name, and the same training on the 8x8 digits; only one of them has shortcuts. The median seed decides.

Claim 22 (Veit, Wilber and Belongie 2016, equation 6 and figure 6): n blocks have 2^n paths, binomially many of each
length, and of 54 blocks 95 % and more have a length from 19 to 35; yet short paths carry the gradient. Passes if the
counts are exact and the length with the largest share of the gradient is at most two thirds of the commonest length.

Claim 23 (Li, Xu, Taylor, Studer and Goldstein 2018, figures 1 and 7): the surface of the loss over a plane of two
filter-normalized directions is nearer to convex with shortcuts. Measured on 11 x 11 points of [-1, 1]^2, at each inner
one |smallest eigenvalue| / |largest| of the plane's Hessian, by differences, where the smallest is negative, else 0.
Passes if the mean of that is lower with shortcuts. The range of the loss is reported beside it.

What does not come true is printed as not reproduced. Exit status: 0, whatever came out.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gatefield import train
from gatefield.core.console import Console
from gatefield.explain.landscape import loss_surface, random_directions
from gatefield.explain.path_lengths import PathGradients, gradient_by_path_length, path_counts, path_shares
from gatefield.tasks.specimen import PictureSpecimen

BLOCKS = 8  # a stage; three stages
EPOCHS, WIDTH, IMAGES, SAMPLES, GRID = 10, 0.5, 128, 5, 11
BELOW = 2 / 3  # of the commonest length


class Surface(NamedTuple):
    """Of one net: accuracy on the test part, how far from convex its surface is, and the range of the loss there."""

    accuracy: float
    curvature: float
    lowest: float
    highest: float


def trained(shortcut: str, seed: int, folder: str, console: Console) -> tuple[PictureSpecimen, float]:
    """A net trained on the digits, with the pictures to look at it with, and its accuracy."""
    model = {
        "name": "resnet",
        "blocks": [BLOCKS] * 3,
        "stem": "cifar",
        "shortcut": shortcut,
        "order": "pre-activation",
        "width": WIDTH,
    }
    settings = ("data.size=null", "augment=[]", f"training.epochs={EPOCHS}")
    run = train(
        "digits", f"model={json.dumps(model)}", *settings, out=f"{folder}/{shortcut}", seed=seed, console=console
    )
    _, images = run.task.part("train")  # type: ignore[attr-defined]
    chosen = torch.linspace(0, len(images) - 1, IMAGES).round().long()
    specimen = PictureSpecimen(run.task.trained, images.subset(chosen), None, seed, console)  # type: ignore[attr-defined]
    return specimen, float(run.evaluate()["accuracy"])


def paths(specimen: PictureSpecimen) -> PathGradients:
    """The gradient at the input by length of path."""
    targets = specimen.images.labels[:64]

    def loss(outputs: Any) -> Tensor:
        return specimen.trained.objective.loss(outputs, targets)

    return gradient_by_path_length(specimen.model, specimen.inputs[:64], loss, samples=SAMPLES, seed=specimen.seed)


def landscape(specimen: PictureSpecimen, accuracy: float) -> Surface:
    """The loss over a plane around the weights."""
    axis = torch.linspace(-1, 1, GRID)
    directions = random_directions(specimen.model, 2, specimen.seed)
    f = loss_surface(specimen.model, lambda model: specimen.loss(model, IMAGES), directions, axis, axis)
    return Surface(accuracy, nonconvexity(f), float(f.min()), float(f.max()))


def nonconvexity(f: Tensor) -> float:
    """The mean over inner points of |l_min| / |l_max| where l_min < 0: 0 for a convex surface, at most 1.

    Points where the loss or a neighbor's has overflowed do not count.
    """
    f_xx = f[1:-1, 2:] - 2 * f[1:-1, 1:-1] + f[1:-1, :-2]
    f_yy = f[2:, 1:-1] - 2 * f[1:-1, 1:-1] + f[:-2, 1:-1]
    f_xy = (f[2:, 2:] - f[2:, :-2] - f[:-2, 2:] + f[:-2, :-2]) / 4
    hessian = torch.stack([torch.stack([f_xx, f_xy], -1), torch.stack([f_xy, f_yy], -1)], -1)
    hessian = hessian[hessian.isfinite().all(-1).all(-1)]
    low, high = torch.linalg.eigvalsh(hessian).unbind(-1)
    largest = torch.maximum(low.abs(), high.abs()).clamp(min=torch.finfo(f.dtype).tiny)
    return float(((-low).clamp(min=0) / largest).mean())


def exact_counts() -> bool:
    """2^n paths, binomially many of each length, for n up to 54; and the share of 19 to 35 blocks of 54."""
    whole = all(sum(path_counts(n)) == 2**n and path_counts(n)[n // 2] == math.comb(n, n // 2) for n in range(55))
    share = float(path_shares(54)[19:36].sum())
    print(f"paths: counts exact {whole}; of 54 blocks {share:.3f} of the paths pass 19 to 35", file=sys.stderr)
    return whole and share > 0.95


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="runs of both nets (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout")
    options = parser.parse_args()
    console, start = Console(quiet=True), time.perf_counter()
    counts = exact_counts()
    peaks, residual, plain = [], [], []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            net, accuracy = trained("zero-padding", seed, folder, console)
            found = paths(net)
            peaks.append(int(found.length[found.share.argmax()]))
            residual.append(landscape(net, accuracy))
            plain.append(landscape(*trained("none", seed, folder, console)))
        half = int((found.share.cumsum(0) < 0.5).sum())
        print(
            f"seed {seed}: gradient peaks at {peaks[-1]} of {3 * BLOCKS} blocks, half of it from up to {half}; "
            f"nonconvexity {residual[-1].curvature:.4f} with shortcuts, {plain[-1].curvature:.4f} without; loss "
            f"{residual[-1].lowest:.3g} to {residual[-1].highest:.3g}, {plain[-1].lowest:.3g} to "
            f"{plain[-1].highest:.3g}; accuracy {residual[-1].accuracy:.2%}, {plain[-1].accuracy:.2%} "
            f"({time.perf_counter() - start:.0f} s)",
            file=sys.stderr,
        )
    mode, peak = 3 * BLOCKS // 2, statistics.median(peaks)
    smooth, rough = (statistics.median(each.curvature for each in side) for side in (residual, plain))
    verdicts = {22: counts and peak <= BELOW * mode, 23: smooth < rough}
    says = {True: "reproduced", False: "NOT REPRODUCED"}
    print(f"claim 22: the gradient peaks at length {peak:g}, paths at {mode}: {says[verdicts[22]]}", file=sys.stderr)
    print(f"claim 23: nonconvexity {smooth:.4f} with, {rough:.4f} without: {says[verdicts[23]]}", file=sys.stderr)
    if options.json:
        rows = {"peaks": peaks, "residual": [r._asdict() for r in residual], "plain": [p._asdict() for p in plain]}
        print(json.dumps({**rows, "seconds": time.perf_counter() - start, "verdicts": verdicts}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
