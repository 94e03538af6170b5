"""The native kernel: a shared library for several instruction sets; the best for this processor is loaded.

A plain C interface through ctypes. The library is optional: where no C++ compiler was there at installation, `library`
answers None and everything runs by torch operations.
"""

from __future__ import annotations

import ctypes
import functools
import pathlib

import numpy as np
import torch
from torch import Tensor

from ...core.native_library import supported

FOLDER = pathlib.Path(__file__).parent
LEVELS = ("baseline", "avx2", "avx512")
MISSING = "installed without a C++ compiler"

INSTRUCTION = np.dtype(
    [("op", "i4"), ("n", "i4"), ("d", "i4"), ("a", "i4"), ("b", "i4"), ("c", "i4"), ("number", "f8")]
)
OPERAND = np.dtype(
    [
        ("base", "i8"),
        ("step", "i8"),
        ("row", "i8"),
        ("column", "i4"),
        ("place", "i4"),
        ("shift", "i4"),
        ("period", "i4"),
        ("offset", "i8"),
    ]
)
FRAME = np.dtype(
    [
        ("inputs", "i8"),
        ("outputs", "i8"),
        ("bias", "i8"),
        ("size", "i8", 3),
        ("kernel", "i8", 3),
        ("dilation", "i8", 3),
    ]
)
TIME, PACKED, MODULO, TILE = range(4)
WEIGHTS = np.dtype([(name, "i8") for name in ("depth", "columns", "row", "column", "kind")])
MATRIX, ROUNDED_MATRIX, KERNEL = range(3)
ROUNDED = torch.bfloat16
"""The kind of factors that a rounded product multiplies; its numbers are float32."""


class Sequence(ctypes.Structure):
    """What the library needs to run a program; see program.h."""

    _fields_ = [
        ("instructions", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("resting", ctypes.c_void_p),
        ("resting_count", ctypes.c_int64),
        ("operands", ctypes.c_void_p),
        ("active", ctypes.c_void_p),
        ("offsets", ctypes.c_void_p),
        ("steps", ctypes.c_int64),
        ("batch", ctypes.c_int64),
        ("reverse", ctypes.c_int32),
        ("ahead", ctypes.c_int32),
        ("tile_rows", ctypes.c_int32),
        ("tile_size", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("team", ctypes.c_int32),
        ("steps_before", ctypes.c_int64),
        ("totals", ctypes.c_void_p),
        ("total_size", ctypes.c_int64),
        ("frames", ctypes.c_void_p),
        ("frame_count", ctypes.c_int64),
        ("operand_count", ctypes.c_int64),
        ("addresses", ctypes.c_void_p),
        ("buffer_count", ctypes.c_int64),
        ("weights", ctypes.c_void_p),
        ("weight_count", ctypes.c_int64),
    ]


class Library:
    """The functions of one shared library by the dtype of what they compute with.

    Under ``ROUNDED`` stand the weights of products of float32 matrices whose entries are rounded to bfloat16.

    Attributes:
        level: the instruction set.
        tiles: whether rounded products are made by tile instructions (AMX).
        rounded_matmul: makes one.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.level = path.name.split(".")[0].lstrip("_")
        # torch is imported above: its OpenMP library is there already, and both share one pool of threads
        functions = ctypes.CDLL(str(path))
        i64, pointer = ctypes.c_int64, ctypes.c_void_p
        functions.gatefield_operations.restype = ctypes.c_char_p
        names = functions.gatefield_operations().decode().split()
        self.tiles = bool(functions.gatefield_tiles())
        self.operations = {name: code for code, name in enumerate(names)}
        self.run, self.pack, self.packed_size = {}, {}, {}
        self.pack_kernel, self.packed_kernel_size = {}, {}
        for dtype in (torch.float32, torch.float64):
            suffix = _suffix(dtype)
            run = self.run[dtype] = getattr(functions, f"gatefield_run_{suffix}")
            run.argtypes, run.restype = [ctypes.POINTER(Sequence)], None
            pack_kernel = getattr(functions, f"gatefield_pack_kernel_{suffix}")
            pack_kernel.argtypes, pack_kernel.restype = [pointer, i64, i64, pointer], None
            kernel_size = getattr(functions, f"gatefield_packed_kernel_size_{suffix}")
            kernel_size.argtypes, kernel_size.restype = [i64, i64], i64
            self.pack_kernel[dtype], self.packed_kernel_size[dtype] = pack_kernel, kernel_size
        for dtype in (torch.float32, torch.float64, ROUNDED):
            suffix = _suffix(dtype)
            pack = getattr(functions, f"gatefield_pack_{suffix}")
            pack.argtypes, pack.restype = [pointer, i64, i64, i64, i64, pointer], None
            size = getattr(functions, f"gatefield_packed_size_{suffix}")
            size.argtypes, size.restype = [i64, i64], i64
            self.pack[dtype], self.packed_size[dtype] = pack, size
        matmul = self.rounded_matmul = functions.gatefield_rounded_matmul
        matmul.argtypes = [i64, i64, i64, pointer, i64, i64, pointer, i64, i64, pointer, i64, ctypes.c_int]
        matmul.restype = None


def _suffix(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@functools.cache
def library() -> Library | None:
    """The library for this processor, or None if none was built."""
    found = supported(FOLDER, LEVELS)
    return Library(list(found.values())[-1]) if found else None


def operations() -> dict[str, int]:
    """Name -> code of every instruction; asked from the library, so that names and codes cannot come apart."""
    lib = library()
    assert lib is not None
    return lib.operations


def rounded_matmul(a: Tensor, b: Tensor) -> Tensor:
    """a @ b for float32 matrices of any strides whose entries are rounded to bfloat16; sums are float32."""
    lib = library()
    assert lib is not None
    (m, k), n = a.shape, b.shape[1]
    out = a.new_empty(m, n)
    threads = torch.get_num_threads() if m * n * k > 1 << 15 else 1
    lib.rounded_matmul(m, n, k, a.data_ptr(), *a.stride(), b.data_ptr(), *b.stride(), out.data_ptr(), n, threads)
    return out
