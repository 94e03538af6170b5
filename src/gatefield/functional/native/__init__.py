"""Convolutions of signs and of few channels, deformable sampling, and max pooling, in native code.

A shared library with a plain C interface, built for several instruction sets.
"""

from __future__ import annotations

import ctypes
import functools
import pathlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.native_library import demanded_engine, has_memory, supported

LEVELS = ("baseline", "avx2", "avx512-vpopcntdq")

#: What the library answers.
DONE, FOUND_NAN, NO_MEMORY = range(3)
#: What numbers are stored as -> what the library calls it; see lanes.h.
KINDS = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2}
#: Signs to multiply from which on a second thread pays.
MANY = 1 << 22


class _SignConvolution(ctypes.Structure):
    """The arguments; see sign_convolution.h."""

    _fields_ = [
        ("x", ctypes.c_void_p),
        ("is_double", ctypes.c_int64),
        ("x_shape", ctypes.c_int64 * 4),
        ("x_strides", ctypes.c_int64 * 4),
        ("kernels", ctypes.c_void_p),
        ("kernel_bytes", ctypes.c_int64),
        ("out_channels", ctypes.c_int64),
        ("kernel_height", ctypes.c_int64),
        ("kernel_width", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("padding", ctypes.c_int64),
        ("groups", ctypes.c_int64),
        ("sums", ctypes.c_void_p),
        ("out_height", ctypes.c_int64),
        ("out_width", ctypes.c_int64),
        ("sums_strides", ctypes.c_int64 * 3),
        ("threads", ctypes.c_int64),
    ]


class DeformableSampling(ctypes.Structure):
    """Where the taps of a deformable convolution read, and what; see deformable_sampling.h."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "offset", "mask", "samples")),
        *((name, ctypes.c_void_p) for name in ("x_gradient", "offset_gradient", "mask_gradient")),
        *((name, ctypes.c_int64) for name in ("is_double", "images", "channels", "height", "width")),
        *((name, ctypes.c_int64) for name in ("out_height", "out_width", "first_row", "end_row")),
        *((name, ctypes.c_int64) for name in ("groups", "offset_groups")),
        *((name, ctypes.c_int64 * 2) for name in ("kernel", "stride", "padding", "dilation")),
        ("threads", ctypes.c_int64),
    ]


class MaxPooling(ctypes.Structure):
    """Windows, and what their maxima are taken of; see max_pooling.h."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "y", "winners")),
        *(
            (name, ctypes.c_int64)
            for name in ("kind", "pictures", "height", "width", "inner", "out_height", "out_width")
        ),
        *((name, ctypes.c_int64 * 2) for name in ("kernel", "stride", "padding")),
        ("threads", ctypes.c_int64),
    ]


