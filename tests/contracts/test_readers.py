"""What every reader of images must do, on its own generated sample."""

from __future__ import annotations

import pytest
import torch

from gatefield.core.configurable import plain
from gatefield.core.discovery import family
from gatefield.data.image_set import ImageTensor
from gatefield.data.reader import ImageReader
from gatefield.data.streamed_images import ImageFiles

READERS = family(ImageReader).classes


@pytest.fixture(params=READERS, ids=lambda cls: cls.name)
def reader(request, tmp_path) -> ImageReader:
    return request.param.sample(tmp_path)


def _parts(splits):
    return [images for images in (splits.train, splits.validation, splits.test) if images is not None]


def test_the_sample_reads_as_labelled_pixels(reader):
    splits = reader.read()
    assert len(splits.classes) >= 2
    for images in _parts(splits):
        assert len(images) > 0
        pixels = images.batch(torch.arange(len(images)))
        assert pixels.dtype == torch.uint8
        assert tuple(pixels.shape) == (len(images), *splits.train.shape)
        assert pixels.float().std() > 1
        assert images.labels.dtype == torch.int64
        assert images.labels.min() >= 0
        assert images.labels.max() < len(splits.classes)
        assert images.source(0) != images.source(len(images) - 1)


def test_reading_twice_gives_the_same(reader):
    first, second = reader.read(), reader.read()
    assert first.classes == second.classes
    for images, again in zip(_parts(first), _parts(second), strict=True):
        everything = torch.arange(len(images))
        assert torch.equal(images.batch(everything), again.batch(everything))
        assert torch.equal(images.labels, again.labels)
        assert images.fingerprint() == again.fingerprint()


def test_the_configuration_builds_an_equal_reader(reader):
    again = ImageReader.from_config(reader.config())
    assert type(again) is type(reader)
    assert again.config() == reader.config() == plain(reader.config())


def test_batches_and_subsets_agree_in_any_order(reader):
    images = reader.read().train
    everything = images.batch(torch.arange(len(images)))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))[:7]
    part = images.subset(order)
    assert torch.equal(images.batch(order), everything[order])
    assert torch.equal(part.batch(torch.arange(len(order))), everything[order])
    assert torch.equal(part.labels, images.labels[order])
    assert [part.source(i) for i in range(len(order))] == [images.source(int(i)) for i in order]
    backwards = torch.arange(len(order)).flip(0)
    assert torch.equal(part.subset(backwards).batch(backwards), everything[order])
    assert part.fingerprint() != images.fingerprint()


def test_an_empty_index_gives_an_empty_batch(reader):
    images = reader.read().train
    nothing = torch.arange(0)
    assert tuple(images.batch(nothing).shape) == (0, *images.shape)
    assert len(images.subset(nothing)) == 0


def test_the_fingerprint_sees_one_pixel(reader):
    images = reader.read().train
    pixels = images.batch(torch.arange(len(images)))
    original = ImageTensor(pixels, images.labels, "a").fingerprint()
    changed = pixels.clone()
    changed.view(-1)[-1] ^= 1
    assert ImageTensor(pixels.clone(), images.labels, "b").fingerprint() == original
    assert ImageTensor(changed, images.labels, "a").fingerprint() != original
    labels = images.labels.clone()
    labels[0] += 1
    assert ImageTensor(pixels, labels, "a").fingerprint() != original
    if isinstance(images, ImageTensor):
        assert images.fingerprint() == original
    else:
        assert isinstance(images, ImageFiles)
