"""Convolutional layers that torch lacks, against an ordinary convolution or torch's own.

    python bench/convolutions.py            measure and judge
    python bench/convolutions.py --json     the same as one line for programs

Deformable convolution, also modulated: 64 to 64 channels, 3x3, 56x56, batch 8, forward and backward, by native code
and, without a promise, by torch's operations. Local response normalization:
96 maps of 55x55, batch 16, forward and backward. Sums of signs, packing of the input included: 256 to 256 channels,
3x3, 28x28, inference, against torch's float32 convolution in both memory formats; native code as this processor runs it
and as one without VPOPCNTDQ would. The packed layer has K and alpha to multiply by besides.
Contestants run in turn in one process; what counts is the ratio within a round, its median over the rounds. Before
anything is timed, outputs are compared.

Exit status: 0 measured and within every limit, 1 a comparison failed before measuring or a limit was missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import os
import sys
from collections.abc import Callable
from typing import cast

import torch
from alternate import Timings, alternate
from limits import Limit, judge
from torch import Tensor
from torch.nn import functional as F

from gatefield.core.console import Console
from gatefield.functional import native
from gatefield.functional.binarize import signs
from gatefield.functional.deformable import deformable_convolution
from gatefield.functional.packed_signs import pack_kernels
from gatefield.layers.binary_convolution import BinaryConvolution
from gatefield.layers.local_response_normalization import LocalResponseNormalization
from gatefield.layers.packed_binary import pack_binary_layers

FLOATS = ("float32", "float32 channels-last")
#: Sums of signs take at most this part of float32's time, in whichever memory format that is faster.
SIGN_LIMITS = {"avx512-vpopcntdq": 0.142, "avx2": 0.4}  # a seventh, and 1 / 2.5
LIMITS = [
    Limit("deformable", "convolution", 6.0),
    Limit("modulated deformable", "convolution", 6.0),
    Limit("LRN", "torch's LRN", 1.0),
    *(Limit(f"signs {level}", other, most) for level, most in SIGN_LIMITS.items() for other in FLOATS),
]
#: What is measured without a promise.
REPORTED = [
    ("deformable by torch", "convolution"),
    ("modulated deformable by torch", "convolution"),
    ("signs baseline", "float32"),
    ("packed layer", "float32"),
]


class Mismatch(Exception):
    """Contestants that ought to agree do not."""


def require_equal(name: str, mine: Tensor, other: Tensor, tolerance: float) -> None:
    error = float((mine - other).abs().max() / other.abs().max())
    if not error <= tolerance:
        raise Mismatch(f"{name} is off by {error:.1e}")


def training(function: Callable[..., Tensor], *inputs: Tensor) -> Callable[[], object]:
    """Forward and backward to all inputs."""
    for tensor in inputs:
        tensor.requires_grad_()
    slope = torch.randn_like(function(*inputs))

    def step() -> None:
        torch.autograd.grad(function(*inputs), inputs, slope)

    return step


def deformable() -> dict[str, Callable[[], object]]:
    x, weight = torch.randn(8, 64, 56, 56), torch.randn(64, 64, 3, 3) / 24
    offset, mask = torch.randn(8, 18, 56, 56), torch.rand(8, 9, 56, 56)
    zero = deformable_convolution(x, torch.zeros_like(offset), weight, padding=1)
    require_equal("deformable convolution at zero offsets", zero, F.conv2d(x, weight, padding=1), 1e-6)
    first = training(lambda x, w, o: deformable_convolution(x, o, w, padding=1), x, weight, offset)
    second = training(lambda x, w, o, m: deformable_convolution(x, o, w, mask=m, padding=1), x, weight, offset, mask)
    return {
        "convolution": training(lambda x, w: F.conv2d(x, w, padding=1), x, weight),
        "deformable": first,
        "modulated deformable": second,
        "deformable by torch": by_torch(first),
        "modulated deformable by torch": by_torch(second),
    }


def by_torch(contestant: Callable[[], object]) -> Callable[[], object]:
    """The same without native code."""

    def step() -> None:
        os.environ["GATEFIELD_ENGINE"] = "torch"
        contestant()
        del os.environ["GATEFIELD_ENGINE"]

    return step


def normalization() -> dict[str, Callable[[], object]]:
    x = torch.randn(16, 96, 55, 55)
    mine, other = LocalResponseNormalization(alpha=1e-4), torch.nn.LocalResponseNorm(5, alpha=5e-4, k=2.0)
    require_equal("local response normalization", mine(x), other(x), 1e-6)
    return {"LRN": training(mine, x), "torch's LRN": training(other, x)}


def binary() -> dict[str, Callable[[], object]]:
    layer, x = BinaryConvolution(256, 256, 3, padding=1).eval(), torch.randn(1, 256, 28, 28)
    packed, weight = pack_binary_layers(layer), layer.weight.detach()
    require_equal("packed layer", packed(x), layer(x).detach(), 0.0)
    kernels, sums = pack_kernels(weight), F.conv2d(signs(x), signs(weight), padding=1)
    x_last, weight_last = x.to(memory_format=torch.channels_last), weight.to(memory_format=torch.channels_last)
    contestants: dict[str, Callable[[], object]] = {
        "float32": lambda: F.conv2d(x, weight, padding=1),
        "float32 channels-last": lambda: F.conv2d(x_last, weight_last, padding=1),
        "packed layer": lambda: packed(x),
    }
    for level, library in native.libraries().items():
        sign_convolution = functools.partial(library.sign_convolution, x, kernels, 1, 1, 1)
        require_equal(f"sums of signs by {level}", cast(Tensor, sign_convolution()), sums, 0.0)
        contestants[f"signs {level}"] = sign_convolution
    return contestants


def repeated(contestant: Callable[[], object], times: int) -> Callable[[], None]:
    def step() -> None:
        for _ in range(times):
            contestant()

    return step


#: What is compared, and how often a contestant works in a round: some take less than a millisecond.
FAMILIES = {deformable: 1, normalization: 1, binary: 20}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count (default 9)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the table on stderr")
    options = parser.parse_args()
    console = Console()
    torch.manual_seed(0)
    seconds: dict[str, list[float]] = {}
    for family, times in FAMILIES.items():
        try:
            contestants = {name: repeated(contestant, times) for name, contestant in family().items()}
        except Mismatch as mismatch:
            console.warn(f"nothing is reported: {mismatch}")
            return 1
        measured = alternate(contestants, options.rounds).seconds
        seconds |= {name: [spent / times for spent in rounds] for name, rounds in measured.items()}
    timings = Timings(seconds)
    verdicts = judge(LIMITS, timings, counts=True)
    facts = [f"{a} / {b}: {timings.ratio(a, b).median:.2f}, without a limit" for a, b in REPORTED if a in seconds]
    facts += [f"{name}: {1000 * timings.median(name):.2f} ms" for name in seconds]
    if options.json:
        console.json({"bench": "convolutions", "verdicts": [dataclasses.asdict(v) for v in verdicts], "facts": facts})
    else:
        console.result("\n".join([*map(str, verdicts), *facts]))
    return int(any(verdict.passed is False for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
