"""CIFAR-10 batches are read, and never run."""

from __future__ import annotations

import copyreg
import os
import pickle
import tarfile

import numpy
import pytest
import torch

from gatefield.core.errors import DataError
from gatefield.data.readers.cifar10 import Cifar10, read_batch

PIXELS = numpy.random.default_rng(0).integers(0, 256, (5, 3072), numpy.uint8)
LABELS = [3, 0, 9, 1, 1]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", [bytes, str])
def test_pickled_arrays_of_all_protocols(protocol, kind):
    keys = [b"data", b"labels", b"batch_label"] if kind is bytes else ["data", "labels", "batch_label"]
    content = pickle.dumps(dict(zip(keys, [PIXELS, LABELS, b"training batch 1 of 5"])), protocol=protocol)
    images, labels = read_batch(content, "a")
    assert torch.equal(images, torch.from_numpy(PIXELS.reshape(5, 3, 32, 32)))
    assert labels.tolist() == LABELS


def test_columns_first_are_refused():
    for protocol in (2, 5):
        content = pickle.dumps({b"data": numpy.asfortranarray(PIXELS), b"labels": LABELS}, protocol=protocol)
        with pytest.raises(DataError, match="a holds"):
            read_batch(content, "a")


def test_python_2_and_numpy_1_spelling():
    modern = pickle.dumps({b"data": PIXELS[:1], b"labels": [7]}, protocol=2)
    for old in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        content = modern.replace(b"cnumpy._core.multiarray\n", b"c" + old + b"\n")
        images, labels = read_batch(content, "a")
        assert torch.equal(images.flatten(), torch.from_numpy(PIXELS[0]))
        assert labels.tolist() == [7]
    # as Python 2 wrote it: binary strings (opcode T) for keys, type code and pixels
    text = lambda value: b"T" + len(value).to_bytes(4, "little") + value  # noqa: E731
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntU\x01bt R".replace(b" ", b"")
        + b"(I1\n(I1\nI3072\ntcnumpy\ndtype\n(U\x02u1I0\nI1\ntR(I3\nU\x01|NNNI-1\nI-1\nI0\ntbI00\n"
        + text(PIXELS[0].tobytes())
        + b"tb"
    )
    content = b"\x80\x02(d" + text(b"data") + array + b"s" + text(b"labels") + b"(lI7\nas."
    content = content.replace(b"\x80\x02(d", b"\x80\x02}").replace(b"(lI7\na", b"]I7\na")
    images, labels = read_batch(content, "a")
    assert torch.equal(images.flatten(), torch.from_numpy(PIXELS[0]))
    assert labels.tolist() == [7]


class _Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def _evil(marker):
    command = f"touch {marker}"
    return {
        "system": _Call(os.system, command),
        "eval": _Call(eval, f"__import__('os').system({command!r})"),
        "nested": {b"data": [{"a": (_Call(os.system, command),)}], b"labels": []},
        "getattr": _Call(getattr, os, "system"),
        "labels": {b"data": PIXELS, b"labels": [_Call(os.system, command)]},
        "object array": {b"data": numpy.array([_Call(os.system, command)], object), b"labels": [0]},
        "import": _Call(__import__, "antigravity"),
        "numpy": _Call(numpy.load, str(marker), None, True),
    }


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", list(_evil("x")))
def test_malicious_pickles_do_not_run(tmp_path, name, protocol):
    marker = tmp_path / "ran"
    try:
        content = pickle.dumps(_evil(marker)[name], protocol=protocol)
    except (pickle.PicklingError, TypeError):
        content = pickle.dumps(_Call(os.listdir, "."), protocol=protocol)  # a module cannot be pickled
    with pytest.raises(DataError, match="the batch wants to call") as caught:
        read_batch(content, "the batch")
    assert "not run" in caught.value.message
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n.",
        b"c_codecs\nencode\n(Vabc\nVzip\ntR.",
        b"c_codecs\nlookup\n(Vabc\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n}Vx\nI1\nsb.",  # sets an attribute of a function
        b"cnumpy\nndarray\n}Vshape\nI1\nsb.",
        b"cnumpy\nndarray\n(N}Vkind\nI1\nstb.",
        b"Pfoo\n.",
        b"\x82\x01.",
        b"",
        b"hello",
        pickle.dumps([1, 2]),
        pickle.dumps({b"data": [1], b"labels": [1]}),
        pickle.dumps({b"data": PIXELS[:, :100], b"labels": LABELS}),
        pickle.dumps({b"data": PIXELS, b"labels": LABELS[:-1]}),
        pickle.dumps({b"data": PIXELS.astype(numpy.float32), b"labels": LABELS}),
        pickle.dumps({b"data": numpy.asfortranarray(PIXELS), b"labels": LABELS}),
        pickle.dumps({b"data": PIXELS, b"labels": ["a"] * 5}),
        pickle.dumps({b"data": PIXELS, b"labels": [10**30] * 5}),
        pickle.dumps({b"data": PIXELS, b"labels": LABELS})[:9000],
    ],
)
def test_what_is_not_a_batch_is_refused(content):
    with pytest.raises(DataError, match="the batch") as caught:
        read_batch(content, "the batch")
    assert caught.value.hint


def test_extensions_of_the_process_are_not_reachable():
    copyreg.add_extension("os", "system", 200)
    try:
        with pytest.raises(DataError, match=r"os\.system"):
            read_batch(b"\x82\xc8(Vtrue\ntR.", "the batch")
    finally:
        copyreg.remove_extension("os", "system", 200)


def test_folder_parent_and_archive_read_alike(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    reader = Cifar10.sample(folder)
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, "cifar-10-batches-py")
    only_archive = tmp_path / "fetched"
    only_archive.mkdir()
    (only_archive / archive.name).write_bytes(archive.read_bytes())
    expected = reader.read()
    assert len(expected.train) == 20
    assert len(expected.test) == 4
    for path in (folder, tmp_path, archive, only_archive):
        splits = Cifar10(path=str(path)).read()
        assert splits.train.fingerprint() == expected.train.fingerprint()
        assert splits.test.fingerprint() == expected.test.fingerprint()
    assert Cifar10(path=str(folder), size=8).read().train.shape == (3, 8, 8)
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(DataError, match="damaged"):
        Cifar10(path=str(archive)).read()


def test_missing_batches_and_wrong_labels(tmp_path):
    reader = Cifar10.sample(tmp_path)
    (tmp_path / "data_batch_2").write_bytes(pickle.dumps({b"data": PIXELS, b"labels": [3, 0, 10, 1, 1]}))
    with pytest.raises(DataError, match=r"cifar10 train 6 has label 10, outside 0 .. 9"):
        reader.read()
    (tmp_path / "data_batch_3").unlink()
    with pytest.raises(DataError, match="has no data_batch_3"):
        reader.read()
    with pytest.raises(DataError, match="neither cifar-10-batches-py nor"):
        Cifar10(path=str(tmp_path.parent / tmp_path.name / "..")).read()
