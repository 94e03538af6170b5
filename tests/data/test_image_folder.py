"""Folders of images, as people really have them."""

from __future__ import annotations

import os

import numpy
import pytest
import torch
from PIL import Image

from gatefield.core.errors import DataError
from gatefield.data.image_set import ImageTensor
from gatefield.data.readers import image_folder
from gatefield.data.readers.image_folder import ImageFolder
from gatefield.data.streamed_images import ImageFiles


def _write(folder, *names, size=(6, 5), grey=False, value=None):
    random = numpy.random.default_rng(len(str(folder)))
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, size if grey else (*size, 3), numpy.uint8)
        Image.fromarray(pixels if value is None else numpy.full_like(pixels, value)).save(path)


def _read(folder, **arguments):
    return ImageFolder(str(folder), **arguments).read()


def test_one_folder_a_class(tmp_path):
    _write(tmp_path, "b/2.png", "b/1.bmp", "a/z.PNG", "a/deep/er/y.gif", "c/x.tif", "c/w.webp", "c/v.jpeg")
    splits = _read(tmp_path)
    assert splits.classes == ["a", "b", "c"]
    assert splits.validation is None
    assert splits.test is None
    names = [os.path.relpath(splits.train.source(i), tmp_path) for i in range(7)]
    assert names == ["a/deep/er/y.gif", "a/z.PNG", "b/1.bmp", "b/2.png", "c/v.jpeg", "c/w.webp", "c/x.tif"]
    assert splits.train.labels.tolist() == [0, 0, 1, 1, 2, 2, 2]
    exact = numpy.asarray(Image.open(tmp_path / "b/2.png"))
    assert torch.equal(splits.train.batch(torch.tensor([3]))[0].permute(1, 2, 0), torch.from_numpy(exact.copy()))


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_parts(tmp_path, validation):
    _write(
        tmp_path, *[f"{part}/{label}/{i}.png" for part in ("train", validation, "test") for label in "ab" for i in "01"]
    )
    splits = _read(tmp_path)
    assert len(splits.train) == len(splits.validation) == len(splits.test) == 4
    assert validation in splits.validation.source(0)


def test_only_a_train_part_and_two_validation_parts(tmp_path):
    _write(tmp_path, "train/a/1.png", "train/b/1.png")
    splits = _read(tmp_path)
    assert (splits.classes, splits.validation, splits.test) == (["a", "b"], None, None)
    _write(tmp_path, "val/a/1.png", "val/b/1.png", "valid/a/1.png", "valid/b/1.png")
    with pytest.raises(DataError, match="both a validation part"):
        _read(tmp_path)


def test_trains_are_a_class_like_cars(tmp_path):
    _write(tmp_path, "train/1.png", "car/1.png", "bus/1.png")
    assert _read(tmp_path).classes == ["bus", "car", "train"]
    other = tmp_path / "other"
    _write(other, "train/1.png", "test/1.png")
    assert _read(other).classes == ["test", "train"]


def test_channels(tmp_path):
    _write(tmp_path, "a/1.png", "b/1.png", "b/2.png", grey=True)
    assert _read(tmp_path).train.shape == (1, 6, 5)
    assert _read(tmp_path, channels=3).train.shape == (3, 6, 5)
    _write(tmp_path, "b/3.png")
    assert _read(tmp_path).train.shape == (3, 6, 5)
    assert _read(tmp_path, channels=1).train.shape == (1, 6, 5)


def test_sizes(tmp_path):
    _write(tmp_path, "a/1.png", "b/1.png")
    _write(tmp_path, "b/2.png", size=(9, 9))
    with pytest.raises(DataError, match=r"2\.png has 9 x 9 pixels, other images 6 x 5") as caught:
        _read(tmp_path)
    assert "size=64" in caught.value.hint
    assert _read(tmp_path, size=8).train.shape == (3, 8, 8)
    assert _read(tmp_path, size=[4, 7]).train.shape == (3, 4, 7)


