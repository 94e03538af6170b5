"""The worked examples of the decks on pictures and their classes: catalogue 13 and 14."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from gatefield.data.decode import decode
from gatefield.data.preparation import Preparation
from gatefield.models.vision.softmax_regression import SoftmaxRegression
from gatefield.tasks.classifier import TrainedClassifier
from gatefield.training.objectives.cross_entropy import CrossEntropy


def test_digit_read_out():
    """Catalogue 13 and erratum 8: the 10 % of index 0 are of the digit 0; the slide says 1."""
    chances = [0.1, 0, 0, 0.1, 0, 0, 0.6, 0, 0, 0.2]
    net = SoftmaxRegression((1, 1, 1), 10)
    with torch.no_grad():
        net.classifier.output.weight.zero_()
        net.classifier.output.bias.copy_(torch.tensor(chances).log())
    preparation, digits = Preparation((1, 1, 1), [0.0], [255.0]), [str(digit) for digit in range(10)]
    classifier = TrainedClassifier(net, preparation, digits, CrossEntropy(), torch.device("cpu"))
    (answer,) = classifier.answers(iter([("slide", torch.zeros(1, 1, 1, dtype=torch.uint8))]), top=10)
    read = {row["label"]: row["probability"] for row in answer["top"]}
    assert answer["label"] == "6"
    assert read == {str(digit): pytest.approx(chance, abs=1e-6) for digit, chance in enumerate(chances)}


def test_a_picture_is_a_matrix_of_grey_levels_and_a_color_one_is_three(tmp_path):
    """Catalogue 14: 12x16 numbers from 0, black, to 255, white; red, green and blue are a matrix each."""
    grey = torch.linspace(0, 255, 12 * 16).round().to(torch.uint8).view(12, 16)
    Image.fromarray(grey.numpy()).save(tmp_path / "grey.png")
    assert torch.equal(decode(tmp_path / "grey.png", 1), grey[None])
    assert torch.equal(decode(tmp_path / "grey.png", 3), grey.expand(3, 12, 16))  # equal parts of all three are grey
    color = torch.stack([grey, grey.flip(0), grey.flip(1)])
    Image.fromarray(color.permute(1, 2, 0).contiguous().numpy()).save(tmp_path / "color.png")
    assert torch.equal(decode(tmp_path / "color.png", 3), color)
    for mode, expected in (("black", 0), ("white", 255)):
        Image.new("RGB", (1, 1), mode).save(tmp_path / f"{mode}.png")
        assert decode(tmp_path / f"{mode}.png", 1).item() == expected
