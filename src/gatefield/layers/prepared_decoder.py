"""What a decoder computes again at every step of a search though it never changes, computed once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recurrent import map_state
from ..recurrent.state import LayerState
from ..recurrent.stepper import Stepper

if TYPE_CHECKING:
    from .recurrent_decoder import RecurrentDecoder

WORTH = 8192
"""Rows, beside one a symbol, that are stepped through before binding the recurrence pays."""

LARGEST = 1 << 25
"""Numbers in the table of input products; larger ones are not made."""

ROWS = 32
"""Rows from which a bias is cheaper as a column of the weights: adding it writes all scores twice."""


class PreparedDecoder:
    """The products that all steps of a decoder have in common, for inference with the weights as they are now.

        E W^T + b of every symbol, so that the recurrence begins by looking it up (`recurrent.Stepper`)
        [W, b], so that W r + b is one product of [r, 1]

    The first is worth its while after many steps, and is made then. A copy of a model makes its own.

    Args:
        decoder: in evaluation mode, on the CPU.
    """

    def __init__(self, decoder: RecurrentDecoder) -> None:
        self.weights = _identity(decoder)
        self._decoder, self._seen = decoder, 0
        self._output: Tensor | None = None
        self._stepper: Stepper | None = None
        self._lock = threading.Lock()  # a stepper keeps a state of its own while it steps
        gates = sum(parameter.numel() for parameter in decoder.recurrent.directions[0].parameters())
        table = decoder.embedding.vocabulary * gates // decoder.embedding.width  # at most
        self._may_bind = decoder.hears_symbols_only and table <= LARGEST

    @classmethod
    def of(cls, decoder: RecurrentDecoder, last: PreparedDecoder | None) -> PreparedDecoder | None:
        """The one of ``decoder`` as it is now, ``last`` if the weights have not changed; None where it cannot be."""
        weight = decoder.embedding.weight
        if torch.is_grad_enabled() or decoder.training or not weight.is_cpu or torch.is_autocast_enabled("cpu"):
            return None
        if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[reportPrivateImportUsage]
            return None
        if any(parameter.is_inference() for parameter in decoder.parameters()):  # these do not tell of changes
            return None
        return last if last is not None and last.weights == _identity(decoder) else cls(decoder)

    def __reduce__(self) -> Any:
        return _nothing, ()

    def scores(self, readout: Tensor) -> Tensor:
        """W r + b of ``readout`` (n, w, features)."""
        output = self._decoder.output
        rows = readout.flatten(0, 1)
        if len(rows) < ROWS:
            return output(readout)
        if self._output is None:
            with torch.inference_mode(False), torch.no_grad():
                self._output = torch.cat([output.weight, output.bias[:, None]], 1)
        extended = torch.cat([rows, rows.new_ones(len(rows), 1)], 1)
        return F.linear(extended, self._output).unflatten(0, readout.shape[:2])

    def recur(self, tokens: Tensor, hidden: LayerState) -> tuple[Tensor, LayerState] | None:
        """s_t (n, w, features) and the state after ``tokens`` (n, w); None where it is not worth binding (yet)."""
        rows = tokens.numel()
        if not self._may_bind or not self._lock.acquire(blocking=False):
            return None
        try:
            stepper = self._bound(rows)
            if stepper is None:
                return None
            spare = stepper.batch - rows
            flat = map_state(lambda values: F.pad(values.flatten(0, 1), (0, 0, 0, spare)), hidden)
            stepper.state = flat
            s = stepper.step(F.pad(tokens.flatten(), (0, spare)))[:rows]
            after = stepper.state
            assert after is not None
            return s.unflatten(0, tokens.shape), map_state(
                lambda values: values[:rows].unflatten(0, tokens.shape), after
            )
        finally:
            self._lock.release()

    def _bound(self, rows: int) -> Stepper | None:
        """A stepper for so many rows, or at most twice as many."""
        stepper = self._stepper
        if stepper is not None and rows <= stepper.batch < 2 * rows:
            return stepper
        self._seen += rows
        if self._seen < self._decoder.embedding.vocabulary + WORTH or (stepper is not None and rows < stepper.batch):
            return None
        self._seen = 0
        with torch.inference_mode(False), torch.no_grad():
            self._stepper = self._decoder.recurrent.stepper(rows, self._decoder.embedding.weight.detach())
        self._may_bind = self._stepper.path.path == "native"
        return self._stepper if self._may_bind else None


def _identity(decoder: RecurrentDecoder) -> tuple[tuple[int, int], ...]:
    """What changes when a weight does."""
    return tuple((parameter.data_ptr(), parameter._version) for parameter in decoder.parameters())


def _nothing() -> None:
    return None
