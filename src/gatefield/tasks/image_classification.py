"""Train a network to name what a picture shows."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Self

import torch
from torch import Tensor

from ..core.arguments import Interval
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import DataError, InputError
from ..core.run_folder import RunFolder
from ..core.seeding import derive
from ..data.augmentations.augmentation import Augmentation
from ..data.decode import decode, seen_part
from ..data.image_files import find_images
from ..data.reader import ImageReader, LabelledImages, Splits
from ..data.splitting import split
from ..explain.attacks.attack import Attack
from ..functional.spread import spread_over
from ..models.model import Model
from ..render.page import Page
from ..training.settings import Training
from ..training.weights import load_weights
from . import classification_metrics
from .attacked.pictures import Pictures
from .classification_page import compose
from .classifier import TrainedClassifier
from .exhibits import Picture
from .explainable import Explainable, ExplainableInput
from .fitting import fit_classifier
from .task import Session, Task, require_trained

Share = Annotated[float, Interval("[0, 1)")]
HELD_OUT = 0.1


class ImageClassification(Task):
    """Name what a picture shows, one class a picture (catalogue 208).

    Args:
        data: where the pictures come from.
        model: the network; the data say its input shape and number of classes.
        augment: random changes of the training pictures, applied in this order.
        validation: share of the training pictures held out to choose the best epoch; by default a tenth where the
            data have no validation part. The same pictures for every seed, so that runs compare.
        test: share held out to measure; by default a tenth where the data have neither a test nor a validation part.
        training: how to train.
        adversary: attack a copy of every mini-batch with the network of that moment, and train on it too.
        weights: start from the weights of this run folder, model folder or safetensors file, not from random ones.
    """

    name = "image-classification"

    def __init__(
        self,
        data: ImageReader,
        model: Spec[Model] = named("lenet5"),
        augment: Sequence[Augmentation] = (),
        validation: Share | None = None,
        test: Share | None = None,
        training: Training = DEFAULTS,
        adversary: Attack | None = None,
        weights: str | None = None,
    ) -> None:
        self.data, self.spec, self.augment, self.training = data, model, augment, training
        self.validation, self.test, self.adversary, self.weights = validation, test, adversary, weights
        self._trained: TrainedClassifier | None = None

    @property
    def trained(self) -> TrainedClassifier:
        """The trained classifier.

        Raises:
            InputError: it is not trained yet.
        """
        return require_trained(self._trained)

    @property
    def model(self) -> Model:
        """The trained network."""
        return self.trained.model

    @functools.cached_property
    def splits(self) -> Splits:
        """The data, read once, with the parts that the reader did not make held out."""
        splits = self.data.read()
        train, validation, test = splits.train, splits.validation, splits.test
        by_default = 0.0 if validation is not None or test is not None else HELD_OUT
        test, train = _hold_out("test", train, test, self.test, by_default)
        by_default = 0.0 if validation is not None else HELD_OUT
        validation, train = _hold_out("validation", train, validation, self.validation, by_default)
        return Splits(train, validation, test, splits.classes, splits.notes)

    def part(self, name: str | None) -> tuple[str, LabelledImages]:
        """A part of the data, by default the one to measure on: test, else validation.

        Raises:
            DataError: the data have no such part.
        """
        splits = self.splits
        parts = {"test": splits.test, "validation": splits.validation, "train": splits.train}
        name = name or next(key for key, images in parts.items() if images is not None)
        images = parts[name]
        if images is None:
            have = ", ".join(key for key, images in parts.items() if images is not None)
            raise DataError(f"the data have no {name} part", hint=f"choose one of: {have}")
        return name, images

    def prepare(self, session: Session) -> None:
        splits = self.splits
        for note in splits.notes:
            session.console.warn(note)
        self.training.require_validation(splits.validation is not None)
        torch.manual_seed(derive(session.seed, "initialization"))
        self._untrained = self.spec.build(input_shape=splits.train.shape, classes=len(splits.classes))
        if self.weights is not None:
            given = pathlib.Path(self.weights)
            load_weights(self._untrained, RunFolder(given).weights if given.is_dir() else given)

    def fit(self, session: Session, folder: RunFolder) -> None:
        self._trained = fit_classifier(
            self._untrained, self.splits, self.training, self.augment, session, folder, self.adversary
        )
        self._trained.save(folder, self.name)

    def restore(self, session: Session, folder: RunFolder) -> None:
        self._trained = TrainedClassifier.restore(folder, session.device)

    def evaluate(self, session: Session, split: str | None = None) -> dict[str, Any]:
        trained = self.trained
        name, images = self.part(split)
        if list(self.splits.classes) != trained.classes:
            have, knows = ", ".join(self.splits.classes), ", ".join(trained.classes)
            hint = "measure on data with the same classes"
            raise DataError(f"the data have the classes {have}; the network knows {knows}", hint=hint)
        outputs = trained.outputs_of(images, session.console)
        return {"split": name} | classification_metrics.measure(
            outputs, images.labels, trained.classes, trained.objective
        )

    def describe(self, metrics: dict[str, Any]) -> str:
        return classification_metrics.describe(metrics)

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        return self.trained.answers(self._decoded(inputs), top)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        name, images = self.part(None)
        compose(page, self.trained, name, images, self.training.monitor, folder, session.console)

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Pictures for explainers: a number for each pixel of them.

        Raises:
            InputError: the network takes no pictures.
        """
        trained = self.trained
        if len(trained.preparation.shape) != 3:
            raise InputError("this network takes plain vectors, not pictures", hint="explain its model from Python")
        inputs = (self.reading(picture) for picture in _pictures(files))
        return Explainable(trained.model, trained.classes, trained.objective.probabilities, inputs, method="grad-cam")

    def reading(self, picture: pathlib.Path | bytes) -> ExplainableInput:
        """A picture for explainers."""
        trained = self.trained
        channels, height, width = trained.preparation.shape
        name = _name(picture)
        raw, original = decode(picture, channels, (height, width), name)[None], decode(picture, 3, None, name)
        _, tall, wide = original.shape
        box = seen_part(tall, wide, (height, width))
        return ExplainableInput(name, trained.preparation(raw, trained.device), Picture(original, box))

    def attackable(self, files: Iterable[Any], count: int) -> Pictures:
        """Pictures for attacks; of the task's own data at most ``count``, spread over the part that is measured on.

        Raises:
            InputError: the data have other classes than the network, or the network takes no pictures.
        """
        trained = self.trained
        if files := list(files):
            if len(trained.preparation.shape) != 3:
                hint = "leave the files out: attack its data"
                raise InputError("this network takes plain vectors, not pictures", hint=hint)
            names, pixels = zip(*self._decoded(files))
            return Pictures.of(trained, None, names, torch.stack(pixels), None)
        split, images = self.part(None)
        if list(self.splits.classes) != trained.classes:
            raise InputError("the data have other classes than the network", hint="give files to attack")
        chosen = spread_over(len(images), count)
        names = [images.source(index) for index in chosen.tolist()]
        return Pictures.of(trained, split, names, images.batch(chosen), images.labels[chosen])

    def _decoded(self, inputs: Iterable[Any]) -> Iterator[tuple[str, Tensor]]:
        """Name and pixels of every picture, folders unfolded."""
        channels, height, width = self.trained.preparation.shape
        for picture in _pictures(inputs):
            yield _name(picture), decode(picture, channels, (height, width), _name(picture))

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..data.readers.image_folder import ImageFolder
        from ..models.vision.softmax_regression import SoftmaxRegression

        return cls(data=ImageFolder.sample(folder), model=Spec(SoftmaxRegression), training=Training(epochs=2))


def _pictures(inputs: Iterable[Any]) -> Iterator[pathlib.Path | bytes]:
    """The pictures of ``inputs``: paths, those below folders, or the bytes of files."""
    for given in inputs:
        yield from [given] if isinstance(given, bytes) else find_images(pathlib.Path(given))


def _name(picture: pathlib.Path | bytes) -> str:
    return "<bytes>" if isinstance(picture, bytes) else str(picture)


def _hold_out(
    name: str, train: LabelledImages, own: LabelledImages | None, share: float | None, by_default: float
) -> tuple[LabelledImages | None, LabelledImages]:
    """The part called ``name``, the data's own or ``share`` of the training part, and the rest of that.

    Raises:
        DataError: a share is asked for, and the data have such a part of their own.
    """
    if own is not None and share is not None:
        raise DataError(f"the data have a {name} part of their own", hint=f"leave '{name}' out")
    share = by_default if share is None else share
    if own is not None or not share:
        return own, train
    rest, held_out = split(train, share, seed=0)
    return train.subset(held_out), train.subset(rest)
