"""The scikit-learn face of a classifier: ``fit``, ``predict``, ``predict_proba``, ``score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
from torch import Tensor

from .core import devices
from .core.configurable import Spec
from .core.console import Console, silent
from .core.seeding import derive
from .data.augmentations.augmentation import Augmentation
from .data.image_set import ImageTensor
from .data.reader import Splits
from .data.splitting import split
from .models.model import Model
from .tasks.classifier import TrainedClassifier
from .tasks.fitting import fit_classifier
from .tasks.task import Session
from .training.distributed import Processes
from .training.settings import Training


class Classifier(ClassifierMixin, BaseEstimator):
    """Any classifier of Gatefield as a scikit-learn estimator.

    Args:
        model: a model's name, or a mapping with its name and arguments, ``{"name": "mlp", "hidden": [64, 64]}``.
        training: arguments of `Training` that differ from their defaults, ``{"epochs": 20}``.
        augment: augmentations of the training images, by name or as mappings.
        validation: share of the training data held out to choose the best epoch; 0 for none.
        random_state: seed, a generator to draw one from, or None for another result each time.
        device: ``auto``, ``cpu``, ``cuda`` ...
        verbose: show progress on a terminal.

    Attributes:
        classes_: the labels, sorted.
        n_features_in_: size of the second axis of the training data.
        trained_: the trained classifier; ``trained_.model`` is the network.
    """

    def __init__(
        self,
        model: Any = "mlp",
        training: Mapping[str, Any] | Training | None = None,
        augment: Sequence[Any] = (),
        validation: float = 0.0,
        random_state: Any = None,
        device: str = "cpu",
        verbose: bool = False,
    ) -> None:
        self.model, self.training, self.augment, self.validation = model, training, augment, validation
        self.random_state, self.device, self.verbose = random_state, device, verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Train on inputs ``X`` and labels ``y``.

        Args:
            X: (count, features) numbers; or images (count, height, width) or (count, channels, height, width), uint8
                in [0, 255] or numbers of any range.
            y: (count,) labels of any type.
        """
        X, y = validate_data(self, X, y, allow_nd=True, dtype=None)
        check_classification_targets(y)
        self.classes_, labels = numpy.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier needs at least 2 classes; y has only one class: {self.classes_[0]!r}")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        console = Console() if self.verbose else silent()
        session = Session(seed, Processes(device=devices.resolve(self.device)), console)
        splits = self._splits(ImageTensor(_batch(X), torch.from_numpy(labels).long(), "X"))
        spec: Spec[Model] = Spec.from_config(self.model, ("model",), Model)
        training = Training.from_config(self.training or {}, ("training",))
        augment = [Augmentation.from_config(each, ("augment", str(i))) for i, each in enumerate(self.augment)]
        with torch.random.fork_rng():  # the caller's own random numbers go on as if nothing had been trained
            torch.manual_seed(derive(seed, "initialization"))
            model = spec.build(input_shape=splits.train.shape, classes=len(self.classes_))
            self.trained_ = fit_classifier(model, splits, training, augment, session)
        return self

    def predict_proba(self, X: Any) -> numpy.ndarray:
        """Probabilities (count, classes), columns in the order of ``classes_``."""
        check_is_fitted(self)
        X = validate_data(self, X, allow_nd=True, dtype=None, reset=False)
        trained: TrainedClassifier = self.trained_
        images = ImageTensor(_batch(X), torch.zeros(len(X), dtype=torch.int64), "X")
        return trained.objective.probabilities(trained.outputs_of(images, silent())).double().numpy()

    def predict(self, X: Any) -> numpy.ndarray:
        """The likeliest label of each input, (count,)."""
        likeliest = self.predict_proba(X).argmax(1)
        return self.classes_[likeliest]

    def _splits(self, images: ImageTensor) -> Splits:
        names = [str(label) for label in self.classes_]
        if not self.validation:
            return Splits(images, None, None, names)
        train, validation = split(images, self.validation, seed=0)
        return Splits(images.subset(train), images.subset(validation), None, names)


def _batch(array: numpy.ndarray) -> Tensor:
    """(count, features), or images with their channel axis; bytes stay bytes, other numbers become float32."""
    tensor = torch.from_numpy(
        numpy.ascontiguousarray(array if array.dtype == numpy.uint8 else array.astype(numpy.float32))
    )
    return tensor[:, None] if tensor.dim() == 3 else tensor
