"""Weights in safetensors files: plain numbers by name, never pickled and never unpickled."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ..core.errors import WeightsError
from ..core.files import write_bytes


def save_weights(model: nn.Module, path: pathlib.Path) -> None:
    """Write the parameters and buffers of ``model`` to ``path``, atomically.

    Raises:
        StorageError: the disk is full, read-only or gone; what stood at ``path`` is untouched.
    """
    write_tensors(path, state_tensors(model), {"format": "pt"})


def load_weights(model: nn.Module, path: pathlib.Path) -> None:
    """Copy the weights at ``path`` into ``model``.

    Raises:
        WeightsError: no such file, not a safetensors file, or of another architecture; names the first difference.
    """
    tensors, _ = parse_tensors(read_content(path), str(path))
    restore_tensors(model, tensors, str(path))


def state_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Contiguous copies in main memory of the parameters and buffers, tied ones once, under their first name."""
    first_names = _first_names(model)
    state = model.state_dict(keep_vars=True)
    return {name: plain_copy(state[name]) for name in dict.fromkeys(first_names.values())}


def restore_tensors(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copy ``tensors`` into ``model``, whose memory layout and device stay.

    Raises:
        WeightsError: names or shapes differ; nothing was copied.
    """
    first_names = _first_names(model)
    state = model.state_dict(keep_vars=True)
    wanted = list(dict.fromkeys(first_names.values()))
    hint = f"these are the weights of another architecture than this {type(model).__name__}"
    for name in wanted:
        if name not in tensors:
            raise WeightsError(f"{source} has no '{name}'", hint=hint)
        if tensors[name].shape != state[name].shape:
            shapes = f"has shape {tuple(tensors[name].shape)}, and the model's {tuple(state[name].shape)}"
            raise WeightsError(f"{source}: '{name}' {shapes}", hint=hint)
    for name in tensors:
        if name not in first_names:
            raise WeightsError(f"{source} has '{name}', which the model lacks", hint=hint)
    with torch.no_grad():
        for name in wanted:
            state[name].copy_(tensors[name])


def plain_copy(tensor: Tensor) -> Tensor:
    """A contiguous copy in main memory; safetensors takes no other layout and no shared storage."""
    return tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def write_tensors(path: pathlib.Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write one safetensors file, atomically. One metadata key at most: the format does not fix their order.

    Raises:
        StorageError: the disk is full, read-only or gone; what stood at ``path`` is untouched.
    """
    write_bytes(path, save(tensors, metadata))


def read_content(path: pathlib.Path) -> bytes:
    """The bytes at ``path``, for `parse_tensors`.

    Raises:
        WeightsError: they cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"cannot read the weights {path}: {error.strerror}", hint="give a .safetensors file of this model"
        ) from error


def parse_tensors(content: bytes, source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file with this ``content``.

    Raises:
        WeightsError: it is something else: a pickle, a zip archive, or damaged. It is not unpickled to find out.
    """
    try:
        tensors = load(content)
    except SafetensorError as error:
        pickled = content[:2] == b"PK" or content[:1] == b"\x80"
        what = "a pickle, which may run any program when it is opened" if pickled else "damaged or of another format"
        raise WeightsError(
            f"{source} is not a safetensors file: it is {what}",
            hint="save the weights with safetensors where they were made, or restore the file from a copy",
        ) from error
    header_length = int.from_bytes(content[:8], "little")
    return tensors, json.loads(content[8 : 8 + header_length]).get("__metadata__", {})


def _first_names(model: nn.Module) -> dict[str, str]:
    """Every name of the state -> the first name of the same tensor; they differ where weights are tied."""
    first: dict[int, str] = {}
    state = model.state_dict(keep_vars=True)
    return {name: first.setdefault(id(tensor), name) for name, tensor in state.items()}
