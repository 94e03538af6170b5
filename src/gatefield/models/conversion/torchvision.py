"""Weights under torchvision's names, brought under ours; torchvision itself is not needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core.errors import UnknownName, WeightsError, suggest
from ..model import Model

#: Means and deviations of the training pictures, in grey levels 0 .. 255; GoogLeNet has its own.
IMAGENET = ([255 * mean for mean in (0.485, 0.456, 0.406)], [255 * std for std in (0.229, 0.224, 0.225)])
SYMMETRIC = ([127.5] * 3, [127.5] * 3)


@dataclass(frozen=True)
class Converted:
    """What a state dict of torchvision becomes.

    Attributes:
        model: configuration of the network, for ``Model.from_config``.
        tensors: its weights, under our names.
        mean: of each channel of raw pixels 0 .. 255; what the network takes is (raw - mean) / std.
        std: likewise.
    """

    model: dict[str, Any]
    tensors: dict[str, Tensor]
    mean: list[float]
    std: list[float]


def convert(architecture: str, state: Mapping[str, Tensor]) -> Converted:
    """The network of ours that computes what torchvision's ``architecture`` computes with the weights ``state``.

    For pictures of 3x224x224; the number of classes is that of the weights. In evaluation both agree to rounding.
    ``googlenet`` becomes ``googlenet-3x3``, since torchvision has 3x3 convolutions in place of the paper's 5x5; its
    auxiliary heads, which were never trained, are left out.

    Args:
        architecture: torchvision's name, one of `ARCHITECTURES`.
        state: what ``state_dict()`` of that network returns.

    Raises:
        UnknownName: no converter for this architecture.
        WeightsError: the weights are not those of this architecture; names the first that is missing or left over.
    """
    if architecture not in ARCHITECTURES:
        message = f"there is no converter for torchvision's {architecture!r}"
        raise UnknownName(message, hint=suggest(str(architecture), ARCHITECTURES))
    name, rename = ARCHITECTURES[architecture]
    if architecture == "googlenet":
        state = {key: value for key, value in state.items() if not key.startswith("aux")}
    last = next((key for key in reversed(list(state)) if key.endswith(".bias")), None)
    if last is None:
        raise WeightsError(f"these are no weights of {architecture}", hint="give what its state_dict() returns")
    config = {"name": name, "input_shape": [3, 224, 224], "classes": len(state[last])}
    with torch.device("meta"):
        wanted = Model.from_config(config).state_dict()
    names = rename(state, wanted)
    tensors = {names[key]: value for key, value in state.items()}
    for key, value in wanted.items():
        if key.endswith("num_batches_tracked"):  # unknown to state dicts of before torch 0.4.1
            tensors.setdefault(key, torch.zeros((), dtype=torch.int64))
        if key not in tensors or tensors[key].shape != value.shape:
            theirs = {ours: key for key, ours in names.items()}.get(key)
            what = f"'{theirs}' has another shape" if theirs else f"nothing becomes '{key}'"
            raise WeightsError(f"these are not the weights of {architecture}: {what}", hint="name their architecture")
    if architecture == "googlenet":
        tensors = {key: _within_epsilon(key, value) for key, value in tensors.items()}
    return Converted(config, tensors, *(SYMMETRIC if architecture == "googlenet" else IMAGENET))


def _within_epsilon(key: str, value: Tensor) -> Tensor:
    """torchvision's GoogLeNet normalizes by sqrt(variance + 1e-3), ours by sqrt(variance + 1e-5)."""
    return value + (1e-3 - 1e-5) if key.endswith("running_var") else value


Rename = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], dict[str, str]]


def _in_order(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, str]:
    """AlexNet and VGG: layers with weights follow each other as here, under numbers in place of names."""
    layers = [*dict.fromkeys(key.rpartition(".")[0] for key in state)]
    ours = [*dict.fromkeys(key.rpartition(".")[0] for key in wanted)]
    if len(layers) != len(ours):
        message = f"these weights are of {len(layers)} layers, the architecture has {len(ours)}"
        raise WeightsError(message, hint="name their architecture")
    layers.sort(key=lambda layer: [int(part) if part.isdigit() else -ord(part[0]) for part in layer.split(".")])
    places = dict(zip(layers, ours))
    return {key: f"{places[layer]}.{kind}" for key in state for layer, _, kind in [key.rpartition(".")]}


