"""The smallest change that makes a network answer what it is told."""

from __future__ import annotations

import numpy
import torch
from torch import Tensor

from ...core.arguments import PositiveFloat, PositiveInt
from .attack import Attack
from .victim import Victim

_SMALLEST, _LARGEST = 1e-6, 1e6  # of c


class MinimumNorm(Attack):
    """argmin over r of c |r|_2^2 + J(x + r, l), within the bounds, for the largest c at which the answer is l.

    Solved by L-BFGS-B from r = 0, row by row; c is bisected on a logarithmic scale. r is in units of the bounds' width.
    Where no c succeeds, the row stays as it is.

    Args:
        bisections: of c, after the first failure and success were found.
        iterations: of L-BFGS-B at most, for each c.
        first: c to begin with.

    Target: by default, the class that the network thinks likeliest after the label.

    Source: Szegedy et al. (2014), section 4.1 (catalogue 100). Departs from the paper: |r|^2 in place of |r|, which has
    no derivative at r = 0, where the search begins; so do Carlini and Wagner (2017), section II.D.
    """

    name = "minimum-norm"
    reference = "szegedy2014, carlini2017"
    targeted = True

    def __init__(self, bisections: PositiveInt = 8, iterations: PositiveInt = 100, first: PositiveFloat = 1.0) -> None:
        self.bisections, self.iterations, self.first = bisections, iterations, first

    def _perturbed(self, victim: Victim, x: Tensor, labels: Tensor, target: Tensor | None) -> Tensor:
        if len(x) == 0:
            return x
        if target is None:
            target = victim.probabilities(x).scatter(1, labels[:, None], -1.0).argmax(1)
        rows = zip(torch.arange(len(x)).split(1), x.split(1), target.split(1))
        return torch.cat([self._row(victim.rows(which), row, wanted) for which, row, wanted in rows])

    def _row(self, victim: Victim, x: Tensor, wanted: Tensor) -> Tensor:
        """``x`` (1, ...) with the smallest change found."""
        if int(victim.predictions(x)) == int(wanted):
            return x
        best, c, fails, succeeds = x, self.first, None, None
        while succeeds is None or fails is None:
            changed = self._solved(victim, x, wanted, c)
            if int(victim.predictions(changed)) == int(wanted):
                best, succeeds, c = changed, c, c * 10
            else:
                fails, c = c, c / 10
            if not _SMALLEST <= c <= _LARGEST:
                return best
        for _ in range(self.bisections):
            c = (succeeds * fails) ** 0.5
            changed = self._solved(victim, x, wanted, c)
            if int(victim.predictions(changed)) == int(wanted):
                succeeds = c
                best = min(best, changed, key=lambda image: float((image - x).norm()))
            else:
                fails = c
        return best

    def _solved(self, victim: Victim, x: Tensor, wanted: Tensor, c: float) -> Tensor:
        from scipy.optimize import minimize

        low, high = victim.bounds
        bounded = numpy.isfinite(high - low)
        unit = high - low if bounded else 1.0
        start = x.flatten().double().cpu().numpy()

        def changed(r: numpy.ndarray) -> Tensor:
            return victim.clipped(torch.from_numpy(start + unit * r).to(x).view_as(x))

        def value(r: numpy.ndarray) -> tuple[float, numpy.ndarray]:
            J, slope = victim.gradient(changed(r), lambda outputs: victim.criterion.loss(outputs, wanted))
            return c * float(r @ r) + float(J), 2 * c * r + unit * slope.flatten().double().cpu().numpy()

        box = numpy.stack([low - start, high - start], 1) / unit if bounded else None
        # a tolerance of 1e-9 takes four times as long, for norms that differ by 0.2 %
        options = {"maxiter": self.iterations, "ftol": 1e-4}
        solution = minimize(value, numpy.zeros_like(start), jac=True, method="L-BFGS-B", bounds=box, options=options)
        return changed(solution.x)
