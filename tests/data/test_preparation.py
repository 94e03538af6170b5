"""Raw pixels to network inputs."""

from __future__ import annotations

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gatefield.core.errors import ArgumentError, DataError
from gatefield.data.image_set import ImageTensor
from gatefield.data.preparation import Preparation


def _set(images):
    return ImageTensor(images, torch.zeros(len(images), dtype=torch.int64), "test")


def _noise(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 1300), st.integers(1, 3), st.booleans(), st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_moments_are_numpys(count, channels, as_float, seed):
    images = _noise(count, channels, 3, 2, seed=seed)
    images = images.float() * 3 + 1e4 if as_float else images
    preparation = Preparation.fit(_set(images))
    values = images.numpy().astype(numpy.float64)
    numpy.testing.assert_allclose(preparation.mean, values.mean((0, 2, 3)), rtol=1e-12)
    numpy.testing.assert_allclose(preparation.std, values.std((0, 2, 3)), rtol=1e-9)


def test_only_the_training_part_is_measured():
    images = _noise(40, 3, 4, 4)
    part = torch.tensor([3, 1, 30])
    inside = Preparation.fit(_set(images), part)
    assert inside.mean == pytest.approx(images[part].double().mean((0, 2, 3)).tolist(), rel=1e-12)


def test_fitted_inputs_have_mean_zero_and_deviation_one():
    images = _noise(50, 2, 5, 4)
    inputs = Preparation.fit(_set(images))(images)
    assert inputs.dtype == torch.float32
    torch.testing.assert_close(inputs.mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs.std((0, 2, 3), correction=0), torch.ones(2), atol=1e-5, rtol=0)


def test_vectors_are_normalized_feature_by_feature():
    vectors = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10, 100, 0]) + 5
    inputs = Preparation.fit(_set(vectors))(vectors)
    torch.testing.assert_close(inputs.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs.std(0, correction=0), torch.tensor([1.0, 1, 1, 0]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("images", [torch.full((5, 2, 3, 3), 7, dtype=torch.uint8), torch.full((5, 2), 0.1)])
def test_a_constant_channel_has_deviation_one(images):
    preparation = Preparation.fit(_set(images))
    assert preparation.std == [1.0, 1.0]
    assert preparation(images).abs().max() < 1e-6


def test_the_raw_batch_is_left_alone():
    batch = torch.ones(2, 3)
    Preparation(shape=(3,), mean=[1.0, 2, 3], std=[1.0, 2, 4])(batch)
    assert torch.equal(batch, torch.ones(2, 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_memory_format_changes_strides_not_values(channels):
    images = _noise(4, channels, 5, 6)
    preparation = Preparation.fit(_set(images))
    plain, last = preparation(images), preparation(images, memory_format="channels_last")
    assert torch.equal(plain, last)
    assert plain.is_contiguous()
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert last.stride(1) == 1


def test_the_configuration_gives_the_same_inputs():
    images = _noise(9, 3, 4, 4)
    preparation = Preparation.fit(_set(images))
    again = Preparation.from_config(preparation.config())
    assert torch.equal(again(images), preparation(images))


def test_numbers_that_are_not_finite_are_named():
    vectors = torch.zeros(700, 3)
    vectors[600, 1] = torch.nan
    with pytest.raises(DataError, match="test 600"):
        Preparation.fit(_set(vectors))
    with pytest.raises(DataError, match="no training image"):
        Preparation.fit(_set(vectors[:0]))


def test_conflicting_arguments():
    with pytest.raises(ArgumentError, match="1 means and 3 deviations for 3 channels"):
        Preparation(shape=(3, 4, 4), mean=[0.0], std=[1.0, 1, 1])
    with pytest.raises(ArgumentError):
        Preparation(shape=(1, 4, 4), mean=[0.0], std=[0.0])


def test_files_become_raw_batches(tmp_path):
    pixels = _noise(6, 5, 3)
    Image.fromarray(pixels.numpy()).save(tmp_path / "a.png")
    preparation = Preparation(shape=(3, 6, 5), mean=[0.0] * 3, std=[1.0] * 3)
    assert torch.equal(preparation.from_file(tmp_path / "a.png"), pixels.permute(2, 0, 1)[None])
    with pytest.raises(DataError, match=r"a\.png"):
        Preparation(shape=(4,), mean=[0.0] * 4, std=[1.0] * 4).from_file(tmp_path / "a.png")
    with pytest.raises(DataError, match="2 channels"):
        Preparation(shape=(2, 4, 4), mean=[0.0] * 2, std=[1.0] * 2).from_file(tmp_path / "a.png")


def test_arrays_become_raw_batches():
    preparation = Preparation(shape=(1, 2, 3), mean=[0.0], std=[1.0])
    pixels = numpy.arange(6, dtype=numpy.uint8).reshape(2, 3)
    for array in (
        pixels,
        pixels[None],
        pixels[None, None],
        torch.from_numpy(pixels),
        pixels.astype(">i4"),
        pixels.tolist(),
    ):
        batch = preparation.from_array(array)
        assert batch.shape == (1, 1, 2, 3)
        assert batch.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert preparation.from_array(pixels).dtype == torch.uint8
    assert preparation.from_array(pixels.astype(float)).dtype == torch.float32
    assert preparation.from_array(numpy.stack([pixels] * 4)).shape == (4, 1, 2, 3)
    assert preparation.from_array(numpy.zeros((0, 2, 3))).shape == (0, 1, 2, 3)
    vectors = Preparation(shape=(3,), mean=[0.0] * 3, std=[1.0] * 3)
    assert vectors.from_array([[1, 2, 3], [4, 5, 6]]).shape == (2, 3)
    for wrong in (numpy.zeros((3, 2)), numpy.zeros((2, 2, 2, 3)), numpy.zeros(6), numpy.array(["a"])):
        with pytest.raises(DataError):
            preparation.from_array(wrong)


def test_the_inverse_gives_the_pixels_back():
    images = _noise(7, 3, 4, 5)
    preparation = Preparation.fit(_set(images))
    torch.testing.assert_close(preparation.inverse(preparation(images)), images.float(), atol=1e-4, rtol=1e-6)
