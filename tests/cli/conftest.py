"""A run that several tests ask, and pictures to ask about."""

from __future__ import annotations

import pathlib

import pytest
from command_line import gatefield
from PIL import Image


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory) -> pathlib.Path:
    """A run of softmax regression on the bundled digits, trained for two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "softmax"
    settings = ("model=softmax-regression", "training.epochs=2", "data.size=null", "augment=[]")
    outcome = gatefield("train", "digits", *settings, "--out", folder)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"{folder}\n"
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> pathlib.Path:
    """A folder with the first ten digits as PNG files, named ``<place>-<label>.png``."""
    from gatefield.data.readers.digits import Digits

    folder = tmp_path_factory.mktemp("pictures")
    test = Digits().read().test
    assert test is not None
    for index in range(10):
        pixels = test.images[index, 0].numpy()
        Image.fromarray(pixels).save(folder / f"{index}-{int(test.labels[index])}.png")
    return folder
