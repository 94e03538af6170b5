"""Sound files: WAV through scipy, FLAC through the package soundfile; one channel, one rate."""

from __future__ import annotations

import math
import pathlib
import warnings

import numpy
import torch
from torch import Tensor

from ..core.errors import ArgumentError, DataError
from ..core.extras import require

EXTENSIONS = frozenset({".wav", ".flac"})
_HINT = "get the file again, or convert it to WAV (PCM)"


def read_sound(path: pathlib.Path) -> tuple[Tensor, int]:
    """Samples float32 (count,) in [-1, 1], the mean over channels; and how many there are a second.

    PCM of b bits becomes value / 2^(b-1), 8 bits (value - 128) / 128; floating point numbers stay what they are.

    Raises:
        DataError: the file is missing, is no sound, or holds none.
        MissingExtra: for FLAC, the package ``soundfile`` is not installed.
    """
    if not path.is_file():
        raise DataError(f"there is no {path}", hint="check the path")
    samples, rate = _flac(path) if path.suffix.lower() == ".flac" else _wav(path)
    if not samples.size:
        raise DataError(f"{path} holds no sound", hint="delete it, or record it again")
    if not numpy.isfinite(samples).all():
        raise DataError(f"{path} holds values that are no numbers", hint=_HINT)
    mono = samples.mean(1) if samples.ndim == 2 else samples
    return torch.from_numpy(mono.astype(numpy.float32)), rate


def resampled(samples: Tensor, rate: int, wanted: int) -> Tensor:
    """``samples`` at ``wanted`` instead of ``rate`` a second, filtered so that nothing is folded back.

    Raises:
        ArgumentError: a rate below 1.
    """
    if rate < 1 or wanted < 1:
        raise ArgumentError(f"cannot go from {rate} to {wanted} samples a second", hint="rates are from 1")
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    return torch.from_numpy(resample_poly(samples.numpy(), wanted // common, rate // common).astype(numpy.float32))


def _wav(path: pathlib.Path) -> tuple[numpy.ndarray, int]:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks of other programs, as of tags
            rate, samples = wavfile.read(path)
    except Exception as error:  # scipy raises nearly anything on a damaged file
        raise DataError(f"{path} is not a readable WAV file ({error})", hint=_HINT) from error
    if rate < 1:
        raise DataError(f"{path} has {rate} samples a second", hint=_HINT)
    if samples.dtype == numpy.uint8:
        return (samples.astype(numpy.float64) - 128) / 128, rate
    if samples.dtype.kind == "i":  # 24 bits are in the upper ones of 32
        return samples / 2.0 ** (8 * samples.dtype.itemsize - 1), rate
    return samples, rate


def _flac(path: pathlib.Path) -> tuple[numpy.ndarray, int]:
    package = require("soundfile", extra="audio", purpose="reading FLAC")
    try:
        return package.read(path, dtype="float32")
    except (package.SoundFileError, RuntimeError) as error:
        raise DataError(f"{path} is not a readable FLAC file ({error})", hint=_HINT) from error
