"""Write files so that a reader sees the old content or the new one, never a half, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
from collections.abc import Callable, Iterator

from .errors import StorageError

_ADVICE = {
    errno.ENOSPC: "free some space on this disk, or choose another folder with --out",
    errno.EDQUOT: "your quota is used up: free some space, or choose another folder with --out",
    errno.EROFS: "this file system is read-only: choose another folder with --out",
    errno.EACCES: "you may not write here: change the folder's permissions, or choose another with --out",
    errno.EPERM: "you may not write here: change the folder's permissions, or choose another with --out",
    errno.ENOTDIR: "a part of this path is a file, not a folder: choose another with --out",
    errno.ENOENT: "the folder has vanished: was it deleted or its disk unmounted?",
}


@contextlib.contextmanager
def storage_errors(path: pathlib.Path) -> Iterator[None]:
    """Turn an ``OSError`` while writing ``path`` into one `StorageError` with advice."""
    try:
        yield
    except OSError as error:
        hint = _ADVICE.get(error.errno or 0, "check the disk and the folder's permissions")
        raise StorageError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error


def write_atomically(path: pathlib.Path, write: Callable[[pathlib.Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush it to the disk, then put it in place at once.

    Raises:
        StorageError: the disk is full, read-only or gone; what stood at ``path`` before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        try:
            write(temporary)
            with open(temporary, "r+b") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: pathlib.Path, text: str) -> None:
    """Replace the content of ``path`` by ``text`` (UTF-8), atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: pathlib.Path, content: bytes) -> None:
    """Replace the content of ``path``, atomically."""

    def write(temporary: pathlib.Path) -> None:
        temporary.write_bytes(content)

    write_atomically(path, write)


def _sync_folder(folder: pathlib.Path) -> None:
    """Make the rename itself durable; a no-op where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)
