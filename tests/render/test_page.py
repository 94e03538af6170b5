"""The page: well formed, harmless, and alone in the world."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy
import pytest
import torch
from drawn import embedded
from matplotlib.figure import Figure

from gatefield.core.errors import ArgumentError, StorageError
from gatefield.render import style
from gatefield.render.confusion import confusion_figure
from gatefield.render.curves import training_curves
from gatefield.render.page import Page
from gatefield.render.pictures import filter_grid, picture_grid

EVIL = """<script>alert("1")</script>'"&amp;\x00<img src=http://evil.test/x onerror=alert(1)> $x$ ]]> 日本語"""
VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Checks that elements close in order, and keeps elements and visible text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.seen.append(data)


def read(page: Page) -> Reader:
    reader = Reader()
    reader.feed(page.html())
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def full_page() -> Page:
    random = torch.Generator().manual_seed(0)
    page = Page(EVIL, EVIL)
    page.facts({"accuracy": "98.9 %", "images": 10000, EVIL: EVIL})
    for name in ("one", "two", EVIL):
        page.heading(name)
    page.text(f"first\n\nsecond {EVIL}")
    page.code(f"model:\n  name: {EVIL}")
    page.table(["name", "count", "share", EVIL], [["a", 1234, 0.5, None], [EVIL, 7, 1e-9, "x"]], EVIL)
    records = [{"epoch": i, "train_loss": 1 / i, "learning_rate": 0.1} for i in range(1, 9)]
    page.figure(training_curves(records), EVIL, EVIL)
    page.figure(confusion_figure(numpy.array([[5, 1], [0, 6]]), [EVIL, "$x$"]), "confusion", "of two classes")
    page.figure(filter_grid(torch.randn(6, 1, 5, 5, generator=random)), "filters", "six")
    images = torch.randint(0, 256, (2, 3, 4, 6), dtype=torch.uint8, generator=random)
    page.figure(picture_grid(images, [EVIL, "b"]), "grid", "grid")
    page.pictures(images, [f"{EVIL}\nsecond line", "b"])
    return page


def test_elements_close_in_order_and_ids_are_unique(full_page):
    identities = [attributes["id"] for _, attributes in read(full_page).elements if "id" in attributes]
    assert len(identities) == len(set(identities))


def test_hostile_text_is_shown_and_never_obeyed(full_page):
    reader = read(full_page)
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"script", "iframe", "object", "embed", "link", "base", "form", "foreignobject", "a:script"}
    assert not [key for _, attributes in reader.elements for key in attributes if key.startswith("on")]
    shown = "".join(reader.seen)
    assert shown.count('<script>alert("1")</script>') >= 9
    assert "$x$" in shown
    assert "\x00" not in full_page.html()