def _by_rules(*rules: tuple[str, str]) -> Rename:
    def rename(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, str]:
        names = {}
        for key in state:
            matches = [
                match.expand(ours) for theirs, ours in rules if (match := re.fullmatch(theirs + r"\.(\w+)", key))
            ]
            name = _count_from_one(matches[0]) if matches else ""
            if name not in wanted:
                message = f"the architecture has no place for '{key}'"
                raise WeightsError(message, hint="name their architecture")
            names[key] = name
        return names

    return rename


def _count_from_one(name: str) -> str:
    return re.sub(r"block<(\d+)>", lambda match: f"block{int(match[1]) + 1}", name)


_RESNET = _by_rules(
    (r"conv1", r"stem.conv.\1"),
    (r"bn1", r"stem.norm.\1"),
    (r"layer(\d)\.(\d+)\.conv(\d)", r"stages.stage\1.block<\2>.residual.conv\3.\4"),
    (r"layer(\d)\.(\d+)\.bn(\d)", r"stages.stage\1.block<\2>.residual.norm\3.\4"),
    (r"layer(\d)\.(\d+)\.downsample\.0", r"stages.stage\1.block<\2>.shortcut.conv.\3"),
    (r"layer(\d)\.(\d+)\.downsample\.1", r"stages.stage\1.block<\2>.shortcut.norm.\3"),
    (r"fc", r"classifier.output.\1"),
)
_GOOGLENET = _by_rules(
    *(
        (rf"{theirs}\.{part}", rf"features.{ours}.{name}." + (r"\2" if "(" in theirs else r"\1"))
        for part, name in (("conv", "conv"), ("bn", "norm"))
        for theirs, ours in (
            ("conv1", "conv1"),
            ("conv2", "conv2_reduce"),
            ("conv3", "conv2"),
            (r"inception(\d\w)\.branch1", r"inception\1.branch1x1"),
            (r"inception(\d\w)\.branch2\.0", r"inception\1.branch3x3.reduce"),
            (r"inception(\d\w)\.branch2\.1", r"inception\1.branch3x3.conv"),
            (r"inception(\d\w)\.branch3\.0", r"inception\1.branch5x5.reduce"),
            (r"inception(\d\w)\.branch3\.1", r"inception\1.branch5x5.conv"),
            (r"inception(\d\w)\.branch4\.1", r"inception\1.branch_pool.projection"),
        )
    ),
    (r"fc", r"classifier.output.\1"),
)

#: torchvision's name -> our name, and how the names of its weights change.
ARCHITECTURES: dict[str, tuple[str, Rename]] = {
    "alexnet": ("alexnet-one-tower", _in_order),
    **{f"vgg{depth}": (f"vgg{depth}", _in_order) for depth in (11, 13, 16, 19)},
    **{f"vgg{depth}_bn": (f"vgg{depth}-bn", _in_order) for depth in (11, 13, 16, 19)},
    **{f"resnet{depth}": (f"resnet{depth}", _RESNET) for depth in (18, 34, 50, 101, 152)},
    **{
        name: (name.replace("_", "-"), _RESNET)
        for name in ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2")
    },
    "googlenet": ("googlenet-3x3", _GOOGLENET),
}

#: The published files, trained on ImageNet, 1000 classes; the digits are the first of the file's sha256.
PUBLISHED = {
    "alexnet": "alexnet-owt-7be5be79.pth",
    "vgg11": "vgg11-8a719046.pth",
    "vgg13": "vgg13-19584684.pth",
    "vgg16": "vgg16-397923af.pth",
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg11_bn": "vgg11_bn-6002323d.pth",
    "vgg13_bn": "vgg13_bn-abd245e5.pth",
    "vgg16_bn": "vgg16_bn-6c64b313.pth",
    "vgg19_bn": "vgg19_bn-c79401a0.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "resnet101": "resnet101-63fe2227.pth",
    "resnet152": "resnet152-394f9c45.pth",
    "resnext50_32x4d": "resnext50_32x4d-7cdf4587.pth",
    "resnext101_32x8d": "resnext101_32x8d-8ba56ff5.pth",
    "resnext101_64x4d": "resnext101_64x4d-173b62eb.pth",
    "wide_resnet50_2": "wide_resnet50_2-95faca4d.pth",
    "wide_resnet101_2": "wide_resnet101_2-32ee1156.pth",
    "googlenet": "googlenet-1378be20.pth",
}
