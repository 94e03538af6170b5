"""Real data sets, where they are present."""

from __future__ import annotations

import hashlib
import sys

import numpy
import pytest
import torch

from gatefield.data.preparation import Preparation
from gatefield.data.readers.digits import Digits
from gatefield.data.readers.fashion_mnist import FashionMnist
from gatefield.data.readers.image_folder import ImageFolder
from gatefield.data.readers.mnist import Mnist
from gatefield.data.streamed_images import ImageFiles


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    splits, bunch = Digits().read(), load_digits()
    ours = torch.cat([splits.train.images, splits.test.images])[:, 0].numpy()
    theirs = numpy.rint(bunch["images"] * (255 / 16)).astype(numpy.uint8)
    number = [int(images.source(i).split()[-1]) for images in (splits.train, splits.test) for i in range(len(images))]
    assert sorted(number) == list(range(1797))
    numpy.testing.assert_array_equal(ours, theirs[number])
    labels = torch.cat([splits.train.labels, splits.test.labels]).numpy()
    numpy.testing.assert_array_equal(labels, bunch["target"][number])
    assert len(splits.test) == 359


def test_digits_arguments():
    assert Digits(test=0.0).read().test is None
    assert len(Digits(test=0.5).read().test) == 898
    splits = Digits(size=28).read()
    assert splits.train.shape == (1, 28, 28)
    small = Digits().read()
    assert splits.train.labels.equal(small.train.labels)
    scaled = torch.nn.functional.interpolate(
        small.train.images[:9].float(), (28, 28), mode="bilinear", align_corners=False
    )
    assert (splits.train.images[:9].float() - scaled).abs().max() <= 0.51


def test_digits_do_not_import_scikit_learn(tmp_path):
    import subprocess

    code = (
        "import sys; from gatefield.data.readers.digits import Digits; Digits().read(); "
        "sys.exit(any(name.split('.')[0] in ('sklearn', 'scipy', 'matplotlib') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_digits_fall_back_to_scikit_learn(monkeypatch):
    import importlib.util

    expected = Digits().read()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert Digits().read().train.fingerprint() == expected.train.fingerprint()


@pytest.mark.parametrize(
    ("cls", "digest"),
    [
        (Mnist, "6bbc9ace898e44ae57da46a324031adb"),
        (FashionMnist, None),
    ],
)
def test_mnist_and_its_like(data_folder, cls, digest, monkeypatch):
    monkeypatch.setenv("GATEFIELD_DATA", str(data_folder))
    if not (data_folder / cls.folder).is_dir():
        pytest.skip(f"no {cls.folder}")
    splits = cls().read()
    assert (len(splits.train), len(splits.test)) == (60_000, 10_000)
    assert splits.train.shape == (1, 28, 28)
    if digest is not None:  # of the published file, unpacked
        header = bytes.fromhex("00000803 0000ea60 0000001c 0000001c")
        content = header + splits.train.images.numpy().tobytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == digest
        preparation = Preparation.fit(splits.train)
        assert preparation.mean[0] / 255 == pytest.approx(0.1307, abs=1e-4)
        assert preparation.std[0] / 255 == pytest.approx(0.3081, abs=1e-4)
        assert splits.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    else:
        assert torch.bincount(splits.train.labels).tolist() == [6000] * 10


def test_published_checksums_match_where_the_files_are_unchanged(data_folder):
    for cls in (Mnist, FashionMnist):
        for download in cls.downloads:
            path = data_folder / cls.folder / download.file
            if path.is_file():
                assert path.stat().st_size == download.size
                if (cls, download.file) != (Mnist, "train-images-idx3-ubyte.gz"):  # packed anew: another time stamp
                    assert download.matches(path)


def test_photographs_in_folders(data_folder):
    folder = data_folder / "hymenoptera-subset" / "hymenoptera_data"
    if not folder.is_dir():
        pytest.skip("no hymenoptera-subset")
    splits = ImageFolder(str(folder), size=32).read()
    assert (len(splits.train), len(splits.validation), splits.test) == (100, 50, None)
    assert splits.classes == ["ants", "bees"]
    assert splits.train.shape == (3, 32, 32)
    streamed = ImageFolder(str(folder), size=32, streaming=True).read().validation
    assert isinstance(streamed, ImageFiles)
    assert torch.equal(streamed.batch(torch.arange(50)), splits.validation.batch(torch.arange(50)))
    path = splits.train.source(7)
    preparation = Preparation.fit(splits.train)
    assert torch.equal(preparation.from_file(path), splits.train.batch(torch.tensor([7])))


def test_cifar_in_folders(data_folder):
    folder = data_folder / "cifar10-images-subset"
    if not folder.is_dir():
        pytest.skip("no cifar10-images-subset")
    splits = ImageFolder(str(folder)).read()
    assert (len(splits.train), len(splits.test)) == (4000, 1000)
    assert torch.bincount(splits.train.labels).tolist() == [400] * 10
    assert splits.train.shape == (3, 32, 32)
    assert splits.notes == []
