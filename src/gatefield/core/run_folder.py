"""The folder of one training run: everything a user does later starts from it.

    recipe.yaml            the resolved recipe          model.safetensors   the weights to use
    config.json            what rebuilds the task       metrics.jsonl       one record an epoch
    environment.json       versions, seed, threads      checkpoints/        last and best, to resume from
    report.html            the page with the figures

Text in it is UTF-8 on every system.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .errors import RunFolderError
from .files import storage_errors, write_text


class RunFolder:
    """Paths and plain-text files of one run. Nothing in it is ever unpickled."""

    def __init__(self, path: str | pathlib.Path) -> None:
        self.path = pathlib.Path(path)

    @classmethod
    def create(cls, path: str | pathlib.Path, texts: Mapping[str, str] = MappingProxyType({})) -> RunFolder:
        """A new run folder at ``path``, parents included, holding the files ``texts`` (name to content).

        It appears whole or not at all: a process killed in between leaves no half folder that could not be resumed.

        Raises:
            RunFolderError: something is there already; it is left as it is.
            StorageError: the folder cannot be made.
        """
        folder = cls(path)
        if folder.path.exists() or folder.path.is_symlink():
            raise RunFolderError(
                f"{folder.path} exists already and was left as it is",
                hint="choose another folder with --out, or go on with an unfinished run by --resume",
            )
        draft = cls(folder.path.with_name(f".{folder.path.name}.{os.getpid()}.tmp"))
        with storage_errors(folder.path):
            try:
                draft.checkpoints.mkdir(parents=True)
                for name, text in texts.items():
                    write_text(draft.path / name, text)
                draft.path.rename(folder.path)
            finally:
                shutil.rmtree(draft.path, ignore_errors=True)
        return folder

    @classmethod
    def open(cls, path: str | pathlib.Path) -> RunFolder:
        """The run folder at ``path``.

        Raises:
            RunFolderError: there is none, or it lacks its recipe.
        """
        folder = cls(path)
        if not folder.path.is_dir():
            hint = "give the folder that 'gatefield train' printed"
            raise RunFolderError(f"there is no run folder {folder.path}", hint=hint)
        if not folder.recipe.is_file():
            hint = "give the folder that 'gatefield train' printed: it holds recipe.yaml and config.json"
            raise RunFolderError(f"{folder.path} is not a run folder: it has no recipe.yaml", hint=hint)
        return folder

    @property
    def recipe(self) -> pathlib.Path:
        return self.path / "recipe.yaml"

    @property
    def config(self) -> pathlib.Path:
        return self.path / "config.json"

    @property
    def weights(self) -> pathlib.Path:
        return self.path / "model.safetensors"

    @property
    def metrics(self) -> pathlib.Path:
        return self.path / "metrics.jsonl"

    @property
    def environment(self) -> pathlib.Path:
        return self.path / "environment.json"

    @property
    def checkpoints(self) -> pathlib.Path:
        return self.path / "checkpoints"

    @property
    def report(self) -> pathlib.Path:
        return self.path / "report.html"

    @staticmethod
    def to_json(content: dict[str, Any]) -> str:
        """``content`` as the text of a JSON file."""
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def write_json(self, path: pathlib.Path, content: dict[str, Any]) -> None:
        """Write ``content`` atomically."""
        write_text(path, self.to_json(content))

    def read_json(self, path: pathlib.Path) -> dict[str, Any]:
        """The JSON object at ``path``.

        Raises:
            RunFolderError: the file is missing or is not a JSON object.
        """
        return _json_object(_text(path), str(path))

    def read_metrics(self) -> list[dict[str, Any]]:
        """The records of metrics.jsonl, oldest first; empty before the first epoch has ended.

        Raises:
            RunFolderError: a line is not a JSON object; names it.
        """
        if not self.metrics.exists():
            return []
        lines = enumerate(_text(self.metrics).splitlines(), start=1)
        return [_json_object(line, f"{self.metrics}, line {number}") for number, line in lines if line.strip()]

    def write_metrics(self, records: list[dict[str, Any]]) -> None:
        """Replace metrics.jsonl by ``records``."""
        write_text(self.metrics, "".join(json.dumps(record) + "\n" for record in records))


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = "the run did not get far enough: go on with 'gatefield train --resume'"
        raise RunFolderError(f"{path} is missing", hint=hint) from None
    except OSError as error:
        raise RunFolderError(f"cannot read {path}: {error.strerror}", hint="check the file's permissions") from None
    except UnicodeDecodeError:
        raise RunFolderError(f"{path} is not UTF-8 text", hint="restore the file, or train again") from None


def _json_object(text: str, where: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise RunFolderError(f"{where} is not JSON: {error}", hint="restore the file, or train again") from None
    if not isinstance(content, dict):
        raise RunFolderError(f"{where} does not hold a JSON object", hint="restore the file, or train again")
    return content
