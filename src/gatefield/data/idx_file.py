"""The idx file format of MNIST, plain or gzip."""

from __future__ import annotations

import gzip
import math
import pathlib
import struct
import zlib

import numpy
import torch
from torch import Tensor

from ..core.errors import DataError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_AGAIN = "the file is damaged or not idx: get it again"


def read_idx(path: pathlib.Path) -> Tensor:
    """The array in an idx file, plain or gzip (told apart by content), in its own type.

    The format: two zero bytes, a type code, the number of dimensions, each size as a big-endian 32-bit number, then
    the values, big-endian.

    Raises:
        DataError: the file is missing, not idx, cut short, or too long; says what was expected.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0":
        found = content[:4].hex(" ") or "nothing"
        raise DataError(f"{path} begins with {found}, an idx file with 00 00 and a type code", hint=_AGAIN)
    code, dimensions = content[2], content[3]
    if code not in _TYPES:
        known = ", ".join(f"{known:02x}" for known in _TYPES)
        raise DataError(f"{path} has type code {code:02x}; idx knows {known}", hint=_AGAIN)
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path} ends within its header of {start} bytes, after {len(content)}", hint=_AGAIN)
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    kind = numpy.dtype(_TYPES[code])
    expected = math.prod(shape) * kind.itemsize
    if len(content) - start != expected:
        raise DataError(
            f"{path} has {len(content) - start} bytes of values, its sizes {'x'.join(map(str, shape))} need {expected}",
            hint=_AGAIN,
        )
    if dimensions > 8 or math.prod(size or 1 for size in shape) > 2**62:
        raise DataError(f"{path} claims to hold {'x'.join(map(str, shape))} values", hint=_AGAIN)
    values = numpy.frombuffer(content, kind, offset=start).reshape(shape)
    return torch.from_numpy(values.astype(kind.newbyteorder("=")))


def _content(path: pathlib.Path) -> bytes:
    if not path.is_file():
        raise DataError(f"there is no file {path}", hint="check the path")
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is a damaged or cut gzip file ({error})", hint="get the file again") from error


def write_idx(path: pathlib.Path, values: numpy.ndarray) -> None:
    """Write ``values`` as idx, gzip if the name ends in ``.gz``."""
    codes = {numpy.dtype(kind).newbyteorder("="): code for code, kind in _TYPES.items()}
    code = codes[values.dtype.newbyteorder("=")]
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    content = head + values.astype(_TYPES[code]).tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
