"""Reservoirs run without gradients: NumPy and a sparse product, several times as fast as a loop of torch operations.

Time comes first and sequences last, so that a step is one block of memory: (time, units, batch). The slow reference is
the cell `EchoState`, run by `gatefield.recurrent.scan`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from torch import Tensor

from .reservoir_weights import sparse

Array = NDArray[numpy.float64]
Accumulate = Callable[[Array, Array], None]


@dataclass(frozen=True)
class Reservoir:
    """The weights of one reservoir, in double precision.

    Attributes:
        W_in: input weights, (units, features).
        b: the input weights of the constant 1, (units,).
        W: recurrent weights (units, units), an array or a `scipy.sparse.csr_array`.
        leak: a, in (0, 1].
    """

    W_in: Array
    b: Array
    W: Any
    leak: float

    @classmethod
    def of(cls, W_in: Tensor, b: Tensor, values: Tensor, links: Tensor | None, leak: float) -> Reservoir:
        """From torch tensors; of a sparse W (units, degree) its entries and their columns."""
        W_in, b = (part.detach().cpu().double() for part in (W_in, b))
        W = values.detach().cpu().double().numpy() if links is None else sparse(values, links)
        return cls(W_in.numpy(), b.numpy(), W, leak)

    @property
    def units(self) -> int:
        return len(self.b)

    def received(self, u: Array) -> Array:
        """W^in [1; u(n)] for all steps of ``u`` (time, features, batch): (time, units, batch)."""
        time, features, batch = u.shape
        if batch == 1:
            return (u.reshape(time, features) @ self.W_in.T + self.b)[:, :, None]
        return numpy.matmul(self.W_in, u) + self.b[:, None]

    def drive(self, u: Array, x: Array) -> Array:
        """All states x(n) under the input ``u``.

            x~(n) = tanh(W^in [1; u(n)] + W x(n-1))             (2)
            x(n) = (1 - a) x(n-1) + a x~(n)                     (3)

        Args:
            u: (time, features, batch).
            x: the state before the first step, (units, batch).

        Returns:
            (time, units, batch).
        """
        states = self.received(u)
        move = self.mover(x.shape[1])
        for z in states:
            move(x, z)
            x = z
        return states

    def mover(self, batch: int) -> Callable[[Array, Array], None]:
        """``move(x, z)``, with x(n-1) and z = W^in [1; u(n)], both (units, batch), makes x(n) of z in place."""
        add_product, a = product_adder(self.W, batch), self.leak
        tanh, multiply, add = numpy.tanh, numpy.multiply, numpy.add
        if a == 1:

            def move(x: Array, z: Array) -> None:
                add_product(x, z)
                tanh(z, z)
        else:
            held = numpy.empty((self.units, batch))

            def move(x: Array, z: Array) -> None:
                add_product(x, z)
                tanh(z, z)
                multiply(z, a, z)
                multiply(x, 1 - a, held)
                add(z, held, z)

        return move


def product_adder(W: Any, batch: int) -> Accumulate:
    """``add(x, z)`` for z += W x, with x and z (units, batch) in C order."""
    if isinstance(W, numpy.ndarray):
        product = numpy.empty((len(W), batch))

        def add_dense(x: Array, z: Array) -> None:
            numpy.matmul(W, x, out=product)
            numpy.add(z, product, z)

        return add_dense

    # The routine behind ``W @ x``, without the 3 microseconds around it: half of a step of 300 units.
    from scipy.sparse import _sparsetools

    rows, columns, starts, places, values = *W.shape, W.indptr, W.indices, W.data
    if batch == 1:
        multiply = _sparsetools.csr_matvec  # pyright: ignore[reportAttributeAccessIssue]

        def add_sparse(x: Array, z: Array) -> None:
            multiply(rows, columns, starts, places, values, x, z)
    else:
        multiply = _sparsetools.csr_matvecs  # pyright: ignore[reportAttributeAccessIssue]

        def add_sparse(x: Array, z: Array) -> None:
            multiply(rows, columns, batch, starts, places, values, x.reshape(-1), z.reshape(-1))

    return add_sparse


@dataclass(frozen=True)
class FreeRun:
    """A trained network of reservoirs that hears its own answers, step by step.

        y(n) = W^out [1; v(n); x(n)]                            (4)

    v(n) is the input. What is not given of it is y(n-1): all of it where a network predicts its own input, the part
    after the given inputs where it has output feedback W^fb (those columns of W^in are W^fb, and W^out does not see
    them). Answers that grow beyond all bounds become infinite and NaN.

    Attributes:
        levels: reservoirs from the input up; each feeds the next.
        W_out: (outputs, 1 + seen + units of all levels).
        seen: how many entries of v(n), from the first, the read-out sees.
    """

    levels: list[Reservoir]
    W_out: Array
    seen: int

    def run(self, steps: int, x: list[Array], y: Array, u: Array | None = None) -> tuple[Array, list[Array], Array]:
        """Answer ``steps`` times.

        Args:
            steps: how many.
            x: the state of each level before, (units, batch).
            y: y(n-1) of the first step, (outputs, batch).
            u: given inputs, (steps, seen, batch); None: there are none.

        Returns:
            All y(n), (steps, outputs, batch), and the states and the answer at the end.
        """
        outputs, batch = y.shape
        answers = numpy.empty((steps, outputs, batch))
        first, *above = self.levels
        fed = first.W_in.shape[1] - self.seen  # entries of v(n) that only the reservoir hears
        # [fed back; 1; seen input; x of all levels], for this step and the last: W^in meets its head, W^out its tail
        head = fed + 1 + self.seen
        ends = head + numpy.cumsum([0, *(level.units for level in self.levels)])
        both = [numpy.ones((ends[-1], batch)) for _ in range(2)]
        parts = [[row[a:b] for a, b in itertools.pairwise(ends)] for row in both]
        for part, values in zip(parts[1], x):
            part[:] = values
        W_head = numpy.concatenate([first.W_in[:, self.seen :], first.b[:, None], first.W_in[:, : self.seen]], 1)
        W_out, biases = numpy.ascontiguousarray(self.W_out), [level.b[:, None] for level in above]
        move_first, *movers = [level.mover(batch) for level in self.levels]
        now, before = 0, 1
        with numpy.errstate(over="ignore", invalid="ignore"):
            for n in range(steps):
                row, states, past = both[now], parts[now], parts[before]
                if fed:
                    row[:fed] = y
                if u is not None:
                    row[fed + 1 : head] = u[n]
                elif not fed:
                    row[1:head] = y
                numpy.dot(W_head, row[:head], out=states[0])
                move_first(past[0], states[0])
                for k, (level, bias, move) in enumerate(zip(above, biases, movers), start=1):
                    numpy.dot(level.W_in, states[k - 1], out=states[k])
                    states[k] += bias
                    move(past[k], states[k])
                y = numpy.dot(W_out, row[fed:], out=answers[n])
                now, before = before, now
        return answers, [part.copy() for part in parts[before]], y.copy()
