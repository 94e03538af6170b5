"""Fetching from a server on this machine that cuts, ignores ranges, or sends something else."""

from __future__ import annotations

import hashlib
import http.server
import io
import pathlib
import tarfile
import threading

import pytest

from gatefield.core.console import silent
from gatefield.core.errors import DataError, StorageError
from gatefield.data import fetch as fetching
from gatefield.data.fetch import Download, fetch
from gatefield.data.unpack import unpack

CONTENT = bytes(range(256)) * 2000
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class _Server(http.server.ThreadingHTTPServer):
    content = CONTENT
    ranges = True
    cut_after: list[int]  # how much to send before hanging up, one entry a request; empty: all
    status = 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cut_after, self.asked = [], []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}/file"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if server.status != 200:
            self.send_error(server.status)
            return
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        if first and first >= len(server.content):
            self.send_error(416)
            return
        body = server.content[first:]
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(server.content) - 1}/{len(server.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut_after.pop(0)] if server.cut_after else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def _download(*addresses, digest=DIGEST):
    return Download("file", list(addresses), digest)


def test_a_file_arrives_and_is_not_asked_for_again(server, tmp_path):
    folder = tmp_path / "new" / "folder"
    path = fetch(_download(server.address), folder, silent())
    assert path == folder / "file"
    assert path.read_bytes() == CONTENT
    assert [child.name for child in folder.iterdir()] == ["file"]
    fetch(_download(server.address), folder, silent())
    assert server.asked == [None]


def test_a_cut_is_continued(server, tmp_path):
    server.cut_after = [100_000, 150_000]
    assert fetch(_download(server.address), tmp_path, silent()).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=250000-"]


def test_a_later_run_continues(server, tmp_path):
    server.cut_after = [1000, 1000, 1000]
    with pytest.raises(DataError, match="cut after 3000 of 512000 bytes") as caught:
        fetch(_download(server.address), tmp_path, silent())
    assert caught.value.hint
    assert [child.name for child in tmp_path.iterdir()] == ["file.part"]
    assert fetch(_download(server.address), tmp_path, silent()).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=3000-"
    assert [child.name for child in tmp_path.iterdir()] == ["file"]


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.ranges, server.cut_after = False, [100_000]
    assert fetch(_download(server.address), tmp_path, silent()).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]


def test_a_wrong_checksum_keeps_nothing(server, tmp_path):
    server.content = b"something else"
    with pytest.raises(DataError, match="checksum"):
        fetch(_download(server.address), tmp_path, silent())
    assert list(tmp_path.iterdir()) == []
    assert server.asked == [None]


def test_a_stale_part_is_given_up(server, tmp_path):
    for stale in (b"other beginning", CONTENT + b"surplus", CONTENT[:-1] + b"?"):
        (tmp_path / "file.part").write_bytes(stale)
        assert fetch(_download(server.address), tmp_path, silent()).read_bytes() == CONTENT
        (tmp_path / "file").unlink()
    (tmp_path / "file.part").write_bytes(CONTENT)
    assert fetch(_download(server.address), tmp_path, silent()).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={len(CONTENT)}-"


def test_another_address_continues(server, tmp_path, monkeypatch):
    with _Server() as second:
        thread = threading.Thread(target=second.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.cut_after = [1000] * fetching._ATTEMPTS
        fetch(_download(server.address, second.address), tmp_path, silent())
        second.shutdown()
        thread.join()
    assert second.asked == ["bytes=3000-"]


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (503, 3)])
def test_refusals_are_told(server, tmp_path, status, requests):
    server.status = status
    with pytest.raises(DataError, match=f"answered {status}") as caught:
        fetch(_download(server.address), tmp_path, silent())
    assert str(tmp_path) in caught.value.hint
    assert len(server.asked) == requests


def test_no_server(server, tmp_path):
    with pytest.raises(DataError, match="could not fetch file"):
        fetch(_download("http://127.0.0.1:9/file"), tmp_path, silent())


def test_a_folder_that_cannot_be(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        fetch(_download(server.address), tmp_path / "file" / "below", silent())


def test_md5_is_checked_too(server, tmp_path):
    digest = "md5:" + hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    assert fetch(_download(server.address, digest=digest), tmp_path, silent()).is_file()


def _archive(path, members):
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def test_archives_are_unpacked_after_fetching(server, tmp_path):
    server.content = _archive(tmp_path / "made.tar.gz", {"set/a": b"1", "set/b": b"2"}).read_bytes()
    digest = "sha256:" + hashlib.sha256(server.content).hexdigest()
    folder = tmp_path / "cache"
    for _ in range(2):
        fetch(Download("file", [server.address], digest, unpack="set"), folder, silent())
        assert sorted(path.name for path in folder.iterdir()) == ["file", "set"]
        assert (folder / "set" / "b").read_bytes() == b"2"
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", ["../outside", "/tmp/gatefield-outside", "set/../../outside"])
def test_archives_cannot_leave_their_folder(tmp_path, name):
    archive = _archive(tmp_path / "made.tar.gz", {"set/a": b"1", name: b"2"})
    folder = tmp_path / "cache"
    folder.mkdir()
    with pytest.raises(DataError, match="outside"):
        unpack(archive, "set", folder)
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "outside").exists()
    assert not pathlib.Path("/tmp/gatefield-outside").exists()


def test_links_out_of_an_archive_are_refused(tmp_path):
    with tarfile.open(tmp_path / "made.tar", "w") as file:
        info = tarfile.TarInfo("set/link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        file.addfile(info)
    with pytest.raises(DataError, match="outside"):
        unpack(tmp_path / "made.tar", "set", tmp_path)
    assert not (tmp_path / "set").exists()


def test_damaged_archives(tmp_path):
    whole = _archive(tmp_path / "made.tar.gz", {"set/a": bytes(range(256)) * 99}).read_bytes()
    for content in (b"hello", b"", whole[: len(whole) // 2]):
        (tmp_path / "bad.tar.gz").write_bytes(content)
        with pytest.raises(DataError, match="damaged"):
            unpack(tmp_path / "bad.tar.gz", "set", tmp_path)
    with pytest.raises(DataError, match="no folder 'other'"):
        unpack(tmp_path / "made.tar.gz", "other", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar.gz", "made.tar.gz"]
