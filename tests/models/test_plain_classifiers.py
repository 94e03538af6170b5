"""Softmax regression, the multilayer perceptron and the decks' MNIST network."""

from __future__ import annotations

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.models.vision.mlp import MLP
from gatefield.models.vision.mnist_cnn import MnistCNN
from gatefield.models.vision.softmax_regression import SoftmaxRegression

SOURCE = torch.Generator().manual_seed(0)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_softmax_regression_learns_what_scikit_learn_learns():
    """The objective is convex: full-batch descent ends where scikit-learn's solver ends."""
    from sklearn.linear_model import LogisticRegression

    generator = numpy.random.default_rng(0)
    labels = generator.integers(3, size=90)
    x = generator.normal(size=(90, 4)) + labels[:, None] * [1.0, -0.5, 0.0, 0.3]
    oracle = LogisticRegression(C=1.0, tol=1e-10, max_iter=2000).fit(x, labels)
    net = SoftmaxRegression((4,), 3).double()
    inputs, targets = torch.from_numpy(x), torch.from_numpy(labels)
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        penalty = net.classifier.output.weight.square().sum() / 2  # scikit-learn with C = 1
        loss = F.cross_entropy(net(inputs), targets, reduction="sum") + penalty
        loss.backward()
        return loss

    optimizer.step(closure)
    expected = torch.from_numpy(oracle.predict_proba(x))
    torch.testing.assert_close(net(inputs).softmax(1).detach(), expected, rtol=1e-4, atol=1e-5)


def test_parameters():
    """Catalogue 44: a fully connected layer has n_in n_out + n_out parameters; catalogue 76."""
    assert parameters(SoftmaxRegression((1, 28, 28), 10)) == 7_850
    assert parameters(MLP((1, 28, 28), 10, hidden=[300, 100])) == 785 * 300 + 301 * 100 + 101 * 10
    assert parameters(MLP((1, 28, 28), 10, hidden=[])) == 7_850
    assert parameters(MnistCNN((1, 28, 28), 10)) == 260 + 5_020 + 3_210


def test_edges_of_the_deep_autoencoder():
    """Catalogue 20: 784-1000-500-250-30-250-500-1000-784 has 2.8 million weights on its edges."""
    with torch.device("meta"):
        net = MLP((784,), 784, hidden=[1000, 500, 250, 30, 250, 500, 1000])
    assert sum(layer.weight.numel() for layer in net.modules() if isinstance(layer, nn.Linear)) == 2_833_000


def test_mlp_is_its_equation():
    net = MLP((2, 3), 4, hidden=[7, 5], activation="tanh").double()
    x = torch.randn(6, 2, 3, generator=SOURCE, dtype=torch.float64)
    w = {key.removeprefix("classifier."): value.numpy() for key, value in net.state_dict().items()}
    h = x.flatten(1).numpy()
    for layer in ("hidden1", "hidden2"):
        h = numpy.tanh(h @ w[f"{layer}.weight"].T + w[f"{layer}.bias"])
    expected = torch.from_numpy(h @ w["output.weight"].T + w["output.bias"])
    torch.testing.assert_close(net(x).detach(), expected)


def test_mlp_dropout_only_in_training():
    torch.manual_seed(0)
    net = MLP((10,), 2, hidden=[50], dropout=0.5)
    x = torch.randn(4, 10, generator=SOURCE)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))
    with pytest.raises(ArgumentError, match="hidden layer"):
        MLP((10,), 2, hidden=[], dropout=0.5)


def test_zero_initialization_leaves_hidden_units_equal():
    """Catalogue 119: with equal weights every hidden unit gets the same gradient, for ever."""
    net = MLP((6,), 3, hidden=[5], activation="sigmoid", initialization="zero")
    x, labels = torch.randn(30, 6, generator=SOURCE), (torch.arange(30) % 4).clamp(max=2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(net(x), labels).backward()
        optimizer.step()
    weight = net.classifier.hidden1.weight
    assert weight.abs().max() > 1e-3
    torch.testing.assert_close(weight, weight[:1].expand_as(weight))


def test_mnist_cnn_is_its_description():
    net = MnistCNN((1, 28, 28), 10)
    x = torch.randn(2, 1, 28, 28, generator=SOURCE)
    w = net.state_dict()
    h = x
    for depth in (1, 2):
        key = f"features.convolution{depth}"
        h = F.max_pool2d(F.conv2d(h, w[f"{key}.weight"], w[f"{key}.bias"]).clamp(min=0), 2, 2)
    assert h.shape == (2, 20, 4, 4)
    expected = h.reshape(2, 320) @ w["classifier.output.weight"].T + w["classifier.output.bias"]
    torch.testing.assert_close(net(x).detach(), expected)
    with pytest.raises(ArgumentError, match="too small") as caught:
        MnistCNN((1, 15, 28), 10)
    assert "16x16" in caught.value.hint
