"""What became of each epoch, and what follows from it: which was best, and whether to stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Record = dict[str, Any]


@dataclass
class History:
    """The records of the finished epochs.

    A record holds ``epoch`` (from 1), ``train_loss``, ``learning_rate`` (of its last update), ``seconds``,
    ``samples_per_second``, and with validation data ``validation_loss`` and, where answers are right or wrong,
    ``validation_accuracy``.

    Attributes:
        monitor: which validation result says what is better.
        records: one an epoch, oldest first.
    """

    monitor: Literal["loss", "accuracy"] = "loss"
    records: list[Record] = field(default_factory=list)

    @property
    def validation_losses(self) -> list[float]:
        """One an epoch; empty without validation data."""
        return [record["validation_loss"] for record in self.records if "validation_loss" in record]

    @property
    def best_epoch(self) -> int | None:
        """The number, from 1, of the first epoch that none surpassed; None without validation data."""
        key = f"validation_{self.monitor}"
        scored = [record for record in self.records if key in record]
        if not scored:
            return None
        choose = min if self.monitor == "loss" else max
        return choose(scored, key=lambda record: record[key])["epoch"]

    @property
    def improved(self) -> bool:
        """Whether the latest epoch is the best so far."""
        return bool(self.records) and self.best_epoch == self.records[-1]["epoch"]

    def exhausted(self, patience: int | None) -> bool:
        """Whether the last ``patience`` epochs brought nothing better (catalogue 115)."""
        best = self.best_epoch
        return patience is not None and best is not None and self.records[-1]["epoch"] - best >= patience


def describe(record: Record, epochs: int, unit: str = "sample") -> str:
    """One line about an epoch, for people."""
    parts = [f"epoch {record['epoch']}/{epochs}", f"loss {record['train_loss']:.4f}"]
    if "validation_loss" in record:
        parts.append(f"validation loss {record['validation_loss']:.4f}")
    if "validation_accuracy" in record:
        parts.append(f"accuracy {100 * record['validation_accuracy']:.2f} %")
    parts.append(f"{record['samples_per_second']:,.0f} {unit}s/s")
    return "  ".join(parts)
