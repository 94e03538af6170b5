"""Multi30k: captions of pictures in English, German and French."""

from __future__ import annotations

import pathlib
from typing import Literal, Self

from ...core.errors import ArgumentError
from ..corpus import Parts, TextPair
from ..fetch import Download
from ..pairs import read_aligned
from ..published import published_folder, require_file
from ..reader import PairReader

_FOLDER = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
_FILES = {
    "test_2016_flickr.de": (22890, "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
    "test_2016_flickr.en": (21077, "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"),
    "test_2016_flickr.fr": (22310, "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90"),
    "test_2017_flickr.de": (21471, "a2c89666db00c495cd8513b9d708d5a3acc205d7de312ef2bf5fb7ebc1540aee"),
    "test_2017_flickr.en": (19138, "76a444ee25172e72695cddb13ae4a3bda59430617be88e0bb46b60504f054074"),
    "test_2017_flickr.fr": (20434, "3ba671ceb2299f3304ffafefea7a833d08632fbaf0ba18546f8a2ec2391af496"),
    "train.de": (637044, "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
    "train.en": (568929, "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
    "train.fr": (604242, "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c"),
    "val.de": (24681, "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
    "val.en": (21650, "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
    "val.fr": (23001, "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9"),
}

Language = Literal["de", "en", "fr"]


class Multi30k(PairReader):
    """29,000 captions to train on, 1,014 for validation, 1,000 as test part, translated by people.

    Args:
        path: the folder of the files ``train.de`` and so on, plain or gzip.
        source, target: the languages.
        test: which of the two test parts.

    Reference: Elliott, Frank, Sima'an and Specia (2016), Multi30K.
    """

    name = "multi30k"
    folder = "multi30k"
    licence = "none stated for the text; the authors ask to cite Elliott et al. (2016); for research"
    homepage = "https://github.com/multi30k/dataset"
    downloads = tuple(
        Download(f"{file}.gz", [f"{_FOLDER}/{file}.gz"], f"sha256:{digest}", size)
        for file, (size, digest) in _FILES.items()
    )

    def __init__(
        self,
        path: str | None = None,
        source: Language = "de",
        target: Language = "en",
        test: Literal["test_2016_flickr", "test_2017_flickr"] = "test_2016_flickr",
    ) -> None:
        if source == target:
            message = f"source and target are both {source!r}"
            raise ArgumentError(message, hint="give two languages of de, en and fr", path=("target",))
        self.path, self.source, self.target, self.test = path, source, target, test

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Four pairs a part."""
        for part in ("train", "val", "test_2016_flickr"):
            for language, sheep in (("de", "Schafe"), ("en", "sheep")):
                lines = [f"{number} {sheep}.\n" for number in range(2, 6)]
                (folder / f"{part}.{language}").write_text("".join(lines), encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[TextPair]:
        """The three parts."""
        folder = published_folder(self, self.path)
        notes: list[str] = []
        train, validation, test = (
            read_aligned(self._file(folder, part, self.source), self._file(folder, part, self.target), notes)
            for part in ("train", "val", self.test)
        )
        return Parts(train, validation, test, notes=tuple(notes))

    def _file(self, folder: pathlib.Path, part: str, language: str) -> pathlib.Path:
        return require_file(self, folder, f"{part}.{language}", f"{part}.{language}.gz")
