"""Fit a classifier to labelled inputs: where data, model and training meet."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Literal

from ..core.run_folder import RunFolder
from ..data.augmentations.augmentation import Augmentation
from ..data.batching import Batches
from ..data.preparation import Preparation
from ..data.reader import LabelledImages, Splits
from ..models.model import Model
from ..training.checkpoint import Checkpoints
from ..training.loop import fit
from ..training.objective import objective_for
from ..training.recorders import recorders_for
from ..training.settings import Training
from .classifier import BATCH, TrainedClassifier
from .task import Session


def fit_classifier(
    model: Model,
    splits: Splits,
    training: Training,
    augment: Sequence[Augmentation],
    session: Session,
    folder: RunFolder | None = None,
) -> TrainedClassifier:
    """Train ``model`` on ``splits.train``, choosing the best epoch by ``splits.validation`` where there is one.

    Args:
        model: trained in place, from the weights it has.
        training: how.
        augment: random changes of the training inputs.
        folder: where checkpoints and metrics go, and where an interrupted run is taken up; nowhere by default.

    Raises:
        DataError, DivergenceError, StorageError, WeightsError: see `training.loop.fit`.
    """
    objective = objective_for(model.output)
    preparation = Preparation.fit(splits.train)
    processes = session.processes

    def batches(
        images: LabelledImages, size: int | Literal["all"], shuffle: bool, changes: Sequence[Augmentation]
    ) -> Batches:
        return Batches(
            images,
            size,
            seed=session.seed,
            shuffle=shuffle,
            augmentations=changes,
            preparation=preparation,
            device=processes.device,
            memory_format="channels_last" if training.channels_last else "contiguous",
            rank=processes.rank,
            world=processes.count,
        )

    validation = None if splits.validation is None else batches(splits.validation, BATCH, False, ())
    with tempfile.TemporaryDirectory(prefix="gatefield-") as scratch:
        fit(
            model,
            objective,
            training,
            batches(splits.train, training.batch_size, True, augment),
            validation,
            Checkpoints(folder.checkpoints if folder else scratch),
            seed=session.seed,
            processes=processes,
            fingerprint=splits.train.fingerprint(),
            recorders=recorders_for(folder) if folder else (),
            console=session.console,
        )
    return TrainedClassifier(model, preparation, splits.classes, objective, processes.device)