def test_nothing_is_fetched(full_page):
    reader = read(full_page)
    for tag, attributes in reader.elements:
        for key, value in attributes.items():
            if key in ("src", "srcset", "data", "poster", "action"):
                assert value.startswith("data:image/png;base64,"), (tag, key)
            elif key.endswith("href"):
                assert value.startswith(("#", "data:image/png;base64,")), (tag, key)
            elif key not in ("alt", "aria-label", "xmlns"):
                assert "//" not in value, (tag, key)
    html = full_page.html()
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    policy = next(attributes["content"] for _, attributes in reader.elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'")


def test_references_within_drawings_lead_somewhere(full_page):
    html = full_page.html()
    identities = {attributes["id"] for _, attributes in read(full_page).elements if "id" in attributes}
    targets = set(re.findall(r"url\(#([^)]*)\)", html)) | set(re.findall(r'href="#([^"]*)"', html))
    assert targets
    assert targets <= identities


def test_every_picture_has_words_for_those_who_cannot_see_it(full_page):
    pictures = [(tag, attributes) for tag, attributes in read(full_page).elements if tag in ("img", "svg")]
    assert len(pictures) == 6
    for tag, attributes in pictures:
        assert attributes["alt" if tag == "img" else "aria-label"]
        assert tag == "img" or attributes["role"] == "img"


def test_pictures_keep_their_pixels():
    images = torch.arange(2 * 3 * 4 * 6, dtype=torch.uint8).view(2, 3, 4, 6)
    page = Page("pictures")
    page.pictures(images, ["a", "b"])
    page.pictures(images[:, :1], ["c", "d"])
    page.figure(picture_grid(images[:1], ["e"]), "", "grid")
    found = embedded(page.html())
    assert len(found) == 5
    for picture, image in zip(found, [*images, *images[:, :1], images[0]]):
        shown = numpy.asarray(picture.convert("RGB")).transpose(2, 0, 1)
        assert (shown == image.expand(3, -1, -1).numpy()).all()


def test_large_pictures_are_made_smaller():
    page = Page("large")
    page.pictures(torch.zeros(1, 3, 1000, 500, dtype=torch.uint8), ["tall"])
    assert embedded(page.html())[0].size == (112, 224)


def test_a_drawing_with_very_many_lines_becomes_pixels():
    figure = Figure(figsize=(4, 3))
    figure.subplots().plot(numpy.random.default_rng(0).random((400, 60)))
    page = Page("many")
    page.figure(figure, "many lines", "a thicket")
    assert "<svg" not in page.html()
    (picture,) = embedded(page.html())
    assert picture.size == (640, 480)
    assert numpy.asarray(picture).std() > 10


def test_drawings_take_the_colours_of_the_page(full_page):
    html = full_page.html()
    body = html[html.index("<body>") :]
    assert not [name for name in (style.INK, style.MUTED, style.HAIRLINE, style.FIRST) if name in body]
    assert "var(--ink)" in body
    assert "prefers-color-scheme: dark" in html


READABLE = [(style.INK, 7), (style.MUTED, 4.5), (style.FIRST, 4.5), (style.SECOND, 4.5)]


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("color", "ratio"), READABLE)
def test_contrast_is_enough_to_read(color, ratio, dark):
    shown, ground = (style.DARK[name] if dark else name for name in (color, style.SURFACE))
    low, high = sorted((luminance(shown), luminance(ground)))
    assert (high + 0.05) / (low + 0.05) >= ratio


def test_columns_of_quantities_are_flush_right_and_values_are_formatted():
    page = Page("table")
    page.table(["name", "count", "share", "words"], [["1", 1234567, 0.25, "3 apples each"], ["2", 5, 1e-9, "none"]])
    html = page.html()
    assert '<th class="number" scope="col">count</th><th class="number" scope="col">share</th>' in html
    assert '<th scope="col">words</th>' in html
    assert '<td class="number">1,234,567</td><td class="number">0.2500</td>' in html
    assert '<td class="number">1e-09</td>' in html
    assert '<th scope="row">1</th>' in html


def test_code_keeps_its_spaces_and_lines():
    page = Page("code")
    page.code("model:\n  name: mlp\n\n  width: 3\n")
    assert "<code>model:\n  name: mlp\n\n  width: 3</code>" in page.html()


def test_what_does_not_fit_together_is_refused():
    page = Page("wrong")
    with pytest.raises(ArgumentError, match=r"row 1 .* 1 cells for 2 columns"):
        page.table(["a", "b"], [[1, 2], [1]])
    with pytest.raises(ArgumentError, match="2 pictures and 1 captions"):
        page.pictures(torch.zeros(2, 1, 3, 3, dtype=torch.uint8), ["a"])


def test_equal_reports_are_equal_bytes(tmp_path):
    def build() -> str:
        page = Page("same")
        page.figure(confusion_figure(numpy.eye(3, dtype=int), list("abc")), "same", "same")
        return page.html()

    assert build() == build()


def test_write_replaces_and_a_vanished_folder_is_named(tmp_path):
    page = Page("é")
    page.write(tmp_path / "report.html")
    page.write(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page.html()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(StorageError, match="gone"):
        page.write(tmp_path / "gone" / "report.html")


def test_importing_the_page_does_not_import_matplotlib():
    code = "import sys, gatefield.render.page, gatefield.render.curves; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
