from __future__ import annotations

import gzip
import struct

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import DataError
from gatefield.data.idx_file import read_idx, write_idx
from gatefield.data.readers.fashion_mnist import FashionMnist
from gatefield.data.readers.idx import Idx
from gatefield.data.readers.mnist import Mnist

KINDS = ["uint8", "int8", "int16", "int32", "float32", "float64"]
ARRAYS = st.tuples(
    st.sampled_from(KINDS),
    st.lists(st.integers(0, 4), max_size=4),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["", ".gz"]),
)


def _array(kind, shape, seed):
    random = numpy.random.default_rng(seed)
    size = int(numpy.prod(shape)) * numpy.dtype(kind).itemsize
    values = numpy.frombuffer(random.bytes(size), kind).reshape(shape)
    return numpy.asarray(numpy.nan_to_num(values)) if values.dtype.kind == "f" else values


@given(ARRAYS)
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read(tmp_path_factory, case):
    kind, shape, seed, suffix = case
    path = tmp_path_factory.mktemp("idx") / f"values{suffix}"
    values = _array(kind, shape, seed)
    write_idx(path, values)
    read = read_idx(path)
    assert str(read.dtype) == f"torch.{kind}"
    assert torch.equal(read, torch.from_numpy(values.copy()))


@given(ARRAYS, st.data())
@settings(deadline=None, max_examples=60)
def test_any_cut_and_any_surplus_is_a_data_error(tmp_path_factory, case, data):
    kind, shape, seed, suffix = case
    path = tmp_path_factory.mktemp("idx") / f"values{suffix}"
    write_idx(path, _array(kind, shape, seed))
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DataError, match="values") as caught:
        read_idx(path)
    assert caught.value.hint
    path.write_bytes(whole + b"\1")
    with pytest.raises(DataError, match="values"):
        read_idx(path)


@given(st.binary(max_size=40), st.booleans())
@settings(deadline=None, max_examples=80)
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, zeros):
    path = tmp_path_factory.mktemp("idx") / "values"
    path.write_bytes((b"\0\0" if zeros else b"") + content)
    try:
        read_idx(path)
    except DataError as error:
        assert "values" in error.message


def test_numbers_are_big_endian(tmp_path):
    path = tmp_path / "values"
    path.write_bytes(bytes.fromhex("0000 0b01 00000002 0102 ff00"))
    assert read_idx(path).tolist() == [258, -256]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "nothing"),
        (b"\x89PNG....", "89 50"),
        (b"\0\0\x07\x01\0\0\0\1a", "type code 07"),
        (b"\0\0\x08\x03\0\0\0\1", "ends within its header of 16 bytes"),
        (struct.pack(">BBBB2I", 0, 0, 8, 2, 2, 3) + b"12345", "5 bytes of values, its sizes 2x3 need 6"),
        (b"\0\0\x08\xff" + b"\0\0\0\0" * 255, "claims"),
        (b"\0\0\x08\x04" + b"\0\0\0\0" + b"\xff" * 12, "claims"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\1a", mtime=0)[:-3], "damaged or cut gzip"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, says):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert says in caught.value.message
    assert str(path) in caught.value.message


def _write(folder, count=4, labels=None, images=None, spelling="{}-idx{}-ubyte"):
    folder.mkdir(exist_ok=True)
    labels = numpy.arange(count, dtype=numpy.uint8) % 3 if labels is None else labels
    images = numpy.arange(count * 20, dtype=numpy.uint8).reshape(count, 4, 5) if images is None else images
    for part in ("train", "t10k"):
        write_idx(folder / spelling.format(f"{part}-images", 3), images)
        write_idx(folder / spelling.format(f"{part}-labels", 1), labels)
    return images


@pytest.mark.parametrize("spelling", ["{}-idx{}-ubyte", "{}.idx{}-ubyte", "{}-idx{}-ubyte.gz", "{}.idx{}-ubyte.gz"])
def test_all_spellings_are_found(tmp_path, spelling):
    images = _write(tmp_path, spelling=spelling)
    splits = Idx(str(tmp_path)).read()
    assert splits.classes == ["0", "1", "2"]
    assert torch.equal(splits.train.batch(torch.arange(4)), torch.from_numpy(images)[:, None])
    assert splits.train.source(3) == "idx train 3"


def test_color_images_have_their_channels_in_front(tmp_path):
    images = numpy.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), numpy.uint8)
    _write(tmp_path, images=images)
    assert torch.equal(
        Idx(str(tmp_path)).read().test.batch(torch.arange(4)), torch.from_numpy(images).permute(0, 3, 1, 2)
    )


def test_counts_that_differ(tmp_path):
    _write(tmp_path, labels=numpy.zeros(5, numpy.uint8))
    with pytest.raises(DataError, match=r"has 4 images but .*train-labels.* has 5 labels") as caught:
        Idx(str(tmp_path)).read()
    assert caught.value.hint


@pytest.mark.parametrize(("cls", "labels"), [(Mnist, [0, 1, 10, 2]), (FashionMnist, [255, 0, 1, 2])])
def test_labels_out_of_range(tmp_path, cls, labels):
    _write(tmp_path, labels=numpy.array(labels, numpy.uint8))
    with pytest.raises(DataError, match=r"train \d has label (10|255), outside 0 .. 9") as caught:
        cls(path=str(tmp_path)).read()
    assert caught.value.hint


def test_negative_and_unnamed_labels(tmp_path):
    _write(tmp_path, labels=numpy.array([0, -1, 1, 2], numpy.int8))
    with pytest.raises(DataError, match="label -1"):
        Idx(str(tmp_path)).read()
    _write(tmp_path)
    with pytest.raises(DataError, match=r"idx train 2 has label 2, outside 0 .. 1"):
        Idx(str(tmp_path), classes=["a", "b"]).read()
    assert Idx(str(tmp_path), classes=["a", "b", "c"]).read().classes == ["a", "b", "c"]


def test_images_and_labels_swapped(tmp_path):
    images = _write(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", images)
    with pytest.raises(DataError, match="train-labels"):
        Idx(str(tmp_path)).read()
    write_idx(tmp_path / "train-images-idx3-ubyte", numpy.zeros(4, numpy.uint8))
    with pytest.raises(DataError, match="1 dimensions of uint8"):
        Idx(str(tmp_path)).read()


def test_an_empty_set_and_a_missing_file(tmp_path):
    _write(tmp_path, images=numpy.zeros((0, 4, 5), numpy.uint8), labels=numpy.zeros(0, numpy.uint8))
    with pytest.raises(DataError, match="no images"):
        Idx(str(tmp_path)).read()
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="t10k-labels"):
        Idx(str(tmp_path)).read()


def test_sizes_scale_every_image(tmp_path):
    _write(tmp_path, images=numpy.full((4, 4, 5), 77, numpy.uint8))
    pixels = Idx(str(tmp_path), size=8).read().train.batch(torch.arange(4))
    assert torch.equal(pixels, torch.full((4, 1, 8, 8), 77, dtype=torch.uint8))
