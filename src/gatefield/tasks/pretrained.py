"""Folders of trained networks to hand on, and the networks that others have published.

config.json          the network, its preparation and its classes
model.safetensors    the weights
README.md            the model card
"""

from __future__ import annotations

import hashlib
import pathlib
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.console import Console, silent
from ..core.errors import RunFolderError, UnknownName, WeightsError, suggest
from ..core.files import storage_errors, write_text
from ..core.run_folder import RunFolder
from ..data.fetch import Download, fetch
from ..data.preparation import Preparation
from ..models.conversion.torchvision import PUBLISHED, convert
from ..models.model import Model
from ..training.weights import load_weights, restore_tensors, save_weights


@dataclass
class Pretrained:
    """A network with weights, and what is known of its inputs and outputs.

    Attributes:
        model: in evaluation mode.
        preparation: from raw inputs to the network's; None where nobody said.
        classes: names of the outputs; empty where nobody said.
    """

    model: Model
    preparation: Preparation | None = None
    classes: Sequence[str] = ()


def save_pretrained(network: Pretrained | Model, folder: str | pathlib.Path, *, about: str = "") -> None:
    """Write ``network`` into ``folder``, which is made where it is missing; files of the same name are replaced.

    Args:
        about: what the reader of the model card should know: training data, results, limits, licence.

    Raises:
        StorageError: the folder cannot be written.
    """
    given = network if isinstance(network, Pretrained) else Pretrained(network)
    place = RunFolder(folder)
    with storage_errors(place.path):
        place.path.mkdir(parents=True, exist_ok=True)
    save_weights(given.model, place.weights)
    write_text(place.path / "README.md", _card(given, about))
    content: dict[str, object] = {"model": given.model.config(), "classes": list(given.classes)}
    if given.preparation is not None:
        content["preparation"] = given.preparation.config()
    place.write_json(place.config, content)


def from_pretrained(folder: str | pathlib.Path) -> Pretrained:
    """What `save_pretrained` wrote to ``folder``, or the network of a finished run. Nothing is unpickled.

    Raises:
        RunFolderError: no such folder, or its config.json is missing, damaged, or names no network.
        WeightsError: the weights are missing, damaged or of another network.
    """
    place = RunFolder(folder)
    content = place.read_json(place.config)
    if "model" not in content:
        hint = "give a folder that save_pretrained wrote, or that of a finished run"
        raise RunFolderError(f"{place.config} names no model", hint=hint)
    model = Model.from_config(content["model"], ("model",))
    load_weights(model, place.weights)
    known = content.get("preparation")
    preparation = None if known is None else Preparation.from_config(known, ("preparation",))
    return Pretrained(model.eval(), preparation, content.get("classes", ()))


def from_torchvision(architecture: str, state: Mapping[str, Tensor]) -> Pretrained:
    """The network of ours with the weights of torchvision's ``architecture``; see `models.conversion.torchvision`.

    Raises:
        UnknownName: no converter for this architecture.
        WeightsError: the weights are not of this architecture.
    """
    converted = convert(architecture, state)
    model = Model.from_config(converted.model)
    restore_tensors(model, converted.tensors, f"the weights of {architecture}")
    preparation = Preparation(model.arguments["input_shape"], converted.mean, converted.std)
    return Pretrained(model.eval(), preparation)


def fetch_pretrained(architecture: str, folder: str | pathlib.Path, console: Console | None = None) -> Pretrained:
    """torchvision's ``architecture``, trained on ImageNet (1000 classes): fetched into ``folder``, checked, converted.

    The published files are pickles. One is opened only when it has its published checksum, and then by torch's
    restricted reader, which makes tensors and runs no program.

    Raises:
        UnknownName: nothing is published under this name.
        DataError: the file could not be fetched.
        WeightsError: it does not hold the weights of this architecture.
    """
    if architecture not in PUBLISHED:
        message = f"there are no published weights of {architecture!r}"
        raise UnknownName(message, hint=suggest(str(architecture), PUBLISHED))
    file = PUBLISHED[architecture]
    digest = pathlib.Path(file).stem.rpartition("-")[2]
    download = _NamedByChecksum(file, [f"https://download.pytorch.org/models/{file}"], f"sha256:{digest}")
    path = fetch(download, pathlib.Path(folder), console or silent())
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:
        hint = "delete the file and fetch it again"
        raise WeightsError(f"{path} cannot be read: {error}", hint=hint) from error
    return from_torchvision(architecture, state)


class _NamedByChecksum(Download):
    """A file whose publisher puts the first digits of its sha256 into its name, and gives no more of it."""

    def matches(self, path: pathlib.Path) -> bool:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().startswith(self.digest.removeprefix("sha256:"))


def _card(network: Pretrained, about: str) -> str:
    model = network.model
    parameters = sum(parameter.numel() for parameter in model.parameters())
    settings = [f"| {key} | {value} |" for key, value in model.config().items()]
    lines = [
        f"# {model.name}",
        "",
        (model.__doc__ or "").strip().partition("\n")[0],
        *(["", about.strip()] if about else []),
        "",
        f"{parameters:,} parameters. Source: {model.reference}.",
        "",
        "| setting | value |",
        "|---|---|",
        *settings,
        *(["", "Classes: " + ", ".join(network.classes) + "."] if network.classes else []),
        "",
        "```python",
        "from gatefield.tasks.pretrained import from_pretrained",
        "",
        'network = from_pretrained("this folder")',
        "```",
    ]
    return "\n".join(lines) + "\n"