class FewChannels(ctypes.Structure):
    """A convolution of few channels; see few_channels.h."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "y", "given", "weight", "bias", "weight_gradient")),
        *((name, ctypes.c_int64) for name in ("kind", "images", "height", "width", "channels", "outputs")),
        *((name, ctypes.c_int64 * 2) for name in ("kernel", "padding")),
        ("threads", ctypes.c_int64),
    ]


class Library:
    """The functions of one shared library."""

    def __init__(self, level: str, path: pathlib.Path) -> None:
        self.level = level
        # torch is imported above: its OpenMP library is there already, and both share one pool of threads
        functions = ctypes.CDLL(str(path))
        self._run = functions.gatefield_sign_convolution
        self._run.argtypes, self._run.restype = [ctypes.POINTER(_SignConvolution)], ctypes.c_int
        self._samples, self._gradients = (
            functions.gatefield_deformable_samples,
            functions.gatefield_deformable_gradients,
        )
        for function in (self._samples, self._gradients):
            function.argtypes, function.restype = [ctypes.POINTER(DeformableSampling)], ctypes.c_int
        self._pooling = functions.gatefield_max_pooling
        self._pooling.argtypes, self._pooling.restype = [ctypes.POINTER(MaxPooling), ctypes.c_int], None
        self._few_channels = functions.gatefield_few_channels
        self._few_channels.argtypes = [ctypes.POINTER(FewChannels), ctypes.c_int]
        self._few_channels.restype = ctypes.c_int

    def sign_convolution(self, x: Tensor, kernels: Tensor, stride: int, padding: int, groups: int) -> Tensor | None:
        """As `packed_signs.sign_convolution`, in the memory format of x; None if x holds a NaN.

        Args:
            x: float32 or float64 (batch, channels, height, width), of any strides.
            kernels: contiguous uint8 (out_channels, height, width, ceil(channels / groups / 8)).
            stride: of the convolution.
            padding: of the convolution; windows fit on what it leaves.
            groups: of the convolution, which divide both numbers of channels.
        """
        batch, channels, height, width = x.shape
        outputs, kernel_height, kernel_width, kernel_bytes = kernels.shape
        out_height = (height + 2 * padding - kernel_height) // stride + 1
        out_width = (width + 2 * padding - kernel_width) // stride + 1
        area = out_height * out_width
        last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
        sums = torch.empty(
            (batch, outputs, out_height, out_width),
            dtype=torch.int32,
            memory_format=torch.channels_last if last else torch.contiguous_format,
        )
        signs = sums.numel() * channels // groups * kernel_height * kernel_width
        arguments = _SignConvolution(
            x=x.data_ptr(),
            is_double=x.dtype == torch.float64,
            x_shape=tuple(x.shape),
            x_strides=tuple(x.stride()),
            kernels=kernels.data_ptr(),
            kernel_bytes=kernel_bytes,
            out_channels=outputs,
            kernel_height=kernel_height,
            kernel_width=kernel_width,
            stride=stride,
            padding=padding,
            groups=groups,
            sums=sums.data_ptr(),
            out_height=out_height,
            out_width=out_width,
            sums_strides=(outputs * area, *((1, outputs) if last else (area, 1))),
            threads=torch.get_num_threads() if signs >= MANY else 1,
        )
        result = self._run(ctypes.byref(arguments))
        if result == NO_MEMORY:
            raise MemoryError("no memory for the packed signs of a convolution")
        return sums if result == DONE else None

    def deformable_samples(self, sampling: DeformableSampling) -> None:
        """Write the samples."""
        if self._samples(ctypes.byref(sampling)) == NO_MEMORY:
            raise MemoryError("no memory for the samples of a deformable convolution")

    def deformable_gradients(self, sampling: DeformableSampling) -> None:
        """Add to the gradients of x, offset and mask what follows from that of the samples."""
        if self._gradients(ctypes.byref(sampling)) == NO_MEMORY:
            raise MemoryError("no memory for the gradients of a deformable convolution")

    def max_pooling(self, pooling: MaxPooling, backward: bool) -> None:
        """Write the maxima and their winners; or, of the gradients of the maxima, those of what they were taken of."""
        self._pooling(ctypes.byref(pooling), backward)

    def few_channels(self, convolution: FewChannels, backward: bool) -> None:
        """Write the output; or add to the gradient of the weights, and write that of the input."""
        if self._few_channels(ctypes.byref(convolution), backward) == NO_MEMORY:
            raise MemoryError("no memory for the padded pictures of a convolution")


@functools.cache
def libraries() -> dict[str, Library]:
    """Level -> library, for every level that was built and that this processor can run; the best comes last."""
    found = supported(pathlib.Path(__file__).parent, LEVELS)
    return {level: Library(level, path) for level, path in found.items()}


def library() -> Library | None:
    """The library for this processor, or None if none was built."""
    return next(reversed(libraries().values()), None)


def library_for(what: str, *tensors: Tensor) -> Library | None:
    """The library, if it can compute with ``tensors`` and GATEFIELD_ENGINE lets it.

    Args:
        what: the computation, in the plural, for the message.

    Raises:
        InputError: GATEFIELD_ENGINE demands native code, and there is none for these tensors.
    """
    engine = demanded_engine()
    if engine in ("torch", "reference"):
        return None
    obstacle = _obstacle(tensors)
    if obstacle and engine == "native":
        message = f"GATEFIELD_ENGINE=native, but {what} can only take the torch path"
        raise InputError(message, hint=f"{obstacle}; unset GATEFIELD_ENGINE to let the library choose")
    return None if obstacle else library()


def _obstacle(tensors: Sequence[Tensor]) -> str:
    """Why native code is out of the question, if it is."""
    for tensor in tensors:
        if tensor.device.type != "cpu":
            return f"native code runs on processors, a tensor is on {tensor.device}"
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # pyright: ignore[reportPrivateImportUsage]
        return "the model is being compiled or exported"
    if not all(map(has_memory, tensors)):
        return "a transformation of torch runs the call"
    return "" if library() else "installed without a C++ compiler"
