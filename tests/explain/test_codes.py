"""Codes: what a layer makes of pictures, and how such points lie to each other, against scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import homogeneity_score
from torch import nn

from gatefield.core.errors import ArgumentError, InputError
from gatefield.explain.codes import (
    clusters,
    codes,
    embed,
    nearest_neighbors,
    neighbor_purity,
    principal_components,
    purity,
)
from gatefield.functional.layer_outputs import layer_outputs
from gatefield.models.vision.lenet5 import LeNet5
from gatefield.recurrent import GRU, Recurrent

PICTURES = torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    found = load_digits()
    return torch.tensor(found.data, dtype=torch.float32), torch.tensor(found.target)


def lenet() -> LeNet5:
    torch.manual_seed(0)
    return LeNet5((1, 28, 28), 10)


def test_codes_are_the_layers_outputs_however_the_batches_are_cut():
    net = lenet()
    name = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)][-1]
    modes = [module.training for module in net.modules()]
    found = codes(net, name, PICTURES.split(7))
    assert [module.training for module in net.modules()] == modes
    assert sum(len(module._forward_hooks) for module in net.modules()) == 0
    whole = layer_outputs(net.eval(), PICTURES, [name])[name]
    assert torch.allclose(found, whole.flatten(1), atol=1e-6)
    assert not found.requires_grad
    neighbors = nearest_neighbors(found, 3)
    assert torch.equal(neighbors.indices[:, 0], torch.arange(20))
    assert neighbors.distances[:, 0].abs().max() < 1e-5


def test_a_rectifier_in_place_does_not_change_what_was_seen():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True))
    x = torch.randn(8, 4)
    assert torch.allclose(codes(net, "0", [x]), net[0](x).detach())
    assert (codes(net, "0", [x]) < 0).any()


def test_a_layer_with_a_state_is_known_by_its_output():
    layer = nn.Sequential(Recurrent(GRU(3, 5)))
    x = torch.randn(2, 4, 3)
    assert torch.allclose(codes(layer, "0", [(x,)]), layer[0](x)[0].detach().flatten(1), atol=1e-6)


def test_layers_that_cannot_be_asked():
    with pytest.raises(ArgumentError, match="'feature' is not in this network") as caught:
        codes(lenet(), "feature", [PICTURES])
    assert "did you mean" in caught.value.hint
    with pytest.raises(InputError, match="no inputs"):
        codes(lenet(), "features", [])
    shared = nn.Linear(4, 4)
    net = nn.ModuleDict({"a": shared, "unused": nn.Linear(1, 1)})
    net.forward = lambda x: shared(shared(x))
    with pytest.raises(ArgumentError, match="'a' runs more than once"):
        codes(net, "a", [torch.zeros(1, 4)])
    with pytest.raises(ArgumentError, match="'unused' did not run"):
        codes(net, "unused", [torch.zeros(1, 4)])
    assert sum(len(module._forward_hooks) for module in net.modules()) == 0


def test_principal_components_are_scikit_learns(digits):
    points = digits[0][:300].double()
    found, oracle = principal_components(points, 5), PCA(5).fit(points.numpy())
    assert torch.allclose(found.explained, torch.tensor(oracle.explained_variance_ratio_), atol=1e-9)
    cosines = (found.axes * torch.tensor(oracle.components_)).sum(1)
    assert torch.allclose(cosines.abs(), torch.ones(5, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(found.coordinates.abs(), torch.tensor(oracle.transform(points.numpy())).abs(), atol=1e-8)
    assert (found.axes.gather(1, found.axes.abs().argmax(1, keepdim=True)) > 0).all()
    again = principal_components(points, min(points.shape))
    assert torch.allclose(again.coordinates @ again.axes + again.mean, points, atol=1e-9)
    assert principal_components(torch.ones(4, 3)).explained.tolist() == [0, 0]
    with pytest.raises(ArgumentError, match="5 principal components"):
        principal_components(torch.ones(4, 3), 5)


def test_nearest_neighbors_by_brute_force():
    points, queries = torch.randn(40, 3).double(), torch.randn(7, 3).double()
    found = nearest_neighbors(points, 4, queries)
    distances = torch.cdist(queries, points)
    assert torch.equal(found.indices, distances.argsort(1)[:, :4])
    assert torch.allclose(found.distances, distances.sort(1).values[:, :4])
    angles = nearest_neighbors(points, 2, queries, metric="cosine")
    similarity = nn.functional.cosine_similarity(queries[:, None], points[None], dim=2)
    assert torch.equal(angles.indices, similarity.argsort(1, descending=True)[:, :2])
    with pytest.raises(ArgumentError, match="41 neighbors among 40"):
        nearest_neighbors(points, 41)


def test_k_means_on_pixels_finds_most_of_the_digits(digits):
    """scikit-learn's own example finds digits of about 0.74 homogeneity; purity is about 0.79."""
    points, labels = digits
    found = clusters(points, 10, seed=0)
    assert torch.equal(found, clusters(points, 10, seed=0))
    assert sorted(found.unique().tolist()) == list(range(10))
    assert 0.75 < purity(found, labels) < 0.85
    assert 0.70 < homogeneity_score(labels, found) < 0.78
    assert 0.96 < neighbor_purity(points, labels) < 0.99


