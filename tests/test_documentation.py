"""The examples in README and docs run as they stand."""

from __future__ import annotations

import pathlib
import re

import numpy
import pytest
from PIL import Image
from sklearn.datasets import load_digits

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_examples_run(page, tmp_path, monkeypatch):
    """The examples of a page run in order, in one namespace, where a picture, images and labels are at hand."""
    examples = EXAMPLE.findall(page.read_text())
    if not examples:
        pytest.skip("no examples on this page")
    monkeypatch.chdir(tmp_path)
    digits, labels = load_digits(return_X_y=True)
    images = (digits.reshape(-1, 8, 8) * 15).astype(numpy.uint8)
    Image.fromarray(images[7]).save("seven.png")
    namespace = {"images": numpy.pad(images, ((0, 0), (2, 2), (2, 2))), "labels": labels}
    for example in examples:
        exec(compile(example, str(page), "exec"), namespace)
