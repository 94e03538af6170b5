"""How to train: every choice that a recipe can make about the training loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from ..core.arguments import NonNegativeFloat, PositiveFloat, PositiveInt
from ..core.configurable import Configurable, named
from ..core.errors import ArgumentError
from .schedule import Schedule
from .update_rule import UpdateRule

#: What can be noted of a network while it is trained; `tasks.recording` says how.
Recorded = Literal["gradient-by-layer", "gradient-by-lag", "trajectory"]


class Training(Configurable):
    """How to train.

    Args:
        epochs: passes over the training set.
        batch_size: samples in a mini-batch, over all processes; 1 is online learning, "all" batch learning with the
            whole set at once (catalogue 117).
        optimizer: the update rule, with its base rate.
        schedule: the factor on the base rate.
        accumulate: mini-batches whose gradients, weighted by their sizes, make one update; "epoch" sums them all and
            updates once an epoch, which is batch learning in little memory (catalogue 117, 164).
        clip_norm: scale the gradient down to this Euclidean norm where it is longer.
        clip_value: cut every component of the gradient to this magnitude.
        precision: of the forward pass and its gradient; weights and updates stay float32.
        channels_last: lay images and filters out with the channel innermost, which convolutions prefer.
        patience: stop after so many epochs without a better validation result.
        monitor: which validation result says what is better; the best epoch's weights are the ones kept
            (catalogue 115).
        checkpoint_seconds: write a checkpoint at least this often, in the middle of an epoch too; 0 is after every
            update.
        record: what to note after every epoch, for the report and for ``dissect``: ``gradient-by-layer``, the norm of
            the gradient of each layer (catalogue 121); ``gradient-by-lag``, how far back in time the gradient of a
            recurrent network reaches (155); ``trajectory``, the weights, in a file each (102). What it costs is told
            there; nothing where it is empty.

    Raises:
        ArgumentError: two settings that contradict each other.
    """

    kind: ClassVar[str] = "training"

    def __init__(
        self,
        epochs: PositiveInt = 10,
        batch_size: PositiveInt | Literal["all"] = 64,
        optimizer: UpdateRule = named("adam"),
        schedule: Schedule = named("constant"),
        accumulate: PositiveInt | Literal["epoch"] = 1,
        clip_norm: PositiveFloat | None = None,
        clip_value: PositiveFloat | None = None,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
        channels_last: bool = True,
        patience: PositiveInt | None = None,
        monitor: Literal["loss", "accuracy"] = "loss",
        checkpoint_seconds: NonNegativeFloat = 60.0,
        record: Sequence[Recorded] = (),
    ) -> None:
        if clip_norm is not None and clip_value is not None:
            raise ArgumentError(
                "clip_norm and clip_value are both given", hint="keep one of the two", path=("clip_value",)
            )
        if batch_size == "all" and accumulate != 1:
            raise ArgumentError(
                f"batch_size 'all' leaves nothing to accumulate, and accumulate is {accumulate!r}",
                hint="leave accumulate at 1, or give a batch_size in numbers",
                path=("accumulate",),
            )
        self.epochs = epochs
        self.batch_size: int | Literal["all"] = batch_size
        self.optimizer, self.schedule = optimizer, schedule
        self.accumulate: int | Literal["epoch"] = accumulate
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.precision: Literal["float32", "bfloat16", "float16"] = precision
        self.channels_last = channels_last
        self.patience = patience
        self.monitor: Literal["loss", "accuracy"] = monitor
        self.checkpoint_seconds = checkpoint_seconds
        self.record = tuple(dict.fromkeys(record))

    def require_validation(self, present: bool) -> None:
        """Refuse settings that only validation data give a meaning, where there are none.

        Raises:
            ArgumentError: names the setting.
        """
        needing = {
            "patience": self.patience is not None,
            "monitor": self.monitor != "loss",
            "schedule": self.schedule.needs_validation,
        }
        for key, needs in needing.items():
            if needs and not present:
                raise ArgumentError(
                    f"'{key}' needs validation data, and there are none",
                    hint=f"hold out a part of the training set for validation, or leave '{key}' out",
                    path=(key,),
                )
