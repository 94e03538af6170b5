"""Euclidean radial basis function units with fixed codes, the output layer of LeNet-5."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ..core.arguments import PositiveInt
from ..core.errors import ArgumentError
from ..core.seeding import generator
from .layer import Layer, LayerExample

#: The ten digits as bitmaps of 12 rows of 7, in the manner of figure 3 of LeCun et al. (1998).
DIGIT_BITMAPS = """
..###.. ...#... .#####. .#####. .....#. ####### ..####. ####### .#####. .#####.
.#...#. ..##... #.....# #.....# ....##. #...... .#..... #.....# #.....# #.....#
#.....# .#.#... ......# ......# ...#.#. #...... #...... ......# #.....# #.....#
#.....# ...#... ......# ......# ..#..#. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....#. ......# .#...#. #.###.. #...... .....#. .#...#. #.....#
#.....# ...#... ....#.. ..####. #....#. ##...#. #.####. ....#.. ..###.. .#...##
#.....# ...#... ...#... ......# #....#. ......# ##....# ....#.. .#...#. ..###.#
#.....# ...#... ..#.... ......# ####### ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... #...... ......# .....#. #.....# #.....# ..#.... #.....# ......#
.#...#. ...#... #...... #.....# .....#. .#...#. .#...#. ..#.... #.....# .....#.
..###.. .#####. ####### .#####. .....#. ..###.. ..###.. ..#.... .#####. .####..
"""


class RadialBasisOutput(Layer):
    """y_i = sum_j (x_j - w_ij)^2: the squared distance of x to the code w_i of class i; the smallest wins.

    The codes hold +1 and -1, are fixed and count as no parameters.

    Args:
        features: length of x and of a code.
        classes: number of codes.
        codes: ``digits`` for bitmaps of the ten digits (84 features, 10 classes); ``random`` for distinct codes drawn
            from a fixed seed, the same in every run.

    Raises:
        ArgumentError: the digits do not have this shape, or there are fewer codes than classes.

    Source: LeCun, Bottou, Bengio and Haffner (1998), equation 7 and figure 3. Departs from the paper: the bitmaps are
    our own drawings, since the paper prints them as pictures only.
    """

    name = "radial-basis-output"
    reference = "lecun1998"
    codes: Tensor

    def __init__(
        self, features: PositiveInt, classes: PositiveInt, codes: Literal["digits", "random"] = "random"
    ) -> None:
        super().__init__()
        if codes == "digits" and (features, classes) != (84, 10):
            raise ArgumentError(
                f"the bitmaps of the digits are 10 codes of 84, not {classes} of {features}",
                hint="choose codes 'random'",
                path=("codes",),
            )
        if classes > 2**features:
            raise ArgumentError(
                f"there are no {classes} different codes of {features} signs",
                hint=f"give at least {math.ceil(math.log2(classes))} features",
                path=("features",),
            )
        self.register_buffer("codes", digit_codes() if codes == "digits" else _random_codes(features, classes))

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"features": 5, "classes": 3}, (5,)),
            LayerExample({"features": 84, "classes": 10, "codes": "digits"}, (84,)),
        ]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        return self.codes.numel()

    def forward(self, x: Tensor) -> Tensor:
        return (x[..., None, :] - self.codes).square().sum(-1)


def digit_codes() -> Tensor:
    """The bitmaps as codes (10, 84): +1 for ink, -1 for paper, row by row."""
    lines = [line.split() for line in DIGIT_BITMAPS.split("\n") if line]
    drawings = ["".join(line[digit] for line in lines) for digit in range(10)]
    return torch.tensor([[1.0 if cell == "#" else -1.0 for cell in drawing] for drawing in drawings])


def _random_codes(features: int, classes: int) -> Tensor:
    stream = generator(0, "radial basis codes", features)
    codes: dict[tuple[int, ...], None] = {}  # a dict keeps the order in which the codes were drawn
    while len(codes) < classes:
        signs = 2 * torch.randint(2, (features,), generator=stream, device="cpu") - 1
        codes[tuple(signs.tolist())] = None
    return torch.tensor(list(codes), dtype=torch.get_default_dtype())