def test_a_damaged_file_is_named_or_skipped_and_counted(tmp_path):
    _write(tmp_path, *[f"{label}/{i}.jpg" for label in "ab" for i in range(4)], size=(40, 40))
    bad = tmp_path / "a" / "2.jpg"
    bad.write_bytes(bad.read_bytes()[:700])
    (tmp_path / "b" / "0.jpg").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"a.2\.jpg is damaged") as caught:
        _read(tmp_path, channels=3)
    assert "skip_bad" in caught.value.hint
    for streaming in (False, True):
        splits = _read(tmp_path, skip_bad=True, streaming=streaming)
        assert splits.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert not any(splits.train.source(i) == str(bad) for i in range(6))
        (note,) = splits.notes
        assert "left out 2 damaged files" in note
        assert str(bad) in note
    for i in (1, 2, 3):
        (tmp_path / "b" / f"{i}.jpg").write_bytes(b"no")
    with pytest.raises(DataError, match=r"every image of .*b is damaged"):
        _read(tmp_path, skip_bad=True)


def test_streaming_gives_the_same_pixels(tmp_path, monkeypatch):
    _write(tmp_path, *[f"{part}/{label}/{i}.png" for part in ("train", "test") for label in "ab" for i in range(3)])
    memory, disk = _read(tmp_path), _read(tmp_path, streaming=True)
    assert isinstance(memory.train, ImageTensor)
    assert isinstance(disk.train, ImageFiles)
    order = torch.tensor([5, 0, 3, 3])
    for part, same in ((memory.train, disk.train), (memory.test, disk.test)):
        assert torch.equal(part.batch(order), same.batch(order))
        assert torch.equal(part.labels, same.labels)
        assert [part.source(i) for i in range(6)] == [same.source(i) for i in range(6)]
    monkeypatch.setattr(image_folder, "_IN_MEMORY", 12 * 6 * 5 * 3 - 1)
    assert isinstance(_read(tmp_path).train, ImageFiles)
    monkeypatch.setattr(image_folder, "_IN_MEMORY", 12 * 6 * 5 * 3)
    assert isinstance(_read(tmp_path).train, ImageTensor)


def test_other_files_are_noted_and_hidden_ones_ignored(tmp_path):
    _write(tmp_path, "a/1.png", "b/1.png", "a/.hidden.png", ".git/1.png", "b/.thumbnails/1.png")
    (tmp_path / "a" / "notes.txt").write_text("x")
    (tmp_path / "README").write_text("x")
    splits = _read(tmp_path)
    assert splits.classes == ["a", "b"]
    assert len(splits.train) == 2
    assert splits.notes == [f"{tmp_path}: passed over 1 files that are not images"]


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    _write(tmp_path, "outside/secret.png", "set/a/1.png", "set/b/1.png")
    folder = tmp_path / "set"
    try:
        (folder / "a" / "2.png").symlink_to(tmp_path / "outside" / "secret.png")
        (folder / "a" / "more").symlink_to(tmp_path / "outside")
        (folder / "c").symlink_to(tmp_path / "outside")
        (folder / "b" / "2.png").symlink_to(folder / "a" / "1.png")
    except OSError:
        pytest.skip("no symbolic links here")
    splits = _read(folder)
    assert splits.classes == ["a", "b"]
    assert [os.path.relpath(splits.train.source(i), folder) for i in range(3)] == ["a/1.png", "b/1.png", "b/2.png"]
    (note,) = splits.notes
    assert "did not follow 3 links" in note
    assert "more" in note
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert len(_read(link).train) == 3


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "is empty"),
        (["1.png", "2.png"], "has images but no folders of classes"),
        (["a/1.png"], "has one class only, 'a'"),
        (["a/1.png", "b/x.txt"], "b has no images"),
        (["a/x.txt", "b/x.txt"], "has no images"),
        (["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"], "has a class"),
        (["train/a/1.png", "train/b/1.png", "test/a/1.png"], "has a class 'b' but"),
        (["train/a/1.png", "train/b/1.png", "test/a/1.txt", "test/b/1.txt"], "test has no images"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, names, says):
    _write(tmp_path, *[name for name in names if name.endswith(".png")])
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".txt"):
            (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match=says) as caught:
        _read(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint
