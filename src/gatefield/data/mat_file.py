"""The MAT-file format of MATLAB 5 to 7: matrices of numbers, and cells of them.

scipy reads more of the format, and dies of a segmentation fault on about one damaged file of six hundred.
"""

from __future__ import annotations

import math
import pathlib
import struct
import zlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy

from ..core.errors import DataError

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CELL = 1
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_OTHERS = {2: "struct", 3: "object", 4: "text", 5: "sparse matrix", 16: "function", 17: "object"}
_COMPLEX = 0x0800
_DEEPEST = 16  # cells in cells
_AXES = 32


class _Damaged(Exception):
    """What is wrong within a file."""


class _Element(NamedTuple):
    kind: int
    content: memoryview


def read_mat(path: pathlib.Path, names: Collection[str]) -> dict[str, numpy.ndarray | str]:
    """The variables of a MAT-file that are called one of ``names``.

    A matrix is an array of its own type; a row of cells an array of objects, each what is in the cell. For what is
    neither, such as a text or a function, stands a word that says what it is.

    Raises:
        DataError: the file is missing, damaged, or of the format of MATLAB 4 or 7.3.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}", hint="check the path")
    content = path.read_bytes()
    if content[:10] == b"MATLAB 7.3":
        hint = "save it in the format of MATLAB 7 (save -v7)"
        raise DataError(f"{path} is a MATLAB 7.3 file, which is not read", hint=hint)
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEADER], "")
    if not order or struct.unpack(f"{order}H", content[124:126]) != (0x0100,):
        raise DataError(f"{path} is not a MAT-file of MATLAB 5 to 7", hint="get the file again, or save it anew")
    try:
        return dict(_Reader(order).variables(memoryview(content)[_HEADER:], names))
    except _Damaged as error:
        raise DataError(f"{path} is a damaged MAT-file: {error}", hint="get the file again") from error


class _Reader:
    """``order``: of the bytes of a number, as `struct` writes it."""

    def __init__(self, order: str) -> None:
        self.order = order

    def variables(self, content: memoryview, names: Collection[str]) -> Iterator[tuple[str, numpy.ndarray | str]]:
        for element in self.elements(content):
            if element.kind == _COMPRESSED:
                element = next(self.elements(_decompressed(element.content)), element)
            if element.kind != _MATRIX:
                raise _Damaged(f"an element of the kind {element.kind} stands where a variable should")
            yield from self.variable(element.content, names)

    def variable(self, content: memoryview, names: Collection[str]) -> Iterator[tuple[str, numpy.ndarray | str]]:
        *_, name = self.head(self.elements(content))
        if name in names:
            yield name, self.array(content, _DEEPEST)

    def elements(self, content: memoryview) -> Iterator[_Element]:
        """Those that fill ``content``: eight bytes of kind and size and what they announce, or all within the eight."""
        at = 0
        while at < len(content):
            if len(content) - at < 8:
                raise _Damaged(f"{len(content) - at} bytes at the end belong to nothing")
            kind, size = struct.unpack_from(f"{self.order}II", content, at)
            start, padded = at + 8, True
            if kind >> 16:  # up to four bytes lie in the tag itself
                kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
                if size > 4:
                    raise _Damaged(f"a small element claims {size} bytes")
            elif kind == _COMPRESSED:
                padded = False
            if size > len(content) - start:
                raise _Damaged(f"an element claims {size} bytes, and {len(content) - start} are left")
            yield _Element(kind, content[start : start + size])
            at = at + 8 if start == at + 4 else start + (-(-size // 8) * 8 if padded else size)

    def head(self, elements: Iterator[_Element]) -> tuple[int, bool, tuple[int, ...], str]:
        """Class, whether it is complex, sizes and name of a matrix, whose first elements these are."""
        flags = self.integers(next(elements, None), "the class")
        sizes = tuple(self.integers(next(elements, None), "the sizes"))
        name = next(elements, None)
        if not flags or len(sizes) < 2 or min(sizes) < 0 or name is None:
            raise _Damaged("a matrix has no class, sizes or name")
        if len(sizes) > _AXES or math.prod(size or 1 for size in sizes) > 2**62:
            raise _Damaged(f"a matrix claims {'x'.join(map(str, sizes[:_AXES]))} entries")
        return flags[0] & 0xFF, bool(flags[0] & _COMPLEX), sizes, bytes(name.content).decode("latin-1")

    def array(self, content: memoryview, deepest: int) -> numpy.ndarray | str:
        """The matrix whose elements fill ``content``."""
        if not len(content):
            return numpy.zeros((0, 0))
        elements = self.elements(content)
        code, is_complex, sizes, _ = self.head(elements)
        if code == _CELL:
            if not deepest:
                raise _Damaged("cells lie too deep in cells")
            inner = list(elements)
            if len(inner) != math.prod(sizes) or any(each.kind != _MATRIX for each in inner):
                raise _Damaged(f"{len(inner)} cells stand where {'x'.join(map(str, sizes))} should")
            cells = numpy.empty(len(inner), dtype=object)
            for number, each in enumerate(inner):
                cells[number] = self.array(each.content, deepest - 1)
            return cells.reshape(sizes, order="F")
        if code not in _CLASSES:
            return _OTHERS.get(code, f"an array of the class {code}")
        if is_complex:
            return "complex matrix"
        values = self.numbers(next(elements, None), "the values")
        if len(values) != math.prod(sizes):
            raise _Damaged(f"{len(values)} values stand where {'x'.join(map(str, sizes))} should")
        return values.astype(_CLASSES[code]).reshape(sizes, order="F")

    def numbers(self, element: _Element | None, what: str) -> numpy.ndarray:
        if element is None or element.kind not in _NUMBERS:
            raise _Damaged(f"{what} of a matrix are not there")
        kind = numpy.dtype(self.order + _NUMBERS[element.kind])
        if len(element.content) % kind.itemsize:
            raise _Damaged(f"{what} of a matrix end within a number")
        return numpy.frombuffer(element.content, kind)

    def integers(self, element: _Element | None, what: str) -> list[int]:
        values = self.numbers(element, what)
        if values.dtype.kind not in "iu":
            raise _Damaged(f"{what} of a matrix are no integers")
        return values.tolist()


def _decompressed(content: memoryview) -> memoryview:
    try:
        return memoryview(zlib.decompress(content))
    except zlib.error as error:
        raise _Damaged(f"a compressed variable cannot be read ({error})") from error
