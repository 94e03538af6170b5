"""Random weights of a reservoir: fixed numbers of links, and a spectral radius that is what it says."""

from __future__ import annotations

from typing import Any, Literal

import numpy
import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError

Distribution = Literal["uniform", "normal"]

DENSE_BELOW = 200  # units; up to here all eigenvalues cost less than a few of them
_KRYLOV = 60  # dimensions in which the largest eigenvalues are sought; with 40, one in five of 3000 units was missed
_EIGENVALUES = 6  # many lie close to the edge of the disc, and the first that converges need not be the largest


def random_weights(shape: tuple[int, ...], scale: float, distribution: Distribution) -> Tensor:
    """U(-scale, scale), or N(0, scale^2); float64, from torch's global generator.

    Source: Lukosevicius (2012), sections 3.2.3 and 3.2.5.
    """
    if distribution == "normal":
        return scale * torch.randn(shape, dtype=torch.float64, device="cpu")
    return scale * (2 * torch.rand(shape, dtype=torch.float64, device="cpu") - 1)


def random_links(units: int, degree: int) -> Tensor:
    """For every unit ``degree`` different units that it listens to, int64 (units, degree); all choices alike.

    Floyd's algorithm, for all units at once: of 0 .. j, draw one; who has it already takes j itself.

    Raises:
        ArgumentError: more links than units.
    """
    if degree > units:
        hint = "give at most as many links as units, or None for all"
        raise ArgumentError(f"{degree} links for each of {units} units", hint=hint, path=("degree",))
    links = torch.full((units, degree), -1, device="cpu")
    for k, j in enumerate(range(units - degree, units)):
        drawn = torch.randint(0, j + 1, (units, 1), device="cpu")
        links[:, k : k + 1] = torch.where((links == drawn).any(1, keepdim=True), j, drawn)
    return links.sort(1).values


def spectral_radius(values: Tensor, links: Tensor | None = None) -> float:
    """rho(W) = max |lambda_i(W)|: from all eigenvalues of a small matrix; of a large sparse one to about 1e-7,
    by Arnoldi's method.

    Args:
        values: W itself, (units, units); or with ``links`` its entries, (units, degree).
        links: columns of the entries, int64 (units, degree).

    Raises:
        InputError: a matrix that is not square, or has NaN or infinite entries.
    """
    units = len(values)
    if links is None and values.shape != (units, units):
        raise InputError(f"a matrix of shape {tuple(values.shape)}", hint="a spectral radius is of a square matrix")
    entries = values.detach().cpu().double()
    if not bool(entries.isfinite().all()):
        raise InputError("the matrix holds NaN or infinite entries", hint="give finite weights")
    if not units or not bool(entries.any()):
        return 0.0
    if links is None or units < DENSE_BELOW or links.shape[1] > units // 4:
        matrix = entries if links is None else dense(entries, links.cpu())
        return float(torch.linalg.eigvals(matrix).abs().max())
    return _largest(sparse(entries, links.cpu()))


def _largest(matrix: Any) -> float:
    from scipy.sparse.linalg import ArpackError, eigs

    start = numpy.random.default_rng(0).standard_normal(matrix.shape[0])
    try:
        found = eigs(matrix, _EIGENVALUES, ncv=_KRYLOV, v0=start, tol=1e-6, return_eigenvectors=False)  # pyright: ignore[reportArgumentType]
    except ArpackError:  # nothing converged, as with nilpotent matrices
        found = numpy.linalg.eigvals(matrix.toarray())
    return float(numpy.abs(found).max())


def reservoir_weights(
    units: int, degree: int | None, radius: float, distribution: Distribution
) -> tuple[Tensor, Tensor | None]:
    """Recurrent weights of spectral radius ``radius``: values, and where they stand.

    Args:
        units: N.
        degree: links of each unit; None: all, its own included.
        radius: rho(W), at least 0.
        distribution: of the values.

    Returns:
        With a degree, float64 (N, degree) and int64 (N, degree), the columns; else float64 (N, N) and None.

    Raises:
        ArgumentError: more links than units, or values without a spectral radius to scale.

    Source: Lukosevicius (2012), sections 3.2.2 to 3.2.4.
    """
    links = None if degree is None else random_links(units, degree)
    values = random_weights((units, units if degree is None else degree), 1.0, distribution)
    return scale_to_radius(values, links, radius), links


def scale_to_radius(values: Tensor, links: Tensor | None, radius: float) -> Tensor:
    """``values`` times what gives their matrix the spectral radius ``radius``.

    Raises:
        ArgumentError: their own spectral radius is 0, and no factor will do.
    """
    own = spectral_radius(values, links)
    if own <= numpy.finfo(float).tiny:
        message = f"the recurrent matrix has the spectral radius 0, and cannot be scaled to {radius}"
        hint = "it is zero or has no cycle: give more units or a higher degree, or another seed"
        raise ArgumentError(message, hint=hint, path=("spectral_radius",))
    return values * (radius / own)


def dense(values: Tensor, links: Tensor) -> Tensor:
    """The matrix (N, N) of ``values`` (N, degree) in the columns ``links``; differentiable."""
    return values.new_zeros(len(values), len(values)).scatter(1, links, values)


def sparse(values: Tensor, links: Tensor) -> Any:
    """The same as a `scipy.sparse.csr_array`, float64."""
    from scipy.sparse import csr_array

    units, degree = values.shape
    starts = numpy.arange(units + 1, dtype=numpy.int32) * degree
    data = values.detach().cpu().double().contiguous().numpy().ravel()
    columns = links.cpu().numpy().astype(numpy.int32).ravel()
    return csr_array((data, columns, starts), shape=(units, units))
