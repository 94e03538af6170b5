"""Batches: order, parts, augmentation, reading ahead."""

from __future__ import annotations

import threading

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gatefield.core.errors import ArgumentError, DataError
from gatefield.data import batching
from gatefield.data.augmentations.color import Color
from gatefield.data.augmentations.rotate import Rotate
from gatefield.data.augmentations.shift import Shift
from gatefield.data.batching import Batches
from gatefield.data.image_set import ImageTensor
from gatefield.data.preparation import Preparation
from gatefield.data.streamed_images import ImageFiles

AUGMENTATIONS = (Shift(1), Rotate(20.0), Color())


def _images(count, height=5, width=4):
    pixels = torch.randint(0, 256, (count, 1, height, width), generator=torch.Generator().manual_seed(1))
    return ImageTensor(pixels.to(torch.uint8), torch.arange(count) % 3, "noise")


def _batches(images, batch_size=4, **settings):
    settings = {
        "seed": 5,
        "shuffle": True,
        "preparation": Preparation(shape=(1, 5, 4), mean=[100.0], std=[60.0]),
    } | settings
    return Batches(images, batch_size, **settings)


def _same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first[:3], second[:3])) and first[3:] == second[3:]


def test_a_batch_holds_its_images_and_labels():
    images = _images(10)
    batches = list(_batches(images).epoch(0))
    assert [batch.size for batch in batches] == [4, 4, 2] == _batches(images).sizes(0)
    assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(10))
    for batch in batches:
        assert batch.share == 1.0
        assert torch.equal(batch.targets, images.labels[batch.indices])
        torch.testing.assert_close(batch.inputs, (images.images[batch.indices].float() - 100) / 60)
        assert batch.inputs.is_contiguous(memory_format=torch.channels_last)


def test_the_order_depends_on_seed_and_epoch_only():
    def order(batches, epoch):
        return torch.cat([batch.indices for batch in batches.epoch(epoch)]).tolist()

    images = _images(20)
    batches = _batches(images)
    assert order(batches, 3) == order(batches, 3) == order(_batches(images), 3)
    assert order(batches, 3) != order(batches, 4)
    assert order(batches, 3) != order(_batches(images, seed=6), 3)
    assert order(batches, 3) == order(_batches(images, batch_size=7), 3)
    assert order(_batches(images, shuffle=False), 3) == list(range(20))


def test_starting_late_gives_the_same_batches_without_reading_the_earlier(monkeypatch):
    images = _images(22)
    batches = _batches(images, augmentations=AUGMENTATIONS)
    whole = list(batches.epoch(2))
    read = []
    monkeypatch.setattr(images, "batch", lambda indices: read.append(len(indices)) or images.images[indices])
    late = list(batches.epoch(2, start=4))
    assert len(late) == 2
    assert read == [4, 2]
    assert all(_same(a, b) for a, b in zip(late, whole[4:], strict=True))
    assert list(batches.epoch(2, start=6)) == []


@given(st.integers(1, 13), st.integers(1, 5), st.integers(1, 4), st.booleans())
@settings(deadline=None, max_examples=40)
def test_any_number_of_processes_sees_the_same_pixels(count, batch_size, world, augmented):
    images = _images(count)
    augmentations = AUGMENTATIONS if augmented else ()
    alone = list(_batches(images, batch_size, augmentations=augmentations).epoch(1))
    ranks = [
        list(_batches(images, batch_size, augmentations=augmentations, rank=rank, world=world).epoch(1))
        for rank in range(world)
    ]
    for step, whole in enumerate(alone):
        parts = [rank[step] for rank in ranks]
        assert all(part.size == whole.size and len(part.inputs) >= 1 for part in parts)
        own = [part for part in parts if part.share > 0]
        assert torch.equal(torch.cat([part.indices for part in own]), whole.indices)
        torch.testing.assert_close(torch.cat([part.inputs for part in own]), whole.inputs, rtol=0, atol=1e-5)
        assert sum(part.share for part in parts) == pytest.approx(1)
        assert all(part.share == len(part.inputs) / part.size for part in own)
        values = sum(part.share * part.inputs.double().mean() for part in parts)
        assert float(values) == pytest.approx(float(whole.inputs.double().mean()), abs=1e-6)
        sizes = [round(part.share * part.size) for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_all_in_one_batch_and_none_at_all():
    assert _batches(_images(9), "all").sizes(0) == [9]
    assert [batch.size for batch in _batches(_images(9), "all").epoch(0)] == [9]
    nothing = _images(9).subset(torch.arange(0))
    for batch_size in ("all", 4):
        assert _batches(nothing, batch_size).sizes(0) == []
        assert list(_batches(nothing, batch_size).epoch(0)) == []


def test_augmentation_differs_by_step_and_epoch():
    images = ImageTensor(_images(1).images.expand(8, -1, -1, -1), torch.zeros(8), "same")
    batches = _batches(images, augmentations=[Rotate(90.0)])
    first, second = batches.epoch(0)
    (other, _) = batches.epoch(1)
    assert not torch.equal(first.inputs, second.inputs)
    assert not torch.equal(first.inputs, other.inputs)


def test_conflicts():
    for wrong in ({"batch_size": 0}, {"rank": 2, "world": 2}, {"rank": -1}):
        with pytest.raises(ArgumentError):
            _batches(_images(4), **wrong)
    vectors = ImageTensor(torch.zeros(4, 3), torch.zeros(4), "vectors")
    with pytest.raises(ArgumentError, match="plain vectors"):
        _batches(vectors, augmentations=[Shift()])


def test_vectors_are_batched_too():
    vectors = ImageTensor(torch.arange(12.0).view(4, 3), torch.arange(4), "vectors")
    preparation = Preparation(shape=(3,), mean=[0.0] * 3, std=[2.0] * 3)
    (batch,) = Batches(vectors, "all", seed=0, shuffle=False, preparation=preparation).epoch(0)
    assert torch.equal(batch.inputs, torch.arange(12.0).view(4, 3) / 2)


@pytest.fixture
def files(tmp_path):
    images = _images(30)
    paths = []
    for number, pixels in enumerate(images.images):
        paths.append(tmp_path / f"{number:02}.png")
        Image.fromarray(pixels[0].numpy()).save(paths[-1])
    return images, ImageFiles(tmp_path, paths, images.labels, (1, 5, 4))


def _reading_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith(("read-ahead", "decode"))]


