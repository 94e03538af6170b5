"""Ridge regression in one pass over data of any length, in double precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError

BLOCK = 256  # columns of the Gram matrix that are computed at a time


class NormalEquations:
    """The sums that linear regression needs, gathered chunk by chunk: memory does not grow with the data.

        A = sum_n x(n) x(n)^T,    B = sum_n y(n) x(n)^T

    Everything is summed in float64, whatever comes in. A Gram matrix squares the condition of the data: the small
    coefficients that reservoirs want (1e-8 beside eigenvalues of 1e5) lie below the rounding of float32.

    As long as there are no more samples than features, the samples themselves are kept: they are the smaller matrix.

    Sources: Lukosevicius (2012), equation 9 and section 4.3 (sums that are updated with every step).
    """

    def __init__(self) -> None:
        self.samples = 0
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._gram = torch.zeros(0, 0, dtype=torch.float64)  # A's lower triangle: Cholesky's method reads no more
        self._products = torch.zeros(0, 0, dtype=torch.float64)  # B
        self._sizes: tuple[int, int] | None = None

    def add(self, x: Tensor, y: Tensor) -> None:
        """Take in more samples.

        Args:
            x: (samples, features).
            y: (samples, outputs).

        Raises:
            InputError: shapes that do not fit each other or what came before, NaN or infinite values. Nothing is
                then added.
        """
        if x.dim() != 2 or y.dim() != 2 or len(x) != len(y):
            message = f"x has the shape {tuple(x.shape)}, y {tuple(y.shape)}"
            raise InputError(message, hint="give (samples, features) and (samples, outputs)")
        for name, values in (("x", x), ("y", y)):
            # a sum is finite only where all its terms are, and costs no second array
            if not bool(values.sum().isfinite()) and not bool(values.isfinite().all()):
                message = f"{name} holds NaN or infinite values"
                raise InputError(message, hint="remove or replace these samples first")
        features, outputs = self._sizes = self._sizes or (x.shape[1], y.shape[1])
        if (x.shape[1], y.shape[1]) != self._sizes:
            message = f"x and y have {x.shape[1]} and {y.shape[1]} columns, those before had {features} and {outputs}"
            raise InputError(message, hint="give the same features and outputs in every chunk")
        self.samples += len(x)
        if self.samples <= features:
            self._kept.append((_copied(x), _copied(y)))
            return
        self._sum_up()
        self._add_sums(x.detach().double(), y.detach().double())

    def solve(self, beta: float = 0.0) -> Tensor:
        """The weights that minimize sum_n |y(n) - W x(n)|^2 + beta |W|^2.

            W = B (A + beta I)^{-1},    of few samples    W = Y (X^T X + beta I)^{-1} X^T,  X = [x(1) x(2) ...]

        By Cholesky's factorization. Where beta lies below the rounding of A, by the eigenvectors of A, without those
        whose eigenvalues are rounding: of these the data say nothing.

        Args:
            beta: at least 0.

        Returns:
            W, float64 (outputs, features).

        Raises:
            ArgumentError: a negative beta.
            InputError: no samples; or A is singular and beta is 0, so that no W is the best.
        """
        if not beta >= 0:
            raise ArgumentError(f"beta is {beta}", hint="give a number in [0, inf)", path=("beta",))
        if not self.samples:
            raise InputError("there are no samples to solve for", hint="add some first")
        if self._kept and beta:
            x, y = (torch.cat(parts) for parts in zip(*self._kept))
            factor = _factor(_add_gram(x.new_zeros(len(x), len(x)), x.T), beta)
            if factor is not None:
                return torch.cholesky_solve(y, factor).T @ x
        gram, products = self._sum_up()
        factor = _factor(gram.clone(), beta)
        if factor is not None:
            return torch.cholesky_solve(products.T, factor).T
        if not beta:
            message = f"the normal equations of {self.samples} samples and {len(gram)} features are singular"
            hint = "give beta > 0, more samples, or features that do not depend on each other"
            raise InputError(message, hint=hint)
        values, vectors = torch.linalg.eigh(gram)  # reads the lower triangle
        known = values > len(gram) * torch.finfo(torch.float64).eps * values.max()
        inverse = torch.where(known, 1 / (values + beta), 0.0)
        return (products @ vectors * inverse) @ vectors.T

    def _sum_up(self) -> tuple[Tensor, Tensor]:
        """A and B, with the samples kept so far."""
        kept, self._kept = self._kept, []
        for x, y in kept:
            self._add_sums(x, y)
        return self._gram, self._products

    def _add_sums(self, x: Tensor, y: Tensor) -> None:
        if not len(self._gram):
            self._gram, self._products = x.new_zeros(x.shape[1], x.shape[1]), x.new_zeros(y.shape[1], x.shape[1])
        _add_gram(self._gram, x)
        self._products.addmm_(y.T, x)


def _copied(x: Tensor) -> Tensor:
    return x.detach().to(torch.float64, copy=True)


def _add_gram(gram: Tensor, x: Tensor) -> Tensor:
    """The lower triangle of ``gram`` plus x^T x, in place; what stands above it has no meaning."""
    for left in range(0, len(gram), BLOCK):
        columns = slice(left, left + BLOCK)
        gram[left:, columns].addmm_(x[:, left:].T, x[:, columns])
    return gram


def _factor(matrix: Tensor, beta: float) -> Tensor | None:
    """Cholesky's factor of ``matrix`` + beta I, which is changed; None where its pivots are lost in rounding."""
    size = len(matrix)
    matrix.diagonal().add_(beta)
    factor, failed = torch.linalg.cholesky_ex(matrix)
    pivots = factor.diagonal().square()
    rounding = torch.finfo(torch.float64).eps * (math.sqrt(size) if beta else size)
    return factor if not failed and bool(pivots.min() > rounding * pivots.max()) else None


def ridge(x: Tensor, y: Tensor, beta: float = 0.0) -> Tensor:
    """W (outputs, features), float64, that minimizes |Y - X W^T|^2 + beta |W|^2.

    Args:
        x: (samples, features).
        y: (samples, outputs).
        beta: at least 0.

    Raises:
        ArgumentError, InputError: as `NormalEquations.add` and `NormalEquations.solve`.
    """
    equations = NormalEquations()
    equations.add(x, y)
    return equations.solve(beta)
