"""Decode an image file to the pixels that a person sees."""

from __future__ import annotations

import io
import pathlib

import numpy
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..core.errors import DataError

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"})


def decode(
    source: pathlib.Path | str | bytes, channels: int, size: tuple[int, int] | None = None, name: str | None = None
) -> Tensor:
    """The image in ``source`` as uint8 (channels, height, width).

    - The camera's rotation (EXIF) is undone; an animation gives its first frame.
    - Transparent pixels are composited on white, as on a page.
    - 16-bit grey is scaled from [0, 65535], not clipped. Numbers of 32 bits, integer or float, have no range of
      their own: they are read as [0, 1] (float), [0, 255] or [0, 65535], whichever holds them first, and stretched
      from their smallest to their largest otherwise.
    - Grey from colour is the luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B. Colour profiles are not applied.
    - With ``size`` the largest centred part of that aspect is scaled, bilinear with antialiasing.

    Args:
        source: a path, or the content of a file.
        channels: 1 for grey, 3 for red, green, blue.
        size: (height, width) wanted; the image's own if None.
        name: what messages call it; the path by default.

    Raises:
        DataError: the file is missing, damaged, not an image, or has too many pixels; names it.
    """
    label = name or ("the image" if isinstance(source, bytes) else str(source))
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            _check_pixels(image, label)
            if size is not None:  # a JPEG can be decoded at 1/2, 1/4, 1/8: keep twice the pixels that are wanted
                image.draft(image.mode, (2 * max(size), 2 * max(size)))
            pixels = _grey_or_color(ImageOps.exif_transpose(image), channels, label)
    except (DataError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataError(f"there is no image file {label}", hint="was it deleted or moved while in use?") from error
    except Image.DecompressionBombError as error:
        raise _too_large(label) from error
    except Exception as error:  # damaged files make Pillow raise nearly anything: SyntaxError, struct.error, KeyError
        hint = "replace or delete the file; in a folder, skip_bad: true leaves such files out and counts them"
        raise DataError(f"{label} is damaged or not an image ({_reason(error)})", hint=hint) from error
    if size is not None and pixels.size != size[::-1]:
        pixels = _resized(pixels, size)
    array = numpy.array(pixels)
    return torch.from_numpy(array[None] if channels == 1 else numpy.ascontiguousarray(array.transpose(2, 0, 1)))


def seen_part(tall: int, wide: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a picture of ``tall`` x ``wide`` pixels that `decode` scales to ``size`` (height, width).

    Returns:
        Its top, left, height and width: the largest centred part of that aspect, to whole pixels.
    """
    left, top, right, bottom = _centred(tall, wide, size)
    rows, columns = max(round(bottom - top), 1), max(round(right - left), 1)
    return (tall - rows) // 2, (wide - columns) // 2, rows, columns


def header(path: pathlib.Path) -> tuple[int, int, bool]:
    """Height and width as a person sees them, and whether the image is grey, from the header alone.

    Raises:
        DataError: the file is missing or not an image; names it.
    """
    try:
        with Image.open(path) as image:
            _check_pixels(image, str(path))
            width, height = image.size
            if image.getexif().get(0x0112, 1) >= 5:  # the orientations that turn by a quarter
                width, height = height, width
            return height, width, _is_grey(image)
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(str(path)) from error
    except Exception as error:  # as above
        hint = "replace or delete the file; in a folder, skip_bad: true leaves such files out and counts them"
        raise DataError(f"{path} is damaged or not an image ({_reason(error)})", hint=hint) from error


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P":
        used = numpy.array([color for _, color in image.convert("RGBA").getcolors(256) or []])
        return bool((used[:, :3] == used[:, :1]).all())
    return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")


def _grey_or_color(image: Image.Image, channels: int, label: str) -> Image.Image:
    """``image`` in mode L or RGB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_to_bytes(numpy.asarray(image), label))
    if image.has_transparency_data:
        colors = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colors.size, "white"), colors)
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image.convert("L" if channels == 1 else "RGB")


def _to_bytes(values: numpy.ndarray, label: str) -> numpy.ndarray:
    """Grey values of 16 or 32 bits as uint8."""
    if values.dtype.itemsize == 2:
        low, high = 0.0, 65535.0
    elif not numpy.isfinite(values).all():
        raise DataError(f"{label} holds pixels that are not finite", hint="replace NaN and infinity by numbers")
    else:
        low, high = float(values.min()), float(values.max())
        ranges = [1.0, 255.0, 65535.0] if values.dtype.kind == "f" else [255.0, 65535.0]
        fitting = [limit for limit in ranges if low >= 0 and high <= limit]
        if fitting:
            low, high = 0.0, fitting[0]
    scaled = (values.astype(numpy.float64) - low) * (255 / max(high - low, 1e-300))
    return numpy.rint(scaled).astype(numpy.uint8)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The largest centred part of aspect ``size`` (height, width), scaled to it."""
    height, width = size
    return image.resize((width, height), Image.Resampling.BILINEAR, box=_centred(image.height, image.width, size))


def _centred(tall: int, wide: int, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the largest centred part of aspect ``size`` of a picture ``tall`` x ``wide``."""
    height, width = size
    scale = min(wide / width, tall / height)
    left, top = (wide - width * scale) / 2, (tall - height * scale) / 2
    return max(left, 0), max(top, 0), min(left + width * scale, wide), min(top + height * scale, tall)


def _check_pixels(image: Image.Image, label: str) -> None:
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise _too_large(label)


def _too_large(label: str) -> DataError:
    return DataError(
        f"{label} unpacks to more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels",
        hint="scale it down first; if you trust it, raise PIL.Image.MAX_IMAGE_PIXELS",
    )


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "no known image format" if "cannot identify image file" in text else text
