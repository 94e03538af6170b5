"""CIFAR-10: colour photographs of 32 x 32 pixels, from the published pickled batches, which are never executed."""

from __future__ import annotations

import io
import pathlib
import pickle
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any, Self

import numpy
import torch
from torch import Tensor

from ...core.arguments import PositiveInt
from ...core.errors import DataError
from ..fetch import Download
from ..image_set import ImageTensor
from ..location import locate
from ..reader import ImageReader, Splits
from ..resizing import resized

_FOLDER, _ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
_TRAIN, _TEST = [f"data_batch_{number}" for number in range(1, 6)], ["test_batch"]
_AGAIN = "fetch the data set again from its publisher"


class Cifar10(ImageReader):
    """50,000 training and 10,000 test photographs of ten things, 32 x 32 in colour.

    The batches are Python pickles, which could run any code; they are read by an unpickler that knows arrays, text
    and numbers only.

    Args:
        path: the archive, the folder ``cifar-10-batches-py``, or the folder that holds one of them.
        size: height and width to scale to, bilinear; 32 if None.

    Reference: Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """

    name = "cifar10"
    folder = "cifar10"
    licence = "none stated; the authors ask to cite Krizhevsky (2009)"
    homepage = "https://www.cs.toronto.edu/~kriz/cifar.html"
    downloads = (
        Download(
            _ARCHIVE,
            [f"https://www.cs.toronto.edu/~kriz/{_ARCHIVE}"],
            "md5:c58f30108f718f92721af3b95e74349a",
            170498071,
            unpack=_FOLDER,
        ),
    )
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

    def __init__(self, path: str | None = None, size: PositiveInt | None = None) -> None:
        self.path, self.size = path, size

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Batches of four images of noise below ``folder``."""
        random = numpy.random.default_rng(0)
        for number, name in enumerate(_TRAIN + _TEST):
            pixels = random.integers(0, 256, (4, 3072), numpy.uint8)
            labels = [(4 * number + image) % 10 for image in range(4)]
            (folder / name).write_bytes(pickle.dumps({b"data": pixels, b"labels": labels}, protocol=2))
        return cls(path=str(folder))

    def read(self) -> Splits:
        """Training and test part."""
        place = locate(self.name, self.folder, self.path)
        batches = self._batches(place)
        train, test = (self._part(place, batches, names) for names in (_TRAIN, _TEST))
        return Splits(train, None, test, self.classes)

    def _batches(self, place: pathlib.Path) -> Mapping[str, bytes]:
        wanted = _TRAIN + _TEST
        for folder in (place, place / _FOLDER):
            if (folder / wanted[0]).is_file():
                return {name: (folder / name).read_bytes() for name in wanted if (folder / name).is_file()}
        archive = place if place.is_file() else place / _ARCHIVE
        if archive.is_file():
            return _from_archive(archive)
        raise DataError(
            f"there is neither {_FOLDER} nor {_ARCHIVE} in {place}", hint=f"gatefield data {self.name} --fetch"
        )

    def _part(self, place: pathlib.Path, batches: Mapping[str, bytes], names: list[str]) -> ImageTensor:
        missing = [name for name in names if name not in batches]
        if missing:
            raise DataError(f"{place} has no {missing[0]}", hint=_AGAIN)
        read = [read_batch(batches[name], f"{place}: {name}") for name in names]
        images, labels = (torch.cat(parts) for parts in zip(*read))
        return ImageTensor(resized(images, self.size), labels, f"cifar10 {'train' if names is _TRAIN else 'test'}")


def _from_archive(archive: pathlib.Path) -> dict[str, bytes]:
    try:
        with tarfile.open(archive) as file:
            files = {pathlib.PurePosixPath(member.name).name: member for member in file if member.isfile()}
            handles = {name: file.extractfile(files[name]) for name in _TRAIN + _TEST if name in files}
            return {name: handle.read() for name, handle in handles.items() if handle is not None}
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{archive} is damaged ({error})", hint=_AGAIN) from error


def read_batch(content: bytes, name: str) -> tuple[Tensor, Tensor]:
    """Images uint8 (count, 3, 32, 32) and labels of one pickled batch, called ``name`` in messages.

    Raises:
        DataError: it is damaged, or holds anything but arrays, text and numbers.
    """
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{name} {error.message}", hint=error.hint) from None
    except Exception as error:  # a damaged pickle makes the unpickler raise nearly anything
        raise DataError(f"{name} is not a readable batch ({type(error).__name__}: {error})", hint=_AGAIN) from error
    if not isinstance(batch, dict):
        raise DataError(f"{name} does not hold a mapping of data and labels", hint=_AGAIN)
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if not isinstance(data, _Array) or not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DataError(f"{name} does not hold an array 'data' and a list of whole numbers 'labels'", hint=_AGAIN)
    if (
        data.kind != "u1"
        or data.shape != (len(labels), 3072)
        or len(data.content) != 3072 * len(labels)
        or data.columns
    ):
        raise DataError(
            f"{name} holds {data.kind} data of shape {data.shape} for {len(labels)} labels",
            hint="a batch has 3072 bytes an image: 1024 red, 1024 green, 1024 blue",
        )
    if any(abs(label) > 2**31 for label in labels):
        raise DataError(f"{name} has labels outside 0 .. 9", hint=_AGAIN)
    pixels = numpy.frombuffer(data.content, numpy.uint8).reshape(-1, 3, 32, 32).copy()
    return torch.from_numpy(pixels), torch.tensor(labels, dtype=torch.int64)


class _Kind:
    """Stands for ``numpy.dtype``: keeps the type code and nothing else."""

    __slots__ = ("code",)

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else str(code)

    def __setstate__(self, state: Any) -> None:
        pass


class _Array:
    """Stands for ``numpy.ndarray``: keeps shape, type code and bytes, and computes nothing."""

    __slots__ = ("columns", "content", "kind", "shape")

    def __init__(self, *_: Any) -> None:
        self.shape, self.kind, self.columns, self.content = (), "", False, b""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, columns, content = state
        if not (isinstance(shape, tuple) and isinstance(kind, _Kind) and isinstance(content, bytes)):
            raise DataError("holds an array of Python objects", hint=_AGAIN)
        self.shape, self.kind, self.columns, self.content = shape, kind.code.lstrip("|"), bool(columns), content


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
    array = _Array()
    content = bytes(content) if isinstance(content, (bytes, bytearray)) else content
    array.__setstate__((None, shape, kind, order != "C" or axes is not None, content))
    return array


class _ArraysOnly(pickle.Unpickler):
    """An unpickler whose every name leads to an inert stand-in of ours."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        # functions are made anew each time, so that a pickle cannot change one that another will use
        match module_name, global_name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return lambda *_: _Array()
            case (("numpy.core.numeric" | "numpy._core.numeric"), "_frombuffer"):  # from protocol 5 on
                return lambda *given: _from_buffer(*given)
            case (("numpy.core.multiarray" | "numpy._core.multiarray" | "numpy"), "ndarray"):
                return _Array
            case (("numpy.core.multiarray" | "numpy._core.multiarray" | "numpy"), "dtype"):
                return _Kind
            case "_codecs", "encode":
                return lambda text, _: text.encode("latin1")
        raise DataError(
            f"wants to call {module_name}.{global_name}, which a batch of images has no need of; it was not run",
            hint="do not trust this file; " + _AGAIN,
        )
