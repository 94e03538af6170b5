"""Class activation maps: identities between them, transcriptions, where the places are, and that they localize."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError
from gatefield.explain.cam import CAM
from gatefield.explain.grad_cam import GradCAM
from gatefield.explain.grad_cam_plus_plus import GradCAMPlusPlus
from gatefield.explain.places import find_places
from gatefield.layers.packed_binary import pack_binary_layers
from gatefield.models.model import Model
from gatefield.models.sequence.sequence_classifier import SequenceClassifier
from gatefield.models.sequence.tcn import TCN
from gatefield.models.vision.lenet5 import LeNet5
from gatefield.models.vision.network_in_network import NetworkInNetwork
from gatefield.models.vision.resnet import ResNet


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def residual(**arguments) -> tuple[Model, Tensor]:
    model = ResNet(input_shape=(3, 40, 33), classes=4, blocks=[1, 1], width=0.125, **arguments).double()
    return model, torch.randn(3, 3, 40, 33, dtype=torch.float64)


def test_cam_is_grad_cam_of_a_network_that_averages():
    """dS/df = w / Z everywhere, so that alpha = w without 1/Z, and w / Z with it."""
    for model, x in (residual(), residual(order="pre-activation"), residual(block="bottleneck")):
        cam = CAM(enlarge=False).attribute(model, x, 2)
        places = cam[0].numel()
        assert places > 1
        assert (cam < 0).any()
        whole = GradCAM(mean=False, relu=False, enlarge=False).attribute(model, x, 2)
        torch.testing.assert_close(whole, cam)
        torch.testing.assert_close(GradCAM(relu=False, enlarge=False).attribute(model, x, 2), cam / places)
        torch.testing.assert_close(GradCAM(enlarge=False).attribute(model, x, 2), cam.relu() / places)


def test_the_mean_of_cam_is_the_score():
    model, x = residual()
    bias = list(model.parameters())[-1].detach()
    score = model.eval()(x)[:, 1].detach()
    torch.testing.assert_close(CAM(enlarge=False).attribute(model, x, 1).mean((1, 2)) + bias[1], score)


def test_of_network_in_network_cam_is_the_map_of_the_class():
    model = NetworkInNetwork(input_shape=(2, 47, 43), classes=3, width=1 / 16).double().eval()
    x = torch.randn(2, 2, 47, 43, dtype=torch.float64)
    torch.testing.assert_close(CAM(enlarge=False).attribute(model, x, 1), model.features(x)[:, 1].detach())


def test_cam_says_when_a_network_does_not_end_as_it_needs():
    model, x = LeNet5(input_shape=(1, 28, 28), classes=10), torch.randn(1, 1, 28, 28)
    with pytest.raises(InputError, match=r"means of the maps of 'features\.s4") as caught:
        CAM().attribute(model, x, 0)
    assert "grad-cam" in caught.value.hint
    deep = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5), nn.Linear(5, 2))
    with pytest.raises(InputError):
        CAM().attribute(deep, x, 0)


def test_grad_cam_of_a_linear_model():
    """S = sum W f: alpha is the mean of W over the places of each map."""
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.Flatten(), nn.Linear(3 * 5 * 4, 2)).double()
    x = torch.randn(2, 2, 5, 4, dtype=torch.float64)
    f, W = model[0](x), model[2].weight[1].view(3, 5, 4)
    expected = torch.einsum("k,bkij->bij", W.mean((1, 2)), f).detach()
    result = GradCAM(relu=False).attribute(model, x, 1, layer="0")
    torch.testing.assert_close(result, expected)


def test_grad_cam_plus_plus_as_the_paper_writes_it():
    """With Y = exp(S) and its three derivatives, before anything is cancelled."""
    model, x = LeNet5((1, 28, 28), 4).double().eval(), torch.randn(2, 1, 28, 28, dtype=torch.float64)
    A = model.features(x).detach().requires_grad_()
    S = model.classifier(A)[:, 2]
    (g,) = torch.autograd.grad(S.sum(), A)
    Y = S.exp().detach()[:, None, None, None]
    first, second, third = Y * g, Y * g**2, Y * g**3
    denominator = 2 * second + A.sum((2, 3), keepdim=True) * third
    alpha = torch.where(denominator != 0, second / denominator, 0)
    w = (alpha * first.relu()).sum((2, 3), keepdim=True)
    expected = (w * A).sum(1).relu().detach() / Y[:, 0]
    torch.testing.assert_close(GradCAMPlusPlus(enlarge=False).attribute(model, x, 2, "features.s4"), expected)


def test_grad_cam_costs_no_gradient_before_its_layer():
    """What runs before the layer may have no derivative at all."""
    model, x = residual(block="xnor")
    for network in (model, pack_binary_layers(model)):
        cam = CAM(enlarge=False).attribute(network, x, 0)
        result = GradCAM(mean=False, relu=False, enlarge=False).attribute(network, x, 0)
        torch.testing.assert_close(result, cam)
        with pytest.raises(InputError, match=r"stages\.stage2"):
            GradCAM().attribute(network, x, 0, layer="stages.stage1.block1")


# ---------------------------------------------------------------------------------------------- layers and places


def test_the_last_spatial_layer_is_the_default():
    model, x = LeNet5(input_shape=(1, 28, 28), classes=10), torch.randn(2, 1, 28, 28)
    places = find_places(model.eval(), x)
    names = [layer.name for layer in places.layers]
    assert names[-1].startswith("features.s4")
    assert "features" not in names  # it puts out what s4 did
    by_default = GradCAM().attribute(model, x, 0)
    for name in ("features.s4", "features"):  # and is the same layer by another name
        assert places.layer(name) is places.layers[-1]
        assert torch.equal(by_default, GradCAM().attribute(model, x, 0, layer=name))


def test_an_unknown_layer_offers_the_nearest():
    model, x = LeNet5(input_shape=(1, 28, 28), classes=10), torch.randn(2, 1, 28, 28)
    for method in (CAM(), GradCAM(), GradCAMPlusPlus()):
        for name in ("features.c4", "classifier.f6"):
            with pytest.raises(ArgumentError, match=f"no layer '{name}'") as caught:
                method.attribute(model, x, 0, layer=name)
            assert caught.value.path == ("layer",)
            assert "features." in caught.value.hint


def test_a_network_without_places():
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(InputError, match="no layer of this network") as caught:
        GradCAM().attribute(model, torch.randn(2, 5), 0)
    assert "integrated-gradients" in caught.value.hint


class Turned(nn.Module):
    """Takes (rows, time, features), convolves (rows, features, time)."""

    def __init__(self, steps_first: bool) -> None:
        super().__init__()
        self.steps_first = steps_first
        self.convolution, self.output_layer = nn.Conv1d(3, 4, 3, stride=2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        f = self.convolution(x.transpose(1, 2) if self.steps_first else x)
        return self.output_layer(f.tanh().mean(2))


def test_where_time_is_in_an_input_of_three_axes():
    for steps_first in (True, False):
        model = Turned(steps_first)
        x = torch.randn(2, 11, 3) if steps_first else torch.randn(2, 3, 11)
        places = find_places(model, x)
        assert (places.input, places.channels) == ((11,), -1 if steps_first else 1)
        assert (places.layers[0].sizes, places.layers[0].channels) == ((5,), 1)
        assert GradCAM().attribute(model, x, 0).shape == (2, 11)
    for channels in (4, 11):  # as many as steps: shapes alone do not tell
        tcn = TCN(features=3, classes=2, channels=[4, channels], kernel_size=3)
        places = find_places(tcn.eval(), torch.randn(2, 11, 3))
        assert (places.input, places.channels) == ((11,), -1)
        assert "classifier" not in places.last().name  # its outputs, one a step, are no map of it
        by_name = {layer.name: layer for layer in places.layers}
        last_convolution = [layer for name, layer in by_name.items() if ".block2" in name][-1]
        assert (last_convolution.channels, last_convolution.sizes) == (1, (11,))
        assert places.last().sizes == (11,)
        maps = [
            GradCAM(relu=False).attribute(tcn, torch.ones(1, 11, 3), (10, 1), layer.name)
            for layer in (places.last(), last_convolution)
        ]
        torch.testing.assert_close(*maps)  # they put out the same, one of them turned round


def test_a_layer_that_weighs_the_places_of_another_is_not_the_default():
    example = next(e for e in SequenceClassifier.sequence_examples() if e.arguments.get("readout") == "attention")
    model = SequenceClassifier(**example.arguments).double().eval()
    x, lengths = example.make(torch.Generator().manual_seed(0))
    assert find_places(model, (x, lengths)).last().name == "reader.encoder.layer"
    result = GradCAM(relu=False).attribute(model, (x, lengths), 1)
    assert result.shape == x.shape[:2]
    assert not result[torch.arange(x.shape[1]) >= lengths[:, None]].any()  # the layer puts out zeros there


def test_grad_cam_along_the_time_of_a_recurrent_layer():
    """S reads unit k of an LSTM's output with weight w_k: the map is sum_k w_k h_k(t) / time."""

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.output_layer = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.output_layer(self.lstm(x)[0].mean(1))

    model, x = Mean().double(), torch.randn(2, 7, 3, dtype=torch.float64)
    expected = (model.lstm(x)[0] @ model.output_layer.weight[1] / 7).detach()
    torch.testing.assert_close(GradCAM(relu=False).attribute(model, x, 1), expected)
    torch.testing.assert_close(CAM().attribute(model, x, 1), 7 * expected)


