"""Films: frames one after the other, the contract of their readers, and the files that hold one."""

from __future__ import annotations

import io
import pathlib
from typing import ClassVar, NamedTuple

import numpy
import torch
from PIL import Image, ImageSequence
from torch import Tensor

from ..core.errors import DataError
from .corpus import Parts
from .reader import Reader

EXTENSIONS = frozenset({".gif", ".npy", ".webp", ".png"})
_ANIMATED = ".gif, .webp or .png with several pictures"


class Film(NamedTuple):
    """Frames: ``frames`` uint8 (time, channels, height, width), 1 or 3 channels; ``place`` says where it comes from."""

    frames: Tensor
    place: str


class FilmReader(Reader):
    """Reads films."""

    kind: ClassVar[str] = "reader of films"

    def read(self) -> Parts[Film]:
        raise NotImplementedError


def read_film(source: pathlib.Path | str | bytes, channels: int = 1, name: str | None = None) -> Film:
    """The film in an animated picture (GIF, WebP, PNG) or in an array (``.npy``).

    An array is (time, height, width), or (time, channels, height, width): uint8, truth values, or real numbers in
    [0, 1]. It is read without pickle. Grey from colour is the luma of ITU-R BT.601.

    Args:
        source: a path, or the content of a file.
        channels: 1 for grey, 3 for red, green, blue.
        name: what messages call it; the path by default.

    Raises:
        DataError: the file is missing, damaged, too large, or holds no film; names it.
    """
    place = name or ("<bytes>" if isinstance(source, bytes) else str(source))
    if isinstance(source, bytes):
        content = source
    else:
        try:
            content = pathlib.Path(source).expanduser().read_bytes()
        except FileNotFoundError:
            hint = "give an animated picture or a .npy file of frames"
            raise DataError(f"there is no file {place}", hint=hint) from None
        except OSError as error:
            raise DataError(f"cannot read {place}: {error.strerror}", hint="check the file's permissions") from None
    frames = _of_array(content, place) if content[:6] == b"\x93NUMPY" else _of_animation(content, place)
    return Film(_with_channels(frames, channels), place)


def _of_array(content: bytes, place: str) -> Tensor:
    """uint8 (time, channels, height, width) from the bytes of a .npy file."""
    try:
        values = numpy.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # damaged headers make NumPy raise nearly anything, MemoryError too
        hint = "write it with numpy.save, as numbers: objects are never read"
        raise DataError(f"{place} is not a readable array ({error})", hint=hint) from None
    hint = "give (time, height, width) or (time, channels, height, width), with 1 or 3 channels"
    if values.ndim == 3:
        values = values[:, None]
    if values.ndim != 4 or values.shape[1] not in (1, 3) or not values.size:
        raise DataError(f"{place} has the shape {values.shape}, which is no film", hint=hint)
    if values.dtype == numpy.uint8:
        return torch.from_numpy(values.copy())
    if values.dtype.kind not in "bf":
        hint = "give uint8, truth values, or real numbers in [0, 1]"
        raise DataError(f"{place} holds {values.dtype}, whose brightest value is unknown", hint=hint)
    values = values.astype(numpy.float64)
    wrong = ~((values >= 0) & (values <= 1))  # NaN is neither
    if wrong.any():
        time, *_ = numpy.argwhere(wrong)[0].tolist()
        message = f"{place}: frame {time} holds {values[wrong][0]:g}, outside [0, 1]"
        raise DataError(message, hint="scale the values to [0, 1], or give uint8")
    return torch.from_numpy(numpy.rint(values * 255).astype(numpy.uint8))


def _of_animation(content: bytes, place: str) -> Tensor:
    """uint8 (time, 3, height, width) from the bytes of an animated picture."""
    limit = Image.MAX_IMAGE_PIXELS
    try:
        with Image.open(io.BytesIO(content)) as image:
            count = getattr(image, "n_frames", 1)
            if limit is not None and count * image.width * image.height > limit:
                hint = "give a smaller film; if you trust it, raise PIL.Image.MAX_IMAGE_PIXELS"
                raise DataError(f"{place} unpacks to more than {limit:,} pixels", hint=hint)
            frames = [numpy.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        reason = "no known format" if "cannot identify" in str(error) else str(error) or type(error).__name__
        message = f"{place} is damaged or not a film ({reason})"
        raise DataError(message, hint=f"give {_ANIMATED}, or an array of frames in a .npy file") from None
    return torch.from_numpy(numpy.stack(frames)).permute(0, 3, 1, 2).contiguous()


def _with_channels(frames: Tensor, channels: int) -> Tensor:
    """``frames`` as grey or in colour."""
    have = frames.shape[1]
    if have == channels:
        return frames
    if channels == 3:
        return frames.expand(-1, 3, -1, -1).contiguous()
    luma = (frames * frames.new_tensor([0.299, 0.587, 0.114], dtype=torch.float64)[:, None, None]).sum(1, keepdim=True)
    return luma.round().to(torch.uint8)


def one_size(films: list[Film]) -> None:
    """Raise unless all frames of ``films`` have one size.

    Raises:
        DataError: names the first film that differs.
    """
    for film in films[1:]:
        if film.frames.shape[1:] != films[0].frames.shape[1:]:
            sizes = [" x ".join(map(str, one.frames.shape[2:])) for one in (film, films[0])]
            message = f"{film.place} has frames of {sizes[0]} pixels, {films[0].place} of {sizes[1]}"
            raise DataError(message, hint="give films of one size")
