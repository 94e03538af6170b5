"""Photographs through networks of the size of ImageNet's."""

from __future__ import annotations

import pytest
import torch

from gatefield.data.preparation import Preparation
from gatefield.explain.grad_cam import GradCAM
from gatefield.models.conversion.torchvision import PUBLISHED
from gatefield.models.vision.resnet import ResNet
from gatefield.render.overlay import overlay
from gatefield.tasks.pretrained import Pretrained, from_torchvision

CATS, DOGS = range(281, 286), range(151, 269)  # of ImageNet's list


@pytest.fixture
def photos(data_folder):
    if not (data_folder / "photos").is_dir():
        pytest.skip("no photographs")
    return data_folder / "photos"


def test_a_map_is_laid_over_a_photograph(photos):
    torch.manual_seed(0)
    model = ResNet(input_shape=(3, 224, 224), classes=1000, blocks=[2, 2, 2, 2], width=0.25).eval()
    network = Pretrained(model, Preparation((3, 224, 224), [123.7, 116.3, 103.5], [58.4, 57.1, 57.4]))
    assert network.preparation is not None
    raw = network.preparation.from_file(photos / "both.png")
    cat, dog = (GradCAM(relu=False).attribute(model, network.preparation(raw), target)[0] for target in (282, 242))
    assert cat.shape == (224, 224)
    assert not torch.allclose(cat, dog)
    drawn = overlay(raw[0], cat)
    assert drawn.shape == (3, 224, 224)
    red, _, blue = drawn.astype(int).reshape(3, -1)
    warmer = torch.from_numpy(red - blue).view(224, 224) - (raw[0, 0].int() - raw[0, 2].int()) * 0.35
    assert warmer[cat > 0.5 * cat.max()].float().mean() > warmer[cat < 0.5 * cat.min()].float().mean()


@pytest.mark.slow
def test_a_trained_network_looks_at_the_animal_that_is_asked_about(photos, data_folder):
    weights = data_folder / "weights" / PUBLISHED["resnet18"]
    if not weights.is_file():
        pytest.skip(f"no trained weights: {weights}")
    network = from_torchvision("resnet18", torch.load(weights, map_location="cpu", weights_only=True))
    assert network.preparation is not None
    for name, classes in (("cat.jpg", CATS), ("dog.jpg", DOGS)):
        x = network.preparation(network.preparation.from_file(photos / name))
        with torch.no_grad():
            assert int(network.model(x).argmax()) in classes, name
    x = network.preparation(network.preparation.from_file(photos / "both.png"))
    with torch.no_grad():
        scores = network.model(x)[0]
    cat, dog = (max(classes, key=lambda number: float(scores[number])) for classes in (CATS, DOGS))
    maps = [GradCAM().attribute(network.model, x, target)[0] for target in (cat, dog)]
    rows = torch.arange(224.0)
    below, above = (float((each.sum(1) * rows).sum() / each.sum()) for each in maps)
    assert below - above > 30  # the cat lies at the feet of the dog