def test_files_give_the_same_batches_as_memory(files):
    memory, disk = files
    for chosen in ({}, {"augmentations": AUGMENTATIONS}, {"rank": 1, "world": 3}):
        from_memory, from_disk = (list(_batches(images, **chosen).epoch(1)) for images in (memory, disk))
        assert all(_same(a, b) for a, b in zip(from_memory, from_disk, strict=True))
    assert not _reading_threads()


def test_files_are_read_a_few_batches_ahead(files, monkeypatch):
    _, disk = files
    read = []
    original = disk.batch
    monkeypatch.setattr(disk, "batch", lambda indices: read.append(indices) or original(indices))
    epoch = _batches(disk, 2).epoch(0)
    first = next(epoch)
    assert len(read) <= batching._READ_AHEAD + 1
    assert torch.equal(read[0], first.indices)
    epoch.close()
    assert len(read) <= batching._READ_AHEAD + 1
    assert not _reading_threads()


def test_a_file_that_vanishes_stops_its_own_batch(files):
    _, disk = files
    batches = _batches(disk, 5, shuffle=False)
    disk.paths[12].unlink()
    epoch = batches.epoch(0)
    assert [next(epoch).size, next(epoch).size] == [5, 5]
    with pytest.raises(DataError, match=r"12\.png"):
        next(epoch)
    assert not _reading_threads()


def test_file_sets(files, tmp_path):
    memory, disk = files
    order = torch.tensor([7, 3, 3, 29])
    part = disk.subset(order)
    assert torch.equal(part.batch(torch.arange(4)), memory.images[order])
    assert torch.equal(part.labels, memory.labels[order])
    assert part.source(1).endswith("03.png")
    assert part.fingerprint() != disk.fingerprint() == disk.subset(torch.arange(30)).fingerprint()
    before = disk.fingerprint()
    Image.fromarray(numpy.zeros((50, 40), numpy.uint8)).save(disk.paths[0])
    again = disk.subset(torch.arange(30))
    assert again.fingerprint() != before
    strict = ImageFiles(tmp_path, disk.paths, disk.labels, (1, 5, 4), resize=False)
    with pytest.raises(DataError, match=r"00\.png has 50 x 40 pixels, other images 5 x 4") as caught:
        strict.batch(torch.arange(3))
    assert "size=" in caught.value.hint
    disk.paths[4].unlink()
    with pytest.raises(DataError, match=r"04\.png"):
        disk.subset(torch.arange(30)).fingerprint()
    with pytest.raises(DataError, match="30 files but 2 labels"):
        ImageFiles(tmp_path, disk.paths, torch.zeros(2), (1, 5, 4))


def test_image_tensors_refuse_what_does_not_fit():
    with pytest.raises(DataError, match="3 images but 2 labels"):
        ImageTensor(torch.zeros(3, 2), torch.zeros(2), "x")
    with pytest.raises(DataError, match="int64"):
        ImageTensor(torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3), "x")
    with pytest.raises(DataError, match="1 sources"):
        ImageTensor(torch.zeros(3, 2), torch.zeros(3), "x", ["a"])
