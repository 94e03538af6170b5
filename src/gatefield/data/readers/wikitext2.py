"""WikiText-2: articles of Wikipedia, for word language models."""

from __future__ import annotations

import pathlib
from typing import Self

from ..corpus import Parts
from ..fetch import Download
from ..published import published_folder, require_file
from ..reader import RunningTextReader
from ..text_files import read_text

_COMMIT = "77f55b912142e11fcfdf5b530231fb9c52f181e8"
_FOLDER = f"https://raw.githubusercontent.com/pytorch/examples/{_COMMIT}/word_language_model/data/wikitext-2"


def _file(part: str, source: str, sha256: str, size: int) -> Download:
    return Download(f"wiki.{part}.tokens", [f"{_FOLDER}/{source}.txt"], f"sha256:{sha256}", size)


class WikiText2(RunningTextReader):
    """Good articles of Wikipedia, tokenized, rare words written ``<unk>``: 2,088,628 / 217,646 / 245,569 tokens.

    Meant for the tokenizer ``whitespace``, in whose count a line end is a token, as in the published one.

    Args:
        path: the folder of the three files.

    Reference: Merity, Xiong, Bradbury and Socher (2017), Pointer sentinel mixture models.
    """

    name = "wikitext-2"
    folder = "wikitext-2"
    licence = "CC BY-SA 3.0 and GFDL (text of Wikipedia)"
    homepage = "https://github.com/pytorch/examples/tree/main/word_language_model"
    downloads = (
        _file("train", "train", "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f", 10797148),
        _file("valid", "valid", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8", 1121681),
        _file("test", "test", "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0", 1256449),
    )

    def __init__(self, path: str | None = None) -> None:
        self.path = path

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Three articles of a few lines."""
        for part, title in (("train", "Robert"), ("valid", "Homarus"), ("test", "Valkyria")):
            text = f" \n = {title} = \n \n {title} is an <unk> , and @-@ so on . \n" * 3
            (folder / f"wiki.{part}.tokens").write_text(text, encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[str]:
        """The three parts, one document each."""
        folder = published_folder(self, self.path)
        train, validation, test = (
            [read_text(require_file(self, folder, f"wiki.{part}.tokens"))] for part in ("train", "valid", "test")
        )
        return Parts(train, validation, test)
