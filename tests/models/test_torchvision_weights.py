"""Weights under torchvision's names: what a converted network computes is what those names mean."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gatefield.core.errors import UnknownName, WeightsError
from gatefield.models.conversion.torchvision import ARCHITECTURES, PUBLISHED, convert
from gatefield.models.model import Model

State = dict[str, Tensor]
SOURCE = torch.Generator().manual_seed(0)

VGG = {11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4]}
RESNET = {  # layers, bottleneck, groups, width of a group
    "resnet18": ([2, 2, 2, 2], False, 1, 64),
    "resnet34": ([3, 4, 6, 3], False, 1, 64),
    "resnet50": ([3, 4, 6, 3], True, 1, 64),
    "resnet101": ([3, 4, 23, 3], True, 1, 64),
    "resnet152": ([3, 8, 36, 3], True, 1, 64),
    "resnext50_32x4d": ([3, 4, 6, 3], True, 32, 4),
    "resnext101_32x8d": ([3, 4, 23, 3], True, 32, 8),
    "resnext101_64x4d": ([3, 4, 23, 3], True, 64, 4),
    "wide_resnet50_2": ([3, 4, 6, 3], True, 1, 128),
    "wide_resnet101_2": ([3, 4, 23, 3], True, 1, 128),
}
INCEPTION = {
    "3a": [192, 64, 96, 128, 16, 32, 32],
    "3b": [256, 128, 128, 192, 32, 96, 64],
    "4a": [480, 192, 96, 208, 16, 48, 64],
    "4b": [512, 160, 112, 224, 24, 64, 64],
    "4c": [512, 128, 128, 256, 24, 64, 64],
    "4d": [512, 112, 144, 288, 32, 64, 64],
    "4e": [528, 256, 160, 320, 32, 128, 128],
    "5a": [832, 256, 160, 320, 32, 128, 128],
    "5b": [832, 384, 192, 384, 48, 128, 128],
}


def weights(state: State, name: str, *shape: int, bias: bool = True) -> None:
    scale = math.sqrt(2 / math.prod(shape[1:]))
    state[f"{name}.weight"] = torch.empty(shape).normal_(0, scale, generator=SOURCE)
    if bias:
        state[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=SOURCE)


def norm(state: State, name: str, channels: int, tracked: bool = True) -> None:
    state[f"{name}.weight"] = 0.5 + torch.rand(channels, generator=SOURCE)
    state[f"{name}.bias"] = 0.1 * torch.randn(channels, generator=SOURCE)
    state[f"{name}.running_mean"] = 0.1 * torch.randn(channels, generator=SOURCE)
    state[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=SOURCE)
    if tracked:
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)


def alexnet_state(classes: int) -> State:
    state: State = {}
    layers = [(0, 64, 3, 11), (3, 192, 64, 5), (6, 384, 192, 3), (8, 256, 384, 3), (10, 256, 256, 3)]
    for number, out, maps, side in layers:
        weights(state, f"features.{number}", out, maps, side, side)
    for number, out, units in [(1, 4096, 9216), (4, 4096, 4096), (6, classes, 4096)]:
        weights(state, f"classifier.{number}", out, units)
    return state


def vgg_state(depth: int, batch_norm: bool, classes: int) -> State:
    state: State = {}
    number, maps = 0, 3
    for count, out in zip(VGG[depth], [64, 128, 256, 512, 512]):
        for _ in range(count):
            weights(state, f"features.{number}", out, maps, 3, 3)
            if batch_norm:
                norm(state, f"features.{number + 1}", out)
            number, maps = number + 2 + batch_norm, out
        number += 1
    for number, out, units in [(0, 4096, 25088), (3, 4096, 4096), (6, classes, 4096)]:
        weights(state, f"classifier.{number}", out, units)
    return state


def resnet_state(architecture: str, classes: int) -> State:
    layers, bottleneck, groups, group_width = RESNET[architecture]
    state: State = {}
    weights(state, "conv1", 64, 3, 7, 7, bias=False)
    norm(state, "bn1", 64)
    channels = 64
    for stage, count in enumerate(layers):
        planes = 64 * 2**stage
        inside, out = (planes * group_width * groups // 64, 4 * planes) if bottleneck else (planes, planes)
        for number in range(count):
            name = f"layer{stage + 1}.{number}"
            if bottleneck:
                shapes = [(inside, channels, 1, 1), (inside, inside // groups, 3, 3), (out, inside, 1, 1)]
            else:
                shapes = [(inside, channels, 3, 3), (out, inside, 3, 3)]
            for place, shape in enumerate(shapes, start=1):
                weights(state, f"{name}.conv{place}", *shape, bias=False)
                norm(state, f"{name}.bn{place}", shape[0])
            if number == 0 and (stage or channels != out):
                weights(state, f"{name}.downsample.0", out, channels, 1, 1, bias=False)
                norm(state, f"{name}.downsample.1", out)
            channels = out
    weights(state, "fc", classes, channels)
    return state


def googlenet_state(classes: int) -> State:
    state: State = {}

    def unit(name: str, *shape: int) -> None:
        weights(state, f"{name}.conv", *shape, bias=False)
        norm(state, f"{name}.bn", shape[0], tracked=False)

    unit("conv1", 64, 3, 7, 7)
    unit("conv2", 64, 64, 1, 1)
    unit("conv3", 192, 64, 3, 3)
    for name, (maps, one, reduce3, three, reduce5, five, pool) in INCEPTION.items():
        unit(f"inception{name}.branch1", one, maps, 1, 1)
        unit(f"inception{name}.branch2.0", reduce3, maps, 1, 1)
        unit(f"inception{name}.branch2.1", three, reduce3, 3, 3)
        unit(f"inception{name}.branch3.0", reduce5, maps, 1, 1)
        unit(f"inception{name}.branch3.1", five, reduce5, 3, 3)
        unit(f"inception{name}.branch4.1", pool, maps, 1, 1)
    for number, maps in ((1, 512), (2, 528)):
        unit(f"aux{number}.conv", 128, maps, 1, 1)
        weights(state, f"aux{number}.fc1", 1024, 2048)
        weights(state, f"aux{number}.fc2", classes, 1024)
    weights(state, "fc", classes, 1024)
    return state


def convolve(w: State, name: str, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    kernel = w[f"{name}.weight"]
    return F.conv2d(x, kernel, w.get(f"{name}.bias"), stride, kernel.shape[-1] // 2, groups=groups)


def normalize(w: State, name: str, x: Tensor, epsilon: float = 1e-5) -> Tensor:
    mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    return F.batch_norm(x, mean, var, w[f"{name}.weight"], w[f"{name}.bias"], eps=epsilon)


def linear(w: State, name: str, x: Tensor) -> Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def alexnet_forward(w: State, x: Tensor) -> Tensor:
    x = F.relu(F.conv2d(x, w["features.0.weight"], w["features.0.bias"], 4, 2))
    x = F.relu(convolve(w, "features.3", F.max_pool2d(x, 3, 2)))
    x = F.relu(convolve(w, "features.6", F.max_pool2d(x, 3, 2)))
    x = F.relu(convolve(w, "features.10", F.relu(convolve(w, "features.8", x))))
    x = F.adaptive_avg_pool2d(F.max_pool2d(x, 3, 2), 6).flatten(1)
    x = F.relu(linear(w, "classifier.4", F.relu(linear(w, "classifier.1", x))))
    return linear(w, "classifier.6", x)


def vgg_forward(w: State, x: Tensor, depth: int, batch_norm: bool) -> Tensor:
    number = 0
    for count in VGG[depth]:
        for _ in range(count):
            x = convolve(w, f"features.{number}", x)
            x = F.relu(normalize(w, f"features.{number + 1}", x) if batch_norm else x)
            number += 2 + batch_norm
        x, number = F.max_pool2d(x, 2), number + 1
    x = F.relu(linear(w, "classifier.0", F.adaptive_avg_pool2d(x, 7).flatten(1)))
    return linear(w, "classifier.6", F.relu(linear(w, "classifier.3", x)))


def resnet_forward(w: State, x: Tensor, architecture: str) -> Tensor:
    layers, bottleneck, groups, _ = RESNET[architecture]
    x = F.max_pool2d(F.relu(normalize(w, "bn1", convolve(w, "conv1", x, 2))), 3, 2, 1)
    for stage, count in enumerate(layers, start=1):
        for number in range(count):
            name, stride = f"layer{stage}.{number}", 2 if stage > 1 and number == 0 else 1
            strides = [1, stride, 1] if bottleneck else [stride, 1]
            y = x
            for place, step in enumerate(strides, start=1):
                inner = groups if bottleneck and place == 2 else 1
                y = normalize(w, f"{name}.bn{place}", convolve(w, f"{name}.conv{place}", y, step, inner))
                y = F.relu(y) if place < len(strides) else y
            if f"{name}.downsample.0.weight" in w:
                x = normalize(w, f"{name}.downsample.1", convolve(w, f"{name}.downsample.0", x, stride))
            x = F.relu(y + x)
    return linear(w, "fc", x.mean((2, 3)))


def googlenet_forward(w: State, x: Tensor) -> Tensor:
    def unit(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return F.relu(normalize(w, f"{name}.bn", convolve(w, f"{name}.conv", x, stride), 1e-3))

    x = F.max_pool2d(unit("conv1", x, 2), 3, 2, ceil_mode=True)
    x = F.max_pool2d(unit("conv3", unit("conv2", x)), 3, 2, ceil_mode=True)
    for name in INCEPTION:
        block = f"inception{name}"
        pooled = F.max_pool2d(x, 3, 1, 1, ceil_mode=True)
        branches = [unit(f"{block}.branch1", x)]
        branches += [unit(f"{block}.branch{k}.1", unit(f"{block}.branch{k}.0", x)) for k in (2, 3)]
        x = torch.cat([*branches, unit(f"{block}.branch4.1", pooled)], 1)
        if name == "3b":
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        if name == "4e":
            x = F.max_pool2d(x, 2, 2, ceil_mode=True)
    return linear(w, "fc", x.mean((2, 3)))


def run(architecture: str, state: State, x: Tensor) -> Tensor:
    converted = convert(architecture, state)
    with torch.device("meta"):
        model = Model.from_config(converted.model)
    model.load_state_dict(converted.tensors, assign=True)
    return model.eval()(x)


def picture(rows: int = 2) -> Tensor:
    return torch.randn(rows, 3, 224, 224, generator=SOURCE)


@torch.no_grad()
@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "resnext50_32x4d"])
def test_resnet_computes_the_same(architecture):
    state, x = resnet_state(architecture, 5), picture(1)
    torch.testing.assert_close(
        run(architecture, state, x), resnet_forward(state, x, architecture), rtol=1e-4, atol=1e-4
    )


@torch.no_grad()
def test_googlenet_computes_the_same():
    state, x = googlenet_state(7), picture()
    torch.testing.assert_close(run("googlenet", state, x), googlenet_forward(state, x), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_alexnet_computes_the_same():
    state, x = alexnet_state(4), picture()
    torch.testing.assert_close(run("alexnet", state, x), alexnet_forward(state, x), rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("batch_norm", [False, True])
def test_vgg_computes_the_same(batch_norm):
    state, x = vgg_state(11, batch_norm, 6), picture(1)
    y = run("vgg11_bn" if batch_norm else "vgg11", state, x)
    torch.testing.assert_close(y, vgg_forward(state, x, 11, batch_norm), rtol=1e-4, atol=1e-4)


def shapes_only(architecture: str, monkeypatch: pytest.MonkeyPatch) -> State:
    """A state dict on the meta device: names and shapes, no numbers."""
    monkeypatch.setattr(torch, "randn", lambda *shape, generator: torch.empty(*shape))
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.empty(*shape))
    with torch.device("meta"):
        if architecture == "alexnet":
            return alexnet_state(1000)
        if architecture == "googlenet":
            return googlenet_state(1000)
        if architecture in RESNET:
            return resnet_state(architecture, 1000)
        return vgg_state(int(architecture[3:5]), architecture.endswith("_bn"), 1000)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_weight_finds_its_place(architecture, monkeypatch):
    state = shapes_only(architecture, monkeypatch)
    converted = convert(architecture, state)
    with torch.device("meta"):
        wanted = Model.from_config(converted.model).state_dict()
    assert {key: value.shape for key, value in converted.tensors.items()} == {
        key: value.shape for key, value in wanted.items()
    }
    assert architecture in PUBLISHED


def test_what_does_not_fit_is_refused(monkeypatch):
    state = shapes_only("resnet18", monkeypatch)
    with pytest.raises(UnknownName, match="resnet19") as caught:
        convert("resnet19", state)
    assert "resnet18" in caught.value.hint
    with pytest.raises(WeightsError, match=r"no place for 'layer1.2.conv1.weight'"):
        convert("resnet18", shapes_only("resnet34", monkeypatch))
    with pytest.raises(WeightsError, match="nothing becomes"):
        convert("resnet34", state)
    with pytest.raises(WeightsError, match=r"nothing becomes 'stem\.conv\.weight'"):
        convert("resnet18", {key: value for key, value in state.items() if key != "conv1.weight"})
    with pytest.raises(WeightsError, match=r"'layer1\.0\.conv1\.weight' has another shape"):
        convert("resnet50", {**shapes_only("resnet50", monkeypatch), "layer1.0.conv1.weight": state["conv1.weight"]})
    with pytest.raises(WeightsError, match="8 layers"):
        convert("vgg16", shapes_only("alexnet", monkeypatch))
    with pytest.raises(WeightsError, match="no weights"):
        convert("vgg16", {})


def test_old_state_dicts_lack_a_counter():
    state = {key: value for key, value in resnet_state("resnet18", 3).items() if "num_batches" not in key}
    assert run("resnet18", state, picture(1)).shape == (1, 3)
