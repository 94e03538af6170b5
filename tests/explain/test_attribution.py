"""Explanations against what they must be: linear models, identities, transcriptions of the papers."""

from __future__ import annotations

import numpy
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gatefield.core.errors import ArgumentError, InputError
from gatefield.explain.grad_cam import GradCAM
from gatefield.explain.gradient import Gradient
from gatefield.explain.gradient_input import GradientInput
from gatefield.explain.guided_backpropagation import GuidedBackpropagation
from gatefield.explain.integrated_gradients import IntegratedGradients
from gatefield.explain.occlusion import Occlusion
from gatefield.explain.smooth_grad import SmoothGrad
from gatefield.layers.packed_binary import pack_binary_layers
from gatefield.models.sequence.sequence_classifier import SequenceClassifier
from gatefield.models.vision.lenet5 import LeNet5
from gatefield.models.vision.resnet import ResNet
from gatefield.models.vision.softmax_regression import SoftmaxRegression


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def linear() -> tuple[nn.Module, Tensor]:
    """A linear model of pictures with random weights, and these as (classes, channels, height, width)."""
    model = SoftmaxRegression(input_shape=(2, 4, 5), classes=3).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    return model, next(iter(model.parameters())).detach().view(3, 2, 4, 5)


def test_a_linear_model_is_its_own_explanation():
    model, w = linear()
    x = torch.randn(6, 2, 4, 5, dtype=torch.float64)
    for target in range(3):
        expected = w[target].expand_as(x)
        torch.testing.assert_close(Gradient().attribute(model, x, target), expected)
        torch.testing.assert_close(SmoothGrad(samples=3).attribute(model, x, target), expected)
        torch.testing.assert_close(GradientInput().attribute(model, x, target), w[target] * x)
        torch.testing.assert_close(IntegratedGradients(steps=1).attribute(model, x, target), w[target] * x)
        one = Occlusion(window=1, baseline=2.0).attribute(model, x, target)
        torch.testing.assert_close(one, (w[target] * (x - 2)).sum(1, keepdim=True).expand_as(x))


def test_integrated_gradients_are_complete():
    model = LeNet5(input_shape=(1, 20, 20), classes=5).double()
    x = torch.randn(4, 1, 20, 20, dtype=torch.float64)
    model.eval()
    for baseline in (0.0, -1.5):
        total = IntegratedGradients(baseline=baseline).attribute(model, x, 3).flatten(1).sum(1)
        difference = (model(x) - model(torch.full_like(x, baseline)))[:, 3].detach()
        assert (total - difference).abs().max() <= 1e-3


def test_integrated_gradients_say_so_when_they_are_not_complete():
    class Step(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(1e7 * (x - 0.5123))  # a jump that 4,096 nodes do not meet

    with pytest.raises(InputError, match="with 4096 nodes") as caught:
        IntegratedGradients().attribute(Step(), torch.ones(1, 2), 0)
    assert "tolerance" in caught.value.hint
    assert IntegratedGradients(tolerance=None).attribute(Step(), torch.ones(1, 2), 0).shape == (1, 2)


def test_integrated_gradients_of_a_square_are_exact():
    """S = x^2 has the integral x * x over the line from 0."""

    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square()

    x = torch.tensor([[3.0, -2.0]], dtype=torch.float64)
    result = IntegratedGradients(steps=2).attribute(Square(), x, 0)
    torch.testing.assert_close(result, torch.tensor([[9.0, 0.0]], dtype=torch.float64))


def test_smooth_grad_is_the_mean_of_noisy_gradients():
    model = LeNet5(input_shape=(1, 12, 12), classes=3).double()
    x = torch.randn(2, 1, 12, 12, dtype=torch.float64)
    assert torch.equal(SmoothGrad(4, noise=0).attribute(model, x, 0), Gradient().attribute(model, x, 0))
    one, other = (SmoothGrad(200, noise=0.2, seed=seed).attribute(model, x, 0) for seed in (0, 1))
    single = SmoothGrad(1, noise=0.2).attribute(model, x, 0)
    assert (one - other).norm() < 0.3 * (one - single).norm()


@pytest.mark.parametrize(("window", "stride"), [(2, 1), ([3, 2], [2, 2]), (4, 4), (None, None)])
def test_occlusion_is_the_mean_loss_of_the_windows_that_cover_a_place(window, stride):
    model = LeNet5(input_shape=(2, 16, 15), classes=3).double().eval()
    x = torch.randn(2, 2, 16, 15, dtype=torch.float64)
    result = Occlusion(window, stride, baseline=0.5).attribute(model, x, 1)
    sides = {2: (2, 2), 4: (4, 4), None: (2, 1)}.get(window, (3, 2)) if not isinstance(window, list) else tuple(window)
    steps = {1: (1, 1), 4: (4, 4), None: (1, 1)}[stride] if not isinstance(stride, list) else tuple(stride)
    lost, often = numpy.zeros((2, 16, 15)), numpy.zeros((16, 15))
    starts = [sorted({*range(0, n - k + 1, s), n - k}) for n, k, s in zip((16, 15), sides, steps)]
    for top in starts[0]:
        for left in starts[1]:
            covered = x.clone()
            box = (slice(top, top + sides[0]), slice(left, left + sides[1]))
            covered[:, :, *box] = 0.5
            with torch.no_grad():
                lost[:, *box] += (model(x) - model(covered))[:, 1].numpy()[:, None, None]
            often[box] += 1
    expected = torch.from_numpy(lost / often)[:, None].expand_as(x)
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-12)


