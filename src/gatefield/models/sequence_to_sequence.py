"""The contract of models that write one sequence of symbols after reading another."""

from __future__ import annotations

from torch import Tensor

from .model import Model


class SequenceToSequence(Model):
    """Maps a source and the target so far to what the target's next symbol may be.

    Besides what is trained, `forward`, each has ``start`` and ``step``, by which decoding writes (`decoding.stepper`).
    """

    def forward(
        self, source: Tensor, source_lengths: Tensor | None, target_in: Tensor, target_lengths: Tensor | None = None
    ) -> Tensor:
        """Logits of the next target symbol.

        Args:
            source: (batch, source time) int64.
            source_lengths: symbols of each source; None: all.
            target_in: (batch, time) int64, the target one step late: the begin symbol first.
            target_lengths: symbols of each row of it; None: all.

        Returns:
            (batch, time, vocabulary), zero beyond a row's length.
        """
        raise NotImplementedError
