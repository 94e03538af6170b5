"""MAT-files: what scipy writes is read as scipy reads it, and damage is told, never a crash."""

from __future__ import annotations

import io
import struct

import numpy
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import DataError
from gatefield.data.mat_file import read_mat

KINDS = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


def cells(*contents: object) -> numpy.ndarray:
    row = numpy.empty((1, len(contents)), dtype=object)
    for number, content in enumerate(contents):
        row[0, number] = content
    return row


def same(found: object, right: object) -> bool:
    assert isinstance(found, numpy.ndarray)
    assert isinstance(right, numpy.ndarray)
    assert (found.dtype, found.shape) == (right.dtype, right.shape)
    if found.dtype == object:
        return all(same(mine, other) for mine, other in zip(found.ravel(), right.ravel()))
    return numpy.array_equal(found, right, equal_nan=found.dtype.kind == "f")


VARIABLES = {
    **{kind: numpy.arange(-3, 9).astype(kind).reshape(3, 4) for kind in KINDS},
    "cube": numpy.arange(24.0).reshape(2, 3, 4),
    "single": numpy.array([[numpy.nan]]),
    "nothing": numpy.zeros((0, 5)),
    "large": numpy.random.default_rng(0).standard_normal((61, 83)),
    "row": cells(numpy.eye(3), numpy.zeros((0, 0)), cells(numpy.ones((2, 2), dtype="i2"))),
}


@pytest.mark.parametrize("compressed", [False, True])
def test_reads_what_scipy_does(tmp_path, compressed):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, VARIABLES, do_compression=compressed)
    right = scipy.io.loadmat(path, mat_dtype=True)
    found = read_mat(path, VARIABLES)
    assert list(found) == list(VARIABLES)
    assert all(same(found[name], right[name]) for name in VARIABLES)
    assert list(read_mat(path, ["f8", "absent"])) == ["f8"]


def test_what_is_neither_numbers_nor_cells_is_named(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": "words", "b": {"field": 1.0}, "c": numpy.array([[1j]])})
    assert read_mat(path, "abc") == {"a": "text", "b": "struct", "c": "complex matrix"}


def test_numbers_of_the_other_byte_order(tmp_path):
    """One matrix of int16, [[1, 3], [-2, 4]], column by column, whose class is double, from a big-endian machine."""
    parts = [
        (6, struct.pack(">II", 6, 0)),
        (5, struct.pack(">ii", 2, 2)),
        (1, b"x"),
        (3, struct.pack(">4h", 1, -2, 3, 4)),
    ]
    body = b"".join(struct.pack(">II", kind, len(part)) + part + b"\0" * (-len(part) % 8) for kind, part in parts)
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + struct.pack(">II", 14, len(body)) + body)
    assert same(read_mat(path, "x")["x"], numpy.array([[1.0, 3.0], [-2.0, 4.0]]))


def test_the_published_files_are_read_as_scipy_reads_them(data_folder):
    names = ["traindata", "validdata", "testdata"]
    paths = sorted((data_folder / "polyphonic-music").glob("*.mat"))
    if not paths:
        pytest.skip("no piano rolls")
    for path in paths:
        found, right = read_mat(path, names), scipy.io.loadmat(path, mat_dtype=True)
        assert all(same(found[name], right[name]) for name in names)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a MAT-file"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", "7.3"),
        (b"".ljust(124) + b"\x00\x01IM" + b"\0\0\0", "3 bytes at the end"),
        (b"".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 14, 99), "claims 99 bytes, and 0 are left"),
        (b"".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 7, 0), "the kind 7"),
        (
            b"".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 14, 8) + struct.pack("<II", 6, 0),
            "the sizes of a matrix",
        ),
        (b"".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, 4) + b"abcd", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, says):
    path = tmp_path / "a.mat"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_mat(path, "x")
    assert says in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_cells_too_deep_and_a_missing_file(tmp_path):
    nested = numpy.ones((1, 1))
    for _ in range(20):
        nested = cells(nested)
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"x": nested})
    with pytest.raises(DataError, match="too deep"):
        read_mat(path, "x")
    with pytest.raises(DataError, match="there is no file"):
        read_mat(tmp_path / "b.mat", "x")


def written(compressed: bool) -> bytes:
    target = io.BytesIO()
    some = {name: VARIABLES[name] for name in ("u1", "i8", "cube", "row", "nothing")}
    scipy.io.savemat(target, some, do_compression=compressed)
    return target.getvalue()


WRITTEN = {compressed: written(compressed) for compressed in (False, True)}


@settings(deadline=None, max_examples=400)
@given(st.booleans(), st.integers(0, 1 << 16), st.binary(min_size=1, max_size=8), st.booleans())
def test_noise_never_crashes(tmp_path_factory, compressed, place, noise, cut):
    path = tmp_path_factory.getbasetemp() / "noise.mat"
    content = bytearray(WRITTEN[compressed])
    place %= len(content)
    content[place : place + len(noise)] = noise
    path.write_bytes(content[: place + len(noise)] if cut else content)
    try:
        read_mat(path, VARIABLES)
    except DataError as error:
        assert str(path) in error.message