def test_occlusion_refuses_what_makes_no_sense():
    model, x = linear()[0], torch.randn(1, 2, 4, 5, dtype=torch.float64)
    for arguments, path in [
        ({"window": 6}, "window"),
        ({"window": [2, 2, 2]}, "window"),
        ({"window": 2, "stride": 3}, "stride"),
    ]:
        with pytest.raises(ArgumentError) as caught:
            Occlusion(**arguments).attribute(model, x, 0)
        assert caught.value.path == (path,)
    with pytest.raises(ArgumentError, match="a layer means nothing") as caught:
        Occlusion().attribute(model, x, 0, layer="classifier")
    assert caught.value.path == ("layer",)


# -------------------------------------------------------------------------------------------- guided backpropagation


class Rectified(nn.Module):
    """Two rectified layers, the rectifier given as a function."""

    def __init__(self, rectify) -> None:
        super().__init__()
        self.rectify = rectify
        self.first, self.second, self.third = nn.Linear(6, 9), nn.Linear(9, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.third(self.rectify(self.second(self.rectify(self.first(x)))))


RECTIFIERS = {
    "module": nn.ReLU(),
    "module, in place": nn.ReLU(inplace=True),
    "functional": functional.relu,
    "functional, in place": lambda x: functional.relu(x, inplace=True),
    "torch": torch.relu,
    "torch, in place": torch.relu_,
    "method": lambda x: x.relu(),
    "method, in place, result unused": lambda x: (x.relu_(), x)[1],
    "clamp": lambda x: x.clamp(min=0),
    "clamp, by place": lambda x: torch.clamp(x, 0.0),
    "clamp_min": lambda x: x.clamp_min(0),
    "clip, in place": lambda x: x.clip_(0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "maximum, turned": lambda x: torch.max(torch.zeros_like(x), x),
    "leaky without slope": lambda x: functional.leaky_relu(x, 0.0),
    "threshold": nn.Threshold(0.0, 0.0),
}


def transcribed(model: Rectified, x: Tensor, target: int) -> Tensor:
    """Section 3.4 of the paper: R^l = 1{f^l > 0} 1{R^(l+1) > 0} R^(l+1), by hand."""
    z1 = model.first(x)
    z2 = model.second(z1.clamp(min=0))
    R = model.third.weight[target].expand(len(x), -1)
    R = R * (z2 > 0) * (R > 0) @ model.second.weight
    return (R * (z1 > 0) * (R > 0) @ model.first.weight).detach()


@pytest.mark.parametrize("name", RECTIFIERS)
def test_every_way_to_write_a_rectifier_is_guided(name):
    model, x = Rectified(RECTIFIERS[name]), torch.randn(7, 6)
    guided = GuidedBackpropagation().attribute(model, x, 1)
    torch.testing.assert_close(guided, transcribed(model, x, 1))
    assert not torch.allclose(guided, Gradient().attribute(model, x, 1))


@pytest.mark.parametrize(
    "rectify",
    [lambda x: x * (x > 0), lambda x: torch.where(x > 0, x, 0.0), lambda x: torch.where(x.lt(0), 0.0, x)],
)
def test_a_rectifier_written_by_a_comparison_is_refused(rectify):
    with pytest.raises(InputError, match="compares numbers with zero") as caught:
        GuidedBackpropagation().attribute(Rectified(rectify), torch.randn(2, 6), 0)
    assert "torch.relu" in caught.value.hint


def test_guiding_refuses_what_it_cannot_see():
    x = torch.randn(2, 6)
    with pytest.raises(InputError, match="met no rectifier"):
        GuidedBackpropagation().attribute(Rectified(torch.tanh), x, 0)
    hidden = nn.Sequential(nn.Unflatten(1, (2, 3)), nn.RNN(3, 4, nonlinearity="relu", batch_first=True))
    with pytest.raises(InputError, match="cannot see the rectifiers inside '1' \\(RNN\\)"):
        GuidedBackpropagation().attribute(hidden, x, (0, 1))
    from gatefield.recurrent import IRNN, Recurrent

    engine = nn.Sequential(nn.Unflatten(1, (2, 3)), nn.ReLU(), Recurrent(IRNN(3, 4)))
    with pytest.raises(InputError, match="inside '2' \\(Recurrent\\)"):
        GuidedBackpropagation().attribute(engine, x, (0, 1))


def test_guiding_leaves_torch_as_it_was():
    GuidedBackpropagation().attribute(Rectified(torch.relu), torch.randn(2, 6), 0)
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    (gradient,) = torch.autograd.grad((-torch.relu(x)).sum(), x)
    assert gradient.tolist() == [-1.0, 0.0]


# ------------------------------------------------------------------------------------------------- what is refused


def test_gradients_that_are_no_derivatives_are_refused():
    model = ResNet(input_shape=(3, 16, 16), classes=4, blocks=[1, 1], width=0.125, block="xnor")
    x = torch.randn(2, 3, 16, 16)
    for network, what in [(model, "surrogate"), (pack_binary_layers(model), "no gradient")]:
        for explainer in (Gradient(), IntegratedGradients(), SmoothGrad()):
            with pytest.raises(InputError, match=f"layer 'stages.*has a surrogate|layer 'stages.*{what}") as caught:
                explainer.attribute(network, x, 0)
            assert "occlusion" in caught.value.hint
        assert Occlusion(window=4).attribute(network, x, 0).abs().max() > 0


def test_quantized_networks_are_refused():
    class Quantized(nn.Module):
        """Whole numbers inside, as quantized layers have."""

        def forward(self, x: Tensor) -> Tensor:
            return (x * 16).to(torch.int8).to(x.dtype) / 16

    model = nn.Sequential(nn.Linear(4, 5), Quantized(), nn.Linear(5, 2))
    with pytest.raises(InputError, match="layer '1' \\(Quantized\\) passes no gradient on"):
        Gradient().attribute(model, torch.randn(2, 4), 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's quantization is leaving
def test_layers_that_torch_has_quantized_are_named():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    for explainer in (Gradient(), IntegratedGradients(), GradCAM()):
        with pytest.raises(InputError, match="layer '3' \\(Linear\\) passes no gradient on") as caught:
            explainer.attribute(model, torch.randn(2, 1, 6, 6), 0)
        assert "occlusion" in caught.value.hint
    assert Occlusion(window=2).attribute(model, torch.randn(2, 1, 6, 6), 0).any()


def test_inputs_of_another_size_are_told_both_sizes():
    model = LeNet5(input_shape=(1, 28, 28), classes=4)
    for wrong in ((1, 20, 20), (3, 28, 28), (28, 28)):
        for explainer in (Gradient(), GradCAM(), Occlusion()):
            with pytest.raises(InputError, match=r"built for inputs of shape \(1, 28, 28\)") as caught:
                explainer.attribute(model, torch.zeros(2, *wrong), 0)
            assert str(wrong) in caught.value.message
    anywhere = ResNet(input_shape=(3, 16, 16), classes=4, blocks=[1], width=0.125)
    assert Gradient().attribute(anywhere, torch.randn(1, 3, 24, 20), 0).any()  # it averages over any size


def test_inputs_that_are_not_prepared_are_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(ArgumentError, match="the input is uint8") as caught:
        Gradient().attribute(model, torch.zeros(1, 1, 2, 2, dtype=torch.uint8), 0)
    assert caught.value.path == ("input",)


# ---------------------------------------------------------------------------------------- symbols, layers, outputs


class Bag(nn.Module):
    """The class scores are the mean of a vector for each symbol: what each symbol adds is known."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.vectors(x).mean(1)


def test_each_symbol_of_a_bag_counts_for_its_vector():
    model, x = Bag(), torch.tensor([[1, 5, 5, 0], [8, 2, 1, 3]])
    expected = model.vectors(x)[..., 2].detach() / 4
    for explainer in (GradientInput(), IntegratedGradients(steps=1)):
        torch.testing.assert_close(explainer.attribute(model, x, 2), expected)
    torch.testing.assert_close(Gradient().attribute(model, x, 2), torch.full((2, 4), 1 / 4))
    against_padding = expected - model.vectors.weight[0, 2].detach() / 4
    torch.testing.assert_close(Occlusion().attribute(model, x, 2), against_padding)
    with pytest.raises(ArgumentError, match="no symbol"):
        Occlusion(baseline=0.5).attribute(model, x, 2)


class OneHot(nn.Module):
    """Symbols become vectors by no layer that could be named."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.one_hot(x, 9).float().mean(1)


def test_the_embedding_can_be_named_and_must_be_where_there_are_several():
    class Two(Bag):
        def __init__(self) -> None:
            super().__init__()
            self.others = nn.Embedding(9, 3)

        def forward(self, x: Tensor) -> Tensor:
            return (self.vectors(x) + 2 * self.others(x)).mean(1)

    model, x = Two(), torch.tensor([[1, 5, 7]])
    with pytest.raises(ArgumentError, match="2 layers of the network embed") as caught:
        GradientInput().attribute(model, x, 0)
    assert caught.value.hint == "name the layer: vectors, others"
    torch.testing.assert_close(
        GradientInput().attribute(model, x, 0, layer="others"), 2 * model.others(x)[..., 0].detach() / 3
    )
    with pytest.raises(ArgumentError, match="no layers of the network embed"):
        GradientInput().attribute(OneHot(), x, 0)


READERS = [example for example in SequenceClassifier.sequence_examples() if "vocabulary" in example.arguments]


@pytest.mark.parametrize("example", READERS, ids=lambda example: example.arguments["encoder"]["name"])
def test_classifiers_of_sequences_are_explained_symbol_by_symbol(example):
    model = SequenceClassifier(**example.arguments).double().eval()
    x, lengths = example.make(torch.Generator().manual_seed(0))
    inside = torch.arange(x.shape[1]) < lengths[:, None]
    for explainer in (Gradient(), GradientInput(), SmoothGrad(2), Occlusion()):
        result = explainer.attribute(model, (x, lengths), 1)
        assert result.shape == x.shape
        assert result[~inside].abs().max() <= 1e-15  # padding counts for nothing, but rounding of two scores
        assert result[0].any()
    total = IntegratedGradients().attribute(model, (x, lengths), 1).sum(1)
    score = model(x, lengths)[:, 1].detach()
    model.embedding.weight.data.zero_()  # the baseline: every symbol a vector of zeros
    assert (total - (score - model(x, lengths)[:, 1].detach())).abs().max() <= 1e-3


def test_a_layer_in_the_place_of_the_input():
    """Attributions to a layer's output are those of the rest of the network to its input."""
    front, back = nn.Sequential(nn.Linear(5, 4), nn.Tanh()), nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    model, x = nn.Sequential(front, back), torch.randn(3, 5)
    for explainer in (Gradient(), GradientInput(), IntegratedGradients(), SmoothGrad(samples=3)):
        by_layer = explainer.attribute(model, x, 1, layer="0")
        torch.testing.assert_close(by_layer, explainer.attribute(back, front(x).detach(), 1))


def test_outputs_with_a_time_axis_and_states_behind_them():
    class Steps(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, str]:
            return x.cumsum(1) ** 2, "state"

    x = torch.randn(2, 5, 3, dtype=torch.float64)
    w = Gradient().attribute(Steps(), x, (3, 1))
    expected = torch.zeros_like(x)
    expected[:, :4, 1] = 2 * x[:, :4, 1].sum(1, keepdim=True)
    torch.testing.assert_close(w, expected)
    for wrong in ((5, 1), (3,), (3, -1)):
        with pytest.raises(ArgumentError, match="no place in outputs of shape \\(5, 3\\)"):
            Gradient().attribute(Steps(), x, wrong)
    for wrong in (None, 1):
        with pytest.raises(ArgumentError) as caught:
            Gradient().attribute(Steps(), x, wrong)
        assert "(step, class)" in caught.value.hint


def test_of_distances_to_a_class_the_smallest_wins():
    model = LeNet5(input_shape=(1, 16, 16), classes=4, hidden=(6, 5), output="rbf").double()
    x = torch.randn(2, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    distance = model.eval()(x)
    (expected,) = torch.autograd.grad(-distance[:, 2].sum(), x)
    torch.testing.assert_close(Gradient().attribute(model, x, 2), expected)
    nearest = distance.argmin(1)
    assert torch.equal(Gradient().attribute(model, x), Gradient().attribute(model, x, nearest))
