"""Codes: what a layer makes of each input, as a point in space; and how such points lie to each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..core.extras import installed
from ..functional.layer_outputs import Inputs, evaluating, layer_outputs

Metric = Literal["euclidean", "cosine"]


def codes(model: nn.Module, layer: str, batches: Iterable[Inputs]) -> Tensor:
    """What ``layer`` puts out for every input, flat, (count, features) on the CPU (catalogue 92).

    Args:
        model: any network; it runs in evaluation mode and is left in its own.
        layer: its name in ``model.named_modules()``.
        batches: inputs as the network takes them.

    Raises:
        ArgumentError: there is no such layer, or it puts out no tensor.
        InputError: there is no batch.
    """
    with evaluating(model), torch.no_grad():
        parts = [layer_outputs(model, inputs, [layer])[layer].flatten(1).float().cpu() for inputs in batches]
    if not parts:
        raise InputError("there are no inputs to take codes of", hint="give at least one batch")
    return torch.cat(parts)


class Components(NamedTuple):
    """Principal components of points in n dimensions.

    Attributes:
        coordinates: (count, k), the points along each axis.
        axes: (k, n), unit vectors, at right angles to each other, by falling variance.
        mean: (n,).
        explained: (k,), each axis's share of the whole variance; zeros where all points are one.
    """

    coordinates: Tensor
    axes: Tensor
    mean: Tensor
    explained: Tensor


def principal_components(points: Tensor, count: int = 2) -> Components:
    """The ``count`` axes along which ``points`` (number, features) vary most.

        X - mean = U S V^T        coordinates = U S        explained_i = s_i^2 / sum_j s_j^2

    The largest entry of every axis is positive, so that the result is one and not its mirror image.

    Raises:
        ArgumentError: more axes than points or features, or points with other than two dimensions.
    """
    _check(points)
    what = f"principal components of {len(points)} points with {points.shape[1]} features"
    _check_count(count, min(points.shape), what)
    X = points.double()
    mean = X.mean(0)
    U, S, Vh = torch.linalg.svd(X - mean, full_matrices=False)
    signs = torch.sign(Vh.gather(1, Vh.abs().argmax(1, keepdim=True)).squeeze(1))
    total = S.square().sum()
    explained = S.square() / total if total > 0 else torch.zeros_like(S)
    parts = ((U * S * signs)[:, :count], (Vh * signs[:, None])[:count], mean, explained[:count])
    return Components(*(part.to(points.dtype) for part in parts))


def embed(
    points: Tensor,
    perplexity: float = 30.0,
    seed: int = 0,
    implementation: Literal["scikit-learn", "openTSNE", "fastest"] = "scikit-learn",
) -> Tensor:
    """t-SNE: ``points`` (count, features) in the plane, (count, 2), so that neighbors stay neighbors (catalogue 92).

    Points with more than 50 features are first brought down to their 50 principal components, as in the paper.
    Distances between clusters and their sizes mean little.

    Args:
        points: at least four.
        perplexity: about how many neighbors a point has; less than their number.
        seed: of the optimization.
        implementation: ``fastest`` is openTSNE where it is installed, else scikit-learn.

    Raises:
        ArgumentError: a perplexity that the points are too few for, or openTSNE is not installed.

    Source: van der Maaten and Hinton 2008, section 3.
    """
    _check(points)
    if not 1 <= perplexity < len(points):
        hint = f"choose from 1 to below {len(points)}, the number of points"
        raise ArgumentError(f"a perplexity of {perplexity}", hint=hint, path=("perplexity",))
    if not torch.isfinite(points).all():
        raise InputError("the codes are not all finite", hint="look at the layer's outputs for NaN and infinity")
    if points.shape[1] > 50:
        points = principal_components(points, min(50, len(points))).coordinates
    has_open_tsne = installed("openTSNE")
    if implementation == "openTSNE" and not has_open_tsne:
        hint = "pip install openTSNE, or choose scikit-learn"
        raise ArgumentError("openTSNE is not installed", hint=hint, path=("implementation",))
    values = points.detach().cpu().double().numpy()
    if implementation != "scikit-learn" and has_open_tsne:
        import openTSNE  # pyright: ignore[reportMissingImports]

        # it takes any number, whatever its annotation says
        found = openTSNE.TSNE(perplexity=perplexity, random_state=seed).fit(values)  # pyright: ignore[reportArgumentType]
        return torch.tensor(found, dtype=torch.float32)
    from sklearn.manifold import TSNE

    found = TSNE(perplexity=perplexity, random_state=seed, init="pca", learning_rate="auto").fit_transform(values)
    return torch.tensor(found, dtype=torch.float32)


class Neighbors(NamedTuple):
    """``indices`` (queries, k) of the nearest points, nearest first, and their ``distances``."""

    indices: Tensor
    distances: Tensor


def nearest_neighbors(
    points: Tensor, count: int = 5, queries: Tensor | None = None, metric: Metric = "euclidean"
) -> Neighbors:
    """The ``count`` points nearest to each of ``queries`` (number, features); a point of the set finds itself first.

    Args:
        points: (number, features).
        count: neighbors of each query.
        queries: by default the points themselves.
        metric: ``cosine`` is 1 - cos of the angle.

    Raises:
        ArgumentError: more neighbors than points.
    """
    from sklearn.neighbors import NearestNeighbors

    _check(points)
    _check_count(count, len(points), f"neighbors among {len(points)} points")
    X = points.detach().cpu().double().numpy()
    Q = X if queries is None else queries.detach().cpu().double().numpy()
    distances, indices = NearestNeighbors(n_neighbors=count, metric=metric).fit(X).kneighbors(Q)
    return Neighbors(torch.from_numpy(indices).long(), torch.from_numpy(distances))


def clusters(points: Tensor, count: int, seed: int = 0) -> Tensor:
    """The cluster 0 .. count-1 of each of ``points`` (number, features) by k-means, int64 (number,) (catalogue 127).

    Raises:
        ArgumentError: more clusters than points.
    """
    from sklearn.cluster import KMeans

    _check(points)
    _check_count(count, len(points), f"clusters of {len(points)} points")
    means = KMeans(count, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
    found = means.fit_predict(points.detach().cpu().double().numpy())
    return torch.from_numpy(found).long()


def purity(assigned: Tensor, labels: Tensor) -> float:
    """How far clusters are classes, in (0, 1]: the share of points whose label is the commonest in their cluster.

        purity = 1/N sum_k max_j |cluster_k and class_j|

    Args:
        assigned: the cluster of each point, (count,), from 0.
        labels: the class of each point, (count,), from 0.

    Raises:
        ArgumentError: different counts, or no point.
    """
    _check_labels(assigned, labels)
    table = torch.zeros(int(assigned.max()) + 1, int(labels.max()) + 1, dtype=torch.int64)
    table.index_put_((assigned, labels), torch.ones_like(labels), accumulate=True)
    return float(table.max(1).values.sum()) / len(labels)


def neighbor_purity(points: Tensor, labels: Tensor, count: int = 5) -> float:
    """The mean share, in [0, 1], of a point's ``count`` nearest other points that have its label.

    Raises:
        ArgumentError: different counts, or too few points.
    """
    _check_labels(points, labels)
    found = nearest_neighbors(points, count + 1).indices
    itself = found == torch.arange(len(points))[:, None]
    itself[:, -1] |= ~itself.any(1)  # among equal points another may stand in its place: leave out the last then
    others = found[~itself].view(len(points), count)
    return float((labels[others] == labels[:, None]).double().mean())


def _check(points: Tensor) -> None:
    if points.dim() != 2 or 0 in points.shape:
        message = f"points of shape {tuple(points.shape)}"
        raise ArgumentError(message, hint="give (number, features), at least one each", path=("points",))


def _check_count(count: int, most: int, what: str) -> None:
    if not 1 <= count <= most:
        raise ArgumentError(f"{count} {what}", hint=f"choose from 1 to {most}", path=("count",))


def _check_labels(points: Tensor, labels: Tensor) -> None:
    if len(points) != len(labels) or not len(labels):
        message = f"{len(points)} points have {len(labels)} labels"
        raise ArgumentError(message, hint="give one label for each point, and at least one", path=("labels",))
