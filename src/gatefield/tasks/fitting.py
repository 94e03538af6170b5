"""Fit a network to data: where data, model and training meet."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import nn

from ..core.run_folder import RunFolder
from ..data.augmentations.augmentation import Augmentation
from ..data.batching import Batches
from ..data.preparation import Preparation
from ..data.reader import LabelledImages, Splits
from ..explain.attacks.adversarial_batches import AdversarialBatches
from ..explain.attacks.attack import Attack
from ..explain.attacks.victim import Victim
from ..models.model import Model
from ..training import batches as training_batches
from ..training.checkpoint import Checkpoints
from ..training.history import History
from ..training.loop import fit
from ..training.objective import Objective, objective_for
from ..training.recorders import Recorder, recorders_for
from ..training.schedule import Progress
from ..training.settings import Training
from .classifier import BATCH, TrainedClassifier
from .recording import recorders_of
from .task import Session


def fit_network(
    model: nn.Module,
    objective: Objective,
    training: Training,
    batches: training_batches.Batches,
    validation: training_batches.Batches | None,
    session: Session,
    folder: RunFolder | None = None,
    *,
    fingerprint: int = 0,
    before_update: Callable[[Progress], None] = lambda progress: None,
) -> History:
    """Train ``model`` in place, from the weights it has or the checkpoint in ``folder``.

    Args:
        folder: where checkpoints and metrics go, and where an interrupted run is taken up; nowhere by default.
        fingerprint, before_update: see `training.loop.fit`.

    Raises:
        DataError, DivergenceError, StorageError, WeightsError: see `training.loop.fit`.
    """
    recorders: list[Recorder] = []
    if folder is not None:
        asked_for = recorders_of(model, objective, training, batches, session, folder)
        recorders = [*asked_for, *recorders_for(folder)]
    with tempfile.TemporaryDirectory(prefix="gatefield-") as scratch:
        history = fit(
            model,
            objective,
            training,
            batches,
            validation,
            Checkpoints(folder.checkpoints if folder else scratch),
            seed=session.seed,
            processes=session.processes,
            fingerprint=fingerprint,
            recorders=recorders,
            console=session.console,
            before_update=before_update,
        )
    # the layout of a network that was loaded: another one would round otherwise
    model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    return history


def fit_classifier(
    model: Model,
    splits: Splits,
    training: Training,
    augment: Sequence[Augmentation],
    session: Session,
    folder: RunFolder | None = None,
    adversary: Attack | None = None,
) -> TrainedClassifier:
    """Train ``model`` on ``splits.train``, choosing the best epoch by ``splits.validation`` where there is one.

    Args:
        model: trained in place, from the weights it has.
        training: how.
        augment: random changes of the training inputs.
        folder: see `fit_network`.
        adversary: attacks a copy of every mini-batch, which is then trained on too.

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
    training_set = batches(splits.train, training.batch_size, True, augment)
    if adversary is not None:
        raw = splits.train.batch(torch.arange(1))
        bounds = (0.0, 255.0) if raw.dtype == torch.uint8 else (-math.inf, math.inf)
        victim = Victim(model, lambda values: preparation(values, processes.device), objective, bounds)
        training_set = AdversarialBatches(training_set, victim, adversary, preparation.inverse)
    fingerprint = splits.train.fingerprint()
    fit_network(model, objective, training, training_set, validation, session, folder, fingerprint=fingerprint)
    return TrainedClassifier(model, preparation, splits.classes, objective, processes.device)
