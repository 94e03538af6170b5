"""Residual networks against the tables of their papers, and their plain twins."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.layers.bottleneck_block import BottleneckBlock
from gatefield.models.summary import summarize
from gatefield.models.vision.resnet import ResNet

SOURCE = torch.Generator().manual_seed(0)

IMAGENET = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50-32x4d": 25_028_904,
    "resnext101-32x8d": 88_791_336,
    "resnext101-64x4d": 83_455_272,
    "wide-resnet50-2": 68_883_240,
    "wide-resnet101-2": 126_886_696,
}
#: Table 6 of the paper: 0.27, 0.46, 0.66, 0.85, 1.7 and 19.4 million.
CIFAR = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}


def build(name: str, shape=(3, 224, 224), classes: int = 1000) -> ResNet:
    with torch.device("meta"):
        return ResNet(shape, classes, **ResNet.presets[name])


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("name", IMAGENET)
def test_parameters_for_imagenet(name):
    assert count(build(name)) == IMAGENET[name]


@pytest.mark.parametrize("depth", CIFAR)
def test_parameters_for_cifar(depth):
    assert count(build(f"resnet{depth}", (3, 32, 32), 10)) == CIFAR[depth]


def test_parameters_of_a_wide_network():
    """Zagoruyko and Komodakis, Table 5: WRN-28-10 has 36.5 million."""
    assert count(build("wide-resnet28-10", (3, 32, 32), 10)) == 36_479_194


@pytest.mark.parametrize(
    "name", [name for name in ResNet.presets if re.fullmatch(r"(preact-)?(resnet|plain)\d{1,3}", name)]
)
def test_depth_is_in_the_name(name):
    """Layers with weights, shortcuts not counted."""
    net = build(name)
    layers = [
        key
        for key, module in net.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear)) and "shortcut" not in key
    ]
    assert len(layers) == int(re.sub(r"\D", "", name))


def test_blocks_of_equal_cost():
    """Catalogue 23: 69,632 and 70,144 weights."""
    blocks = [build(name).stages.stage1.block2 for name in ("resnet50", "resnext50-32x4d")]
    weights = [sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d)) for block in blocks]
    assert weights == [69_632, 70_144]


def test_the_table_of_resnext_compares_networks_of_equal_cost():
    """Catalogue 24: the errors of ResNet-101 and ResNeXt-101 32x4d are at one cost, those of the others at twice that.

    Top-1 and top-5 in percent: 22.0 and 6.0, 21.2 and 5.6; ResNet-200 21.7 and 5.8, 2x64d 20.7 and 5.5, 64x4d 20.4 and
    5.3. (The wider ResNet-101 of 1x100d, 21.3 and 5.7, is no whole multiple of 64 wide.)
    """
    resnext = ResNet.presets["resnext101-64x4d"]
    networks = {
        "ResNet-101": ResNet.presets["resnet101"],
        "32x4d": ResNet.presets["resnext101-32x4d"],
        "ResNet-200": {"blocks": [3, 24, 36, 3], "block": "bottleneck"},
        "2x64d": {**resnext, "widening": 2, "cardinality": 2},
        "64x4d": resnext,
    }
    costs = {}
    for name, arguments in networks.items():
        with torch.device("meta"):
            net = ResNet((3, 224, 224), 1000, **arguments)
        costs[name] = summarize(net, (3, 224, 224)).multiply_adds / 1e9
    assert costs["32x4d"] / costs["ResNet-101"] == pytest.approx(1, abs=0.05)
    for name in ("ResNet-200", "2x64d", "64x4d"):
        assert costs[name] / costs["ResNet-101"] == pytest.approx(2, abs=0.1)


def test_output_sizes_of_table_1():
    rows = {row.name: row.output_shape for row in summarize(build("resnet50"), (3, 224, 224)).layers}
    sizes = {1: (256, 56, 56), 2: (512, 28, 28), 3: (1024, 14, 14), 4: (2048, 7, 7)}
    for stage, shape in sizes.items():
        assert rows[f"stages.stage{stage}.block1.activation"] == shape
    assert summarize(build("resnet18"), (3, 224, 224)).multiply_adds == 1_814_073_344
    assert summarize(build("resnet50"), (3, 224, 224)).multiply_adds == 4_089_184_256


@pytest.mark.parametrize("depth", [8, 20, 56])
def test_the_plain_twin_shares_everything_but_the_shortcuts(depth):
    """Catalogue 73."""
    torch.manual_seed(0)
    residual = ResNet((3, 32, 32), 10, **ResNet.presets[f"resnet{depth}"])
    plain = ResNet((3, 32, 32), 10, **ResNet.presets[f"plain{depth}"])
    weights = residual.state_dict()
    assert {key: value.shape for key, value in plain.state_dict().items()} == {
        key: value.shape for key, value in weights.items()
    }
    plain.load_state_dict(weights)
    x = torch.randn(2, 3, 32, 32, generator=SOURCE)
    assert not torch.allclose(plain.eval()(x), residual.eval()(x))
    for block in residual.modules():
        if hasattr(block, "shortcut"):
            block.shortcut = None
    assert torch.equal(plain(x), residual(x))


def test_option_a_adds_no_weights_and_option_b_only_projections():
    shapes = {}
    for shortcut in ("none", "zero-padding", "projection"):
        with torch.device("meta"):
            net = ResNet((3, 64, 64), 10, shortcut=shortcut)
        shapes[shortcut] = {key: value.shape for key, value in net.state_dict().items()}
    assert shapes["none"] == shapes["zero-padding"]
    extra = shapes["projection"].keys() - shapes["none"].keys()
    assert extra
    assert all(".shortcut." in key for key in extra)


def test_pre_activation_leaves_the_path_clean():
    """Identity Mappings, equation 5: where the last convolution of each residual is zero, a stage is the identity."""
    torch.manual_seed(0)
    net = ResNet((3, 16, 16), 4, [3], stem="cifar", order="pre-activation", width=0.5).eval()
    x = torch.randn(2, 3, 16, 16, generator=SOURCE)
    with torch.no_grad():
        for block in net.stages.stage1:
            block.residual.conv2.weight.zero_()
    stem = net.stem(x)
    torch.testing.assert_close(net.stages(stem), stem)
    expected = net.classifier.output(F.relu(net.classifier.norm(stem)).mean((2, 3)))
    torch.testing.assert_close(net(x), expected)


def test_first_pre_activation_block_takes_the_stem_as_it_is():
    """Identity Mappings, appendix: the first unit is activated right after conv1, before the paths part."""
    net = ResNet((3, 16, 16), 4, [1, 1], stem="cifar", order="pre-activation")
    assert isinstance(net.stages.stage1.block1.preactivation, nn.Identity)
    names = [name for name, _ in net.stages.stage2.block1.preactivation.named_children()]
    assert names == ["norm1", "activation1"]


def test_computes_its_equations():
    torch.manual_seed(0)
    net = ResNet((2, 12, 10), 4, [1, 1], stem="cifar", shortcut="zero-padding", width=0.25).double().train()
    for module in net.modules():  # away from the first values
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    x = torch.randn(3, 2, 12, 10, generator=SOURCE, dtype=torch.float64)
    w = dict(net.named_parameters())

    def convolve(x, name, number, stride=1):
        x = F.conv2d(x, w[f"{name}.conv{number}.weight"], None, stride, 1)
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
        scale, shift = (w[f"{name}.norm{number}.{kind}"][:, None, None] for kind in ("weight", "bias"))
        return scale * (x - mean) / (var + 1e-5).sqrt() + shift

    h = F.relu(convolve(x, "stem", ""))
    for stage, stride in ((1, 1), (2, 2)):
        name = f"stages.stage{stage}.block1.residual"
        y = convolve(F.relu(convolve(h, name, 1, stride)), name, 2)
        short = F.pad(h[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, y.shape[1] - h.shape[1]))
        h = F.relu(y + short)
    expected = F.linear(h.mean((2, 3)), w["classifier.output.weight"], w["classifier.output.bias"])
    torch.testing.assert_close(net(x), expected)


def test_where_the_stride_stands():
    """The paper strides in the first 1x1; ResNeXt and most implementations in the 3x3."""

    def strides(block):
        net = ResNet((3, 32, 32), 4, [1, 1], block=block, width=0.125)
        made = net.stages.stage2.block1
        assert isinstance(made, BottleneckBlock)
        return [layer.stride[0] for layer in made.residual if isinstance(layer, nn.Conv2d)]

    assert strides("bottleneck") == [1, 2, 1]
    assert strides("bottleneck-1x1-stride") == [2, 1, 1]


def test_any_size_of_image():
    net = ResNet((1, 1, 1), 3, [1, 1], width=0.125).eval()
    for shape in ((2, 1, 1, 1), (2, 1, 31, 7), (1, 1, 64, 65)):
        assert net(torch.randn(shape, generator=SOURCE)).isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"blocks": []}, "blocks"),
        ({"cardinality": 2}, "cardinality"),
        ({"block": "bottleneck", "cardinality": 48}, "cardinality"),
        ({"block": "bottleneck", "dropout": 0.5}, "dropout"),
    ],
)
def test_conflicts(arguments, key):
    with pytest.raises(ArgumentError) as caught:
        ResNet((3, 32, 32), 10, **arguments)
    assert caught.value.path == (key,)