def test_a_recurrent_layer_whose_state_is_read():
    class State(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.front = nn.Conv1d(3, 4, 1)
            self.gru, self.output_layer = nn.GRU(4, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.output_layer(self.gru(self.front(x).transpose(1, 2))[1][-1])

    model, x = State(), torch.randn(2, 3, 7)
    assert torch.equal(GradCAM().attribute(model, x, 0), GradCAM().attribute(model, x, 0, layer="front"))
    with pytest.raises(InputError, match="do not depend on the output of layer 'gru'"):
        GradCAM().attribute(model, x, 0, layer="gru")


def test_a_layer_that_runs_twice_is_refused():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.output_layer = nn.Conv2d(2, 2, 3, padding=1), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.output_layer(self.convolution(self.convolution(x)).mean((2, 3)))

    with pytest.raises((ArgumentError, InputError)):
        GradCAM().attribute(Twice(), torch.randn(1, 2, 5, 5), 0, layer="convolution")


def test_a_map_of_other_axes_cannot_be_laid_over_the_input():
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.output_layer = nn.Conv1d(1, 4, 3), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.output_layer(self.convolution(x.flatten(2)).tanh().mean(2))

    model, x = Flat(), torch.randn(2, 1, 4, 5)
    with pytest.raises(InputError, match="cannot be laid over"):
        GradCAM().attribute(model, x, 0)
    assert GradCAM(enlarge=False).attribute(model, x, 0).shape == (2, 18)


@pytest.mark.parametrize("cls", family(Model).classes, ids=lambda cls: cls.name)
def test_every_model_of_pictures_is_explained_or_says_why_not(cls):
    example = next((example for example in cls.examples() if len(example.input_shape) == 3), None)
    if example is None:
        pytest.skip("its input is no picture")
    model, x = cls(**example.arguments), torch.randn(2, *example.input_shape)
    try:
        result = GradCAM().attribute(model, x, 0)
    except InputError as error:
        assert "choose" in error.hint
        binary = any(getattr(module, "surrogate_gradient", False) for module in model.modules())
        assert binary or not any(isinstance(module, nn.Conv2d) for module in model.modules())
    else:
        assert result.shape == (2, *example.input_shape[1:])
        assert result.isfinite().all()


# ------------------------------------------------------------------------------------------------- do they localize?


def planted(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy pictures with a disc, a cross or a frame somewhere; their classes, and masks of the objects."""
    random = torch.Generator().manual_seed(seed)
    side, size = 40, 9
    grid = torch.arange(size) - size // 2
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    shapes = torch.stack([x**2 + y**2 <= 16, (x.abs() <= 1) | (y.abs() <= 1), (x.abs() >= 3) | (y.abs() >= 3)])
    pictures = 0.3 * torch.randn(count, 1, side, side, generator=random)
    labels = torch.randint(3, (count,), generator=random)
    corners = torch.randint(side - size, (count, 2), generator=random)
    masks = torch.zeros(count, side, side, dtype=torch.bool)
    for picture, label, (top, left), mask in zip(pictures, labels, corners.tolist(), masks):
        picture[0, top : top + size, left : left + size] += shapes[label]
        mask[top : top + size, left : left + size] = True
    return pictures, labels, masks


@pytest.mark.slow
def test_maps_find_planted_objects():
    """The energy of a map inside the object's box is at least three times the box's share of the picture."""
    norm = nn.BatchNorm2d
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), norm(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), norm(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 32, 3, padding=1), norm(32), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3)),
    )
    pictures, labels, _ = planted(1500, 0)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for epoch in range(6):
        for part in torch.randperm(1500, generator=torch.Generator().manual_seed(epoch)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(pictures[part]), labels[part]).backward()
            optimizer.step()
    pictures, labels, masks = planted(200, 1)
    right = model.eval()(pictures).argmax(1) == labels
    assert right.double().mean() > 0.95
    for method in (CAM(), GradCAM(), GradCAMPlusPlus()):
        energy = method.attribute(model, pictures, labels).relu() ** 2
        inside = (energy * masks).sum((1, 2)) / energy.sum((1, 2)).clamp(min=1e-12)
        share = masks.double().mean((1, 2))
        print(f"{method.name}: {float((inside / share).mean()):.1f} times")
        assert (inside / share).mean() >= 3, method.name
