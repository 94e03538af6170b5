"""Fetch a published file: resumed where it was cut, checked against its checksum, put in place at once."""

from __future__ import annotations

import hashlib
import http.client
import os
import pathlib
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.console import Console, Progress
from ..core.errors import DataError
from ..core.files import storage_errors
from .unpack import unpack

_ATTEMPTS = 3
_TIMEOUT = 30.0
_BLOCK = 1 << 16
_NETWORK = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


@dataclass(frozen=True)
class Download:
    """One file of a data set.

    Attributes:
        file: its name in the data set's folder.
        addresses: where it can be had; tried in order.
        digest: its published checksum: ``md5:...`` or ``sha256:...``.
        size: its size in bytes, or None where it is not published.
        unpack: the folder to unpack from it, if it is a tar archive.
    """

    file: str
    addresses: Sequence[str]
    digest: str
    size: int | None = None
    unpack: str = ""

    def matches(self, path: pathlib.Path) -> bool:
        """Whether the file at ``path`` has the published checksum."""
        algorithm, _, wanted = self.digest.partition(":")
        with open(path, "rb") as file:
            return (
                hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest() == wanted
            )


def fetch(download: Download, folder: pathlib.Path, console: Console) -> pathlib.Path:
    """The file in ``folder``, fetched unless it is there with the right checksum, and unpacked if it is an archive.

    What arrived before a cut is kept in a ``.part`` file and continued, also from another address; the file gets its
    name only when its checksum is right.

    Raises:
        DataError: no address gave the right file; says what each answered.
        StorageError: the folder cannot be written.
    """
    target = _received(download, folder, console)
    if download.unpack:
        unpack(target, download.unpack, folder)
    return target


def _received(download: Download, folder: pathlib.Path, console: Console) -> pathlib.Path:
    target = folder / download.file
    if target.is_file() and download.matches(target):
        return target
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    failures = []
    for address in download.addresses:
        for _ in range(_ATTEMPTS):
            resumed = part.is_file()
            try:
                _receive(address, part, download, console)
            except _NETWORK as error:
                failures.append(f"{address}: {_reason(error)}")
                if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                    break
                continue
            if download.matches(part):
                _put_in_place(part, target)
                return target
            part.unlink()
            failures.append(f"{address}: the checksum is not {download.digest}")
            if not resumed:  # a whole file of other content: asking again will not help
                break
    answers = "; ".join(dict.fromkeys(failures))
    raise DataError(
        f"could not fetch {download.file} ({answers})",
        hint=f"check the network and try again (it continues where it stopped), or put the file into {folder} yourself",
    )


def _receive(address: str, part: pathlib.Path, download: Download, console: Console) -> None:
    """Let ``part`` grow to the whole file; raises one of `_NETWORK` when the line is cut."""
    done = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "gatefield"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and done:  # nothing is left to send: the checksum decides
            return
        raise
    with response:
        continues = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        if response.status == 206 and not continues:
            part.unlink(missing_ok=True)
            raise http.client.HTTPException("the server sent another range than was asked for")
        if not continues:  # the server does not know ranges: from the start
            done = 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else download.size
        with (
            storage_errors(part),
            open(part, "ab" if continues else "wb") as file,
            console.progress(download.file, total, unit="B", done=done) as progress,
        ):
            done += _copy(response, file.write, progress)
        if total is not None and done < total:
            raise ConnectionError(f"cut after {done} of {total} bytes")


def _copy(response: http.client.HTTPResponse, write: Callable[[bytes], object], progress: Progress) -> int:
    copied = 0
    while block := _next_block(response):
        write(block)
        progress.advance(len(block))
        copied += len(block)
    return copied


def _next_block(response: http.client.HTTPResponse) -> bytes:
    """The next bytes; what arrived before a cut is not lost."""
    try:
        return response.read1(_BLOCK)
    except OSError as error:  # of the network, to be told apart from the disk's
        raise http.client.HTTPException(f"the line was cut ({error})") from error


def _put_in_place(part: pathlib.Path, target: pathlib.Path) -> None:
    with storage_errors(target):
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        os.replace(part, target)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answered {error.code} {error.reason}"
    return str(getattr(error, "reason", error))
