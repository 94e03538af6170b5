"""The checkpoints of a run: where training stands, and the best weights so far.

    last.safetensors      weights, optimizer memory and, as JSON in the header, all the rest
    best-0007.safetensors the weights after epoch 7, which ``last`` names as the best so far

A new best file is written before the ``last`` that names it, and older ones are deleted after, so that at every
instant ``last`` and the file it names belong together.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

from torch import Tensor

from ..core.errors import WeightsError
from ..core.files import storage_errors
from .weights import write_tensors

_KEY = "gatefield_checkpoint"


class Checkpoints:
    """The checkpoint files in ``folder``; nothing in them is ever unpickled."""

    def __init__(self, folder: str | pathlib.Path) -> None:
        self.folder = pathlib.Path(folder)

    @property
    def last(self) -> pathlib.Path:
        return self.folder / "last.safetensors"

    def best(self, epoch: int) -> pathlib.Path:
        """The file with the weights after ``epoch``, counted from 1."""
        return self.folder / f"best-{epoch:04d}.safetensors"

    def write_last(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Replace ``last`` by ``tensors`` and the JSON values ``facts``; both come back bit for bit.

        Raises:
            StorageError: the disk is full, read-only or gone; the checkpoint before is untouched.
        """
        write_tensors(self.last, tensors, {_KEY: json.dumps(facts)})

    def write_best(self, tensors: dict[str, Tensor], epoch: int) -> None:
        """Write the weights after ``epoch``.

        Raises:
            StorageError: the disk is full, read-only or gone.
        """
        write_tensors(self.best(epoch), tensors, {"format": "pt"})

    def sweep(self, best_epoch: int | None) -> None:
        """Delete best files that ``last`` does not name, and halves that a killed process left behind."""
        keep = self.best(best_epoch) if best_epoch is not None else None
        with storage_errors(self.folder):
            for path in [*self.folder.glob("best-*.safetensors"), *self.folder.glob(".*.safetensors.*.tmp")]:
                if path != keep:
                    path.unlink(missing_ok=True)


def facts_of(metadata: dict[str, str], source: str) -> dict[str, Any]:
    """The JSON values in the header of a checkpoint.

    Raises:
        WeightsError: the file is a safetensors file, but no checkpoint.
    """
    if _KEY not in metadata:
        hint = "resume from the checkpoints folder of the run itself; bare weights cannot be resumed from"
        raise WeightsError(f"{source} is not a checkpoint", hint=hint)
    return json.loads(metadata[_KEY])
