"""Augmentations against NumPy and torch, image by image."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError
from gatefield.core.seeding import generator
from gatefield.data.augmentations.augmentation import Augmentation
from gatefield.data.augmentations.color import Color
from gatefield.data.augmentations.crop import Crop
from gatefield.data.augmentations.flip import Flip
from gatefield.data.augmentations.rotate import Rotate
from gatefield.data.augmentations.shift import Shift

IDENTITIES = [Shift(0), Flip(probability=0.0), Crop(0), Rotate(0.0), Color(0.0, 0.0, 0.0)]
CHANGES = [Shift(2), Flip(), Crop(2), Crop(2, "edge"), Rotate(30.0), Color(), Color(saturation=0.5)]


def _images(count=8, channels=3, height=7, width=9, dtype=torch.uint8):
    pixels = torch.randint(0, 256, (count, channels, height, width), generator=torch.Generator().manual_seed(3))
    return pixels.to(dtype)


@pytest.mark.parametrize("augmentation", CHANGES, ids=lambda it: it.name)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_contract(augmentation, dtype):
    images = _images(20, dtype=dtype)
    before = images.clone()
    changed = augmentation(images, generator(0, "a"))
    assert changed.dtype == dtype
    assert changed.shape == images.shape
    assert torch.equal(images, before)
    assert not torch.equal(changed, images)
    assert torch.equal(changed, augmentation(images, generator(0, "a")))
    assert not torch.equal(changed, augmentation(images, generator(1, "a")))
    drawn = augmentation.draw(20, generator(0, "a"))
    part = slice(5, 11)
    torch.testing.assert_close(augmentation.apply(images[part], drawn[part]), changed[part], rtol=1e-6, atol=1e-4)
    assert augmentation(images[:0], generator(0, "a")).shape == (0, *images.shape[1:])
    again = Augmentation.from_config(augmentation.config())
    assert torch.equal(again(images, generator(0, "a")), changed)


def test_every_augmentation_is_tested():
    assert {type(it) for it in CHANGES} == set(family(Augmentation).classes) == {type(it) for it in IDENTITIES}


@pytest.mark.parametrize("augmentation", IDENTITIES, ids=lambda it: it.name)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_zero_strength_is_the_identity(augmentation, dtype):
    images = _images(dtype=dtype)
    assert torch.equal(augmentation(images, generator(0, "a")), images)


@pytest.mark.parametrize("augmentation", CHANGES, ids=lambda it: it.name)
def test_equal_images_are_changed_each_in_its_own_way(augmentation):
    images = _images(1).expand(32, -1, -1, -1)
    changed = augmentation(images, generator(0, "a"))
    assert len({pixels.numpy().tobytes() for pixels in changed}) >= (2 if isinstance(augmentation, Flip) else 8)


@given(
    st.integers(1, 5), st.integers(0, 255), st.integers(0, 99), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)
)
@settings(deadline=None, max_examples=40)
def test_shift_is_numpys_roll_with_fill(pixels, fill, seed, channels, height, width):
    shift = Shift(pixels, fill=float(fill))
    images = _images(6, channels, height, width)
    drawn = shift.draw(6, generator(seed, "a"))
    assert drawn.abs().max() <= pixels
    changed = shift.apply(images, drawn)
    for image, result, (down, right) in zip(images.numpy(), changed.numpy(), drawn.tolist()):
        wide = numpy.pad(image, [(0, 0), (pixels, pixels), (pixels, pixels)], constant_values=fill)
        rolled = numpy.roll(wide, (down, right), (1, 2))[:, pixels:-pixels, pixels:-pixels]
        numpy.testing.assert_array_equal(result, rolled)


def test_shifts_reach_both_ends_evenly():
    drawn = Shift(2).draw(5000, generator(0, "a"))
    counts = torch.bincount((drawn + 2).flatten(), minlength=5)
    assert (counts - 2000).abs().max() < 5 * math.sqrt(2000)


@given(
    st.sampled_from(["reflect", "edge"]), st.integers(1, 4), st.integers(0, 99), st.integers(5, 8), st.integers(5, 8)
)
@settings(deadline=None, max_examples=30)
def test_crop_is_a_window_of_numpys_pad(border, padding, seed, height, width):
    crop = Crop(padding, border)
    images = _images(6, 2, height, width)
    drawn = crop.draw(6, generator(seed, "a"))
    for image, result, (top, left) in zip(images.numpy(), crop.apply(images, drawn).numpy(), drawn.tolist()):
        wide = numpy.pad(image, [(0, 0), (padding, padding), (padding, padding)], mode=border)
        numpy.testing.assert_array_equal(result, wide[:, top : top + height, left : left + width])


def test_a_reflection_needs_a_larger_image():
    with pytest.raises(ArgumentError, match="cannot reflect"):
        Crop(7)(_images(), generator(0, "a"))
    assert Crop(7, "edge")(_images(), generator(0, "a")).shape == _images().shape


@pytest.mark.parametrize(("axis", "dimension"), [("horizontal", 2), ("vertical", 1)])
def test_flip(axis, dimension):
    images, flip = _images(100), Flip(axis)
    drawn = flip.draw(100, generator(0, "a"))
    changed = flip.apply(images, drawn)
    for image, result, mirrored in zip(images, changed, drawn.flatten()):
        assert torch.equal(result, image.flip(dimension) if mirrored else image)
    assert 25 < int(drawn.sum()) < 75
    assert torch.equal(flip.apply(changed, drawn), images)
    assert torch.equal(Flip(axis, 1.0)(images, generator(0, "a")), images.flip(dimension + 1))


@pytest.mark.parametrize("quarter", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("side", [6, 7])
def test_quarter_turns_are_rot90(quarter, side):
    images = _images(4, 3, side, side)
    turned = Rotate(180.0).apply(images, torch.full((4, 1), 90.0 * quarter))
    assert torch.equal(turned, images.rot90(quarter, (2, 3)))


def test_half_turn_of_an_oblong():
    images = _images(4, 1, 5, 8)
    assert torch.equal(Rotate(180.0).apply(images, torch.full((4, 1), 180.0)), images.rot90(2, (2, 3)))


@pytest.mark.parametrize("angle", [17.0, -60.0])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_rotation_is_bilinear_in_pixels(angle, dtype):
    images = _images(1, 1, 8, 11, dtype)
    result = Rotate(90.0, fill=9.0).apply(images, torch.tensor([[angle]]))[0, 0].double()
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    for row in range(8):
        for column in range(11):
            u, v = column - 5.0, row - 3.5
            x, y = cos * u - sin * v + 5.0, sin * u + cos * v + 3.5
            expected = 0.0
            for i in (math.floor(y), math.floor(y) + 1):
                for j in (math.floor(x), math.floor(x) + 1):
                    pixel = float(images[0, 0, i, j]) if 0 <= i < 8 and 0 <= j < 11 else 9.0
                    expected += pixel * (1 - abs(y - i)) * (1 - abs(x - j))
            assert float(result[row, column]) == pytest.approx(expected, abs=0.51 if dtype == torch.uint8 else 1e-4)


def test_angles_stay_in_their_interval():
    drawn = Rotate(20.0).draw(1000, generator(0, "a"))
    assert drawn.abs().max() <= 20
    assert drawn.min() < -18
    assert drawn.max() > 18


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_color_is_its_equations(dtype):
    images, color = _images(6, dtype=dtype), Color(0.4, 0.3, 0.5)
    drawn = color.draw(6, generator(0, "a"))
    weights = numpy.array([0.299, 0.587, 0.114])
    for image, result, u in zip(
        images.numpy(), color.apply(images, drawn).numpy(), drawn.numpy().astype(numpy.float64)
    ):
        x = (1 + 0.4 * u[0]) * image.astype(numpy.float64)
        m = numpy.tensordot(weights, x, 1).mean()
        x = m + (1 + 0.3 * u[1]) * (x - m)
        g = numpy.tensordot(weights, x, 1)
        x = g + (1 + 0.5 * u[2]) * (x - g)
        if dtype == torch.uint8:
            numpy.testing.assert_allclose(result, x.clip(0, 255), atol=0.501)
        else:
            numpy.testing.assert_allclose(result, x, rtol=1e-6)


def test_grey_images_have_no_saturation():
    grey = _images(4, 1)
    with pytest.raises(ArgumentError, match="no saturation"):
        Color(saturation=0.5)(grey, generator(0, "a"))
    assert Color()(grey, generator(0, "a")).shape == grey.shape


def test_channels_last_batches_give_the_same_pixels():
    images = _images(8)
    for augmentation in CHANGES:
        changed = augmentation(images.to(memory_format=torch.channels_last), generator(0, "a"))
        assert torch.equal(changed, augmentation(images, generator(0, "a")))