def test_purity_by_hand():
    assert purity(torch.tensor([0, 0, 0, 1, 1]), torch.tensor([2, 2, 1, 1, 1])) == 0.8
    assert purity(torch.arange(5), torch.tensor([2, 2, 1, 1, 1])) == 1  # every point a cluster of its own
    assert purity(torch.zeros(5, dtype=torch.int64), torch.tensor([2, 2, 1, 1, 1])) == 0.6
    with pytest.raises(ArgumentError, match="2 points have 3 labels"):
        purity(torch.zeros(2, dtype=torch.int64), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="3 clusters of 2 points"):
        clusters(torch.zeros(2, 2), 3)


def test_neighbor_purity_leaves_out_the_point_itself():
    line = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    assert neighbor_purity(line, torch.tensor([0, 0, 0, 1, 1, 1]), 2) == 1
    assert neighbor_purity(line, torch.tensor([0, 1, 0, 1, 0, 1]), 1) == 0
    same = torch.zeros(6, 2)
    assert 0 <= neighbor_purity(same, torch.tensor([0, 0, 0, 1, 1, 1]), 2) <= 1
    assert neighbor_purity(same, torch.zeros(6, dtype=torch.int64), 2) == 1


def test_t_sne_keeps_neighbors_and_depends_on_the_seed(digits):
    points, labels = digits[0][:250], digits[1][:250]
    found = embed(points, perplexity=15, seed=1)
    assert found.shape == (250, 2)
    assert torch.equal(found, embed(points, perplexity=15, seed=1))
    assert neighbor_purity(found, labels) > 0.85
    random = torch.randn(250, 2, generator=torch.Generator().manual_seed(0))
    assert neighbor_purity(random, labels) < 0.3


def test_open_tsne_keeps_neighbors_too(digits, monkeypatch):
    pytest.importorskip("openTSNE")
    points, labels = digits[0][:250], digits[1][:250]
    found = embed(points, perplexity=15, seed=1, implementation="openTSNE")
    assert found.shape == (250, 2)
    assert found.dtype == torch.float32
    assert torch.equal(found, embed(points, perplexity=15, seed=1, implementation="fastest"))
    assert neighbor_purity(found, labels) > 0.85
    # both implementations put the same points beside each other, far more often than chance would
    other = embed(points, perplexity=15, seed=1)
    own, theirs = (nearest_neighbors(each, 6).indices[:, 1:] for each in (found, other))
    shared = sum(len(set(a) & set(b)) for a, b in zip(own.tolist(), theirs.tolist())) / own.numel()
    assert shared > 0.3  # by chance 0.02
    monkeypatch.setattr("gatefield.explain.codes.installed", lambda name: False)
    with pytest.raises(ArgumentError, match="not installed"):
        embed(points, perplexity=15, implementation="openTSNE")
    assert torch.equal(other, embed(points, perplexity=15, seed=1, implementation="fastest"))


def test_t_sne_needs_enough_finite_points():
    with pytest.raises(ArgumentError, match="a perplexity of 30"):
        embed(torch.randn(30, 4), 30)
    with pytest.raises(InputError, match="not all finite"):
        embed(torch.full((50, 4), torch.nan), 5)
