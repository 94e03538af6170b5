"""Surnames of 18 languages."""

from __future__ import annotations

import pathlib
from typing import Self

from ...core.arguments import Probability
from ..corpus import LabelledText, Parts
from ..fetch import Download
from ..holding_out import hold_out
from ..labels import numbered, sorted_names, without_empty
from ..published import published_folder
from ..reader import LabelledTextReader
from .text_folder import class_files

_FOLDER = "https://raw.githubusercontent.com/spro/practical-pytorch/c520c52e68e945d88fff563dba1c028b6ec0197b/data/names"
_FILES = {
    "Arabic": (13190, "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc"),
    "Chinese": (1246, "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465"),
    "Czech": (3916, "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7"),
    "Dutch": (2351, "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3"),
    "English": (27125, "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2"),
    "French": (2178, "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95"),
    "German": (5610, "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db"),
    "Greek": (1981, "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6"),
    "Irish": (1858, "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058"),
    "Italian": (5657, "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4"),
    "Japanese": (7622, "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f"),
    "Korean": (423, "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136"),
    "Polish": (1165, "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826"),
    "Portuguese": (554, "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53"),
    "Russian": (85168, "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c"),
    "Scottish": (752, "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd"),
    "Spanish": (2284, "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7"),
    "Vietnamese": (339, "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d"),
}


class Surnames(LabelledTextReader):
    """20,050 surnames of 18 languages, one file a language.

    Many names occur more than once; those that are spelled alike are held out together.

    Args:
        path: the folder of the files.
        test: the share held out as test part, of every language; 0 for none.

    Reference: Robertson (2017), Practical PyTorch: classifying names with a character-level RNN.
    """

    name = "surnames"
    folder = "names"
    licence = "MIT"
    homepage = "https://github.com/spro/practical-pytorch"
    downloads = tuple(
        Download(f"{language}.txt", [f"{_FOLDER}/{language}.txt"], f"sha256:{digest}", size)
        for language, (size, digest) in _FILES.items()
    )

    def __init__(self, path: str | None = None, test: Probability = 0.1) -> None:
        self.path, self.test = path, test

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Twelve names of each of two languages."""
        for language, ending in (("Polish", "ski"), ("Irish", "an")):
            names = [f"{first}o{second}{ending}" for first in "BDKM" for second in "lrn"]
            (folder / f"{language}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[LabelledText]:
        """Training and test part."""
        folder = published_folder(self, self.path)
        notes: list[str] = []
        names = without_empty(class_files(folder, "*.txt"), notes)
        train, test = hold_out(names, self.test, same=lambda item: item.text, stratum=lambda item: item.label)
        return numbered({"train": train, "test": test}, notes, sorted_names(item.label for item in names))
