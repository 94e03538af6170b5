"""Unpack a tar archive without letting it write outside its folder."""

from __future__ import annotations

import gzip
import os
import pathlib
import shutil
import tarfile
import tempfile
import zlib

from ..core.errors import DataError
from ..core.files import storage_errors


def unpack(archive: pathlib.Path, member: str, folder: pathlib.Path) -> pathlib.Path:
    """The folder ``member`` of ``archive``, unpacked below ``folder``; all of it or nothing appears.

    Raises:
        DataError: the archive is damaged, lacks the folder, or wants to write outside it.
        StorageError: the folder cannot be written.
    """
    target = folder / member
    if target.is_dir():
        return target
    with storage_errors(folder):
        temporary = pathlib.Path(tempfile.mkdtemp(prefix=".unpack-", dir=folder))
        try:
            with tarfile.open(archive) as file:
                for entry in file:
                    _extract(file, entry, temporary, archive)
            if not (temporary / member).is_dir():
                raise DataError(f"{archive} has no folder '{member}'", hint="is it the right archive?")
            os.replace(temporary / member, target)
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{archive} is damaged ({error})", hint="delete it and fetch it again") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _extract(file: tarfile.TarFile, entry: tarfile.TarInfo, folder: pathlib.Path, archive: pathlib.Path) -> None:
    """Write one folder or regular file; links and devices have no place in a data set.

    The filters of ``tarfile`` would do, but Python has them from 3.11.4 on only.
    """
    name = pathlib.PurePath(entry.name)
    if name.anchor or ".." in name.parts or not (entry.isfile() or entry.isdir()):
        raise DataError(f"{archive} wants to write outside its folder ({entry.name})", hint="do not use it")
    place = folder / name
    (place if entry.isdir() else place.parent).mkdir(parents=True, exist_ok=True)
    if (content := file.extractfile(entry)) is not None:
        with content, open(place, "wb") as out:
            shutil.copyfileobj(content, out)
