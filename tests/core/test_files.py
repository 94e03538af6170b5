"""A file holds the old content or the new one, whatever happens in between."""

from __future__ import annotations

import errno
import os
import pathlib
import subprocess
import sys

import pytest

from gatefield.core import files
from gatefield.core.errors import StorageError
from gatefield.core.files import storage_errors, write_atomically, write_bytes, write_text


def test_content_is_replaced_and_nothing_is_left_behind(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "größe\n")
    assert path.read_bytes() == "größe\n".encode()
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["os.fsync", "os.replace", "pathlib.Path.write_bytes"])
@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space on this disk, or choose another folder with --out"),
        (errno.EROFS, "this file system is read-only: choose another folder with --out"),
        (errno.EACCES, "you may not write here: change the folder's permissions, or choose another with --out"),
        (errno.EIO, "check the disk and the folder's permissions"),
    ],
)
def test_a_failed_write_leaves_the_old_content_and_no_other_file(tmp_path, monkeypatch, call, number, hint):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(call, fail)
        with pytest.raises(StorageError) as caught:
            write_text(path, "new")
    assert caught.value.message == f"cannot write {path}: {os.strerror(number)}"
    assert caught.value.hint == hint
    assert caught.value.exit_code == 2
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_half_way_leaves_the_old_content(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(temporary: pathlib.Path) -> None:
        temporary.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_vanished_folder_has_its_own_advice(tmp_path):
    with pytest.raises(StorageError) as caught:
        write_text(tmp_path / "gone" / "a.txt", "new")
    assert caught.value.hint == "the folder has vanished: was it deleted or its disk unmounted?"


def test_a_file_in_the_way_has_its_own_advice(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        write_text(tmp_path / "file" / "a.txt", "new")
    assert caught.value.hint.startswith("a part of this path is a file")


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be opened on Windows")
@pytest.mark.parametrize(("number", "fails"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_folders_is_good_enough(tmp_path, monkeypatch, number, fails):
    real, calls = os.fsync, []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)
    if fails:
        with pytest.raises(StorageError):
            write_text(tmp_path / "a.txt", "new")
    else:
        write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert len(calls) == 2


def test_only_operating_system_errors_are_turned_into_storage_errors(tmp_path):
    with pytest.raises(KeyError), storage_errors(tmp_path):
        raise KeyError("a fault of ours")
    with pytest.raises(StorageError) as caught, storage_errors(tmp_path / "x"):
        raise OSError("strange")
    assert caught.value.message == f"cannot write {tmp_path / 'x'}: strange"


KILLED = """
import os, pathlib, signal, sys
from gatefield.core import files

def die(*_args):
    os.kill(os.getpid(), signal.SIGKILL)

def write(temporary):
    with open(temporary, "wb") as file:
        file.write(b"new" * 100)
        file.flush()
        if sys.argv[2] == "write":
            die()

if sys.argv[2] != "write":
    setattr(files.os, sys.argv[2], die)
files.write_atomically(pathlib.Path(sys.argv[1]), write)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("instant", ["write", "fsync", "replace"])
def test_killed_in_the_middle_of_a_write(tmp_path, instant):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), instant], check=False, timeout=600)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"
    write_bytes(path, b"newer")
    assert path.read_bytes() == b"newer"
