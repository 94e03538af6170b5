"""Attack a trained run's network with its own data or with files, in pixel space."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..core.configurable import Spec
from ..core.console import Console
from ..core.discovery import family
from ..core.errors import ArgumentError, InputError, suggest
from ..data.decode import decode
from ..data.image_files import find_images
from ..explain.attacks.attack import Attack, noise_as_long, whole_pixels
from ..explain.attacks.robustness import Robustness, robustness_curve, translation_robustness
from ..explain.attacks.victim import Victim
from .classifier import TrainedClassifier
from .image_classification import ImageClassification
from .run import Run

ROWS = 64  # attacked at once
MOVED, REACH = 200, 2  # images that are moved, and by how many pixels


class Said(NamedTuple):
    """What the network answers to each of several inputs: class (count,), and the probability that it gives to it."""

    label: Tensor
    probability: Tensor


@dataclass(frozen=True)
class Attacked:
    """What became of each input.

    Attributes:
        method: the attack, with its arguments.
        classes: the names of the outputs.
        split: the part of the data, or None of files.
        names: of the inputs.
        raw: the inputs, (count, ...).
        labels: their classes; of files, whose classes nobody told, the network's own answers.
        changed: the attacked inputs, float32.
        answers, answers_after: the network's, before and after.
        answers_of_pixels: the network's after changes are rounded to what an image file holds; None of other inputs.
        noisy: the inputs with random changes as long as the attack's.
        answers_of_noise: the network's to those.
        curve: accuracy at several budgets; None where the attack has none.
        moved: accuracy where pictures move by (dy, dx) pixels, each from -2 to 2; None of files and other inputs.
    """

    method: dict[str, Any]
    classes: list[str]
    split: str | None
    names: list[str]
    raw: Tensor
    labels: Tensor
    changed: Tensor
    answers: Said
    answers_after: Said
    answers_of_pixels: Said | None
    noisy: Tensor
    answers_of_noise: Said
    curve: Robustness | None
    moved: Tensor | None

    @property
    def fooled(self) -> Tensor:
        """Which answers changed, bool (count,)."""
        return self.answers.label != self.answers_after.label

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; lengths of changes are in raw units, over the inputs whose answer changed."""
        r, fooled = (self.changed - self.raw.float()).flatten(1), self.fooled
        lengths = {
            "mean_l2": float(r[fooled].norm(dim=1).mean()) if fooled.any() else None,
            "largest_change": float(r.abs().max()) if r.numel() else None,
        }
        content: dict[str, Any] = {"attack": self.method, "split": self.split, "count": len(self.raw)}
        if self.split is not None:
            content["accuracy"] = _share(self.answers.label == self.labels)
            content["accuracy_attacked"] = _share(self.answers_after.label == self.labels)
            if self.answers_of_pixels is not None:
                content["accuracy_of_whole_pixels"] = _share(self.answers_of_pixels.label == self.labels)
            content["accuracy_of_noise"] = _share(self.answers_of_noise.label == self.labels)
        else:
            content["inputs"] = [self._input(index) for index in range(len(self.names))]
        content |= {"changed_answers": _share(fooled), **lengths}
        if self.curve is not None:
            points = zip(self.curve.strengths.tolist(), self.curve.accuracy.tolist())
            content["curve"] = [{"epsilon": epsilon, "accuracy": accuracy} for epsilon, accuracy in points]
        if self.moved is not None:
            content["moved"] = self.moved.tolist()
        return content

    def _input(self, index: int) -> dict[str, Any]:
        said = {"label": self.answers, "attacked": self.answers_after, "noise": self.answers_of_noise}
        row: dict[str, Any] = {"input": self.names[index]}
        for key, (label, probability) in said.items():
            row |= {key: self.classes[int(label[index])], _probability(key): float(probability[index])}
        return row


def attack(
    run: Run,
    files: Sequence[Any] = (),
    method: str = "fgsm",
    epsilon: float | None = None,
    target: str | None = None,
    count: int = 500,
    console: Console | None = None,
) -> Attacked:
    """Attack the network of ``run``, with the preparation of its inputs inside.

    Args:
        run: a run of image classification.
        files: paths, folders, or the bytes of files; none takes the test part of the run's data, else the validation
            part.
        method: name of an attack.
        epsilon: its budget, in grey levels of 255; by default the attack's own.
        target: the class that the network shall answer.
        count: how many inputs of the data at most, spread over them.
        console: shows progress.

    Raises:
        UnknownName: there is no such attack.
        ArgumentError: the attack has no epsilon, or not such a one, or cannot be told a target.
        InputError: the task, the class or the network cannot be attacked.
    """
    if not isinstance(run.task, ImageClassification):
        hint = "runs of image classification can"
        raise InputError(f"networks of the task '{run.task.name}' cannot be attacked yet", hint=hint)
    trained = run.task.trained
    if target is not None and target not in trained.classes:
        raise InputError(f"the network knows no class '{target}'", hint=suggest(target, trained.classes))
    chosen = _chosen(method, epsilon)
    split, names, raw, labels = _inputs(run.task, trained, files, count)
    raw = raw.to(trained.device)
    victim = victim_of(trained, raw)
    answers = _said(victim, raw)
    labels = answers.label.to(trained.device) if labels is None else labels.to(trained.device)
    wanted = None if target is None else trained.classes.index(target)
    console = console or run.session.console
    parts = [raw[:0].float()]
    with console.progress("attack", len(raw), "input") as progress:
        for part, own in zip(raw.split(ROWS), labels.split(ROWS)):
            parts.append(chosen(victim, part, own, wanted))
            progress.advance(len(part))
    changed = torch.cat(parts)
    noisy = noise_as_long(victim, changed, raw, run.session.seed)
    pictures = raw.dtype == torch.uint8 and raw.dim() == 4
    moves = pictures and split is not None and min(raw.shape[2:]) > REACH
    spread = torch.linspace(0, len(raw) - 1, min(MOVED, len(raw))).round().long()
    return Attacked(
        method=chosen.config(),
        classes=trained.classes,
        split=split,
        names=names,
        raw=raw.cpu(),
        labels=labels.cpu(),
        changed=changed.cpu(),
        answers=answers,
        answers_after=_said(victim, changed),
        answers_of_pixels=_said(victim, whole_pixels(changed, raw)) if raw.dtype == torch.uint8 else None,
        noisy=noisy.cpu(),
        answers_of_noise=_said(victim, noisy),
        curve=_curve(victim, raw, labels, chosen) if chosen.bounded and target is None else None,
        moved=translation_robustness(victim, raw[spread], labels[spread], REACH) if moves else None,
    )


def victim_of(trained: TrainedClassifier, raw: Tensor) -> Victim:
    """The classifier as an attacker sees it: pixels lie in [0, 255], other numbers anywhere."""
    bounds = (0.0, 255.0) if raw.dtype == torch.uint8 else (-torch.inf, torch.inf)
    return Victim(trained.model, lambda x: trained.preparation(x, trained.device), trained.objective, bounds)


def _inputs(
    task: ImageClassification, trained: TrainedClassifier, files: Iterable[Any], count: int
) -> tuple[str | None, list[str], Tensor, Tensor | None]:
    """Part of the data or None, names, raw inputs, and labels where they are known."""
    files = list(files)
    if not files:
        split, images = task.part(None)
        if list(task.splits.classes) != trained.classes:
            raise InputError("the data have other classes than the network", hint="give files to attack")
        total = len(images)
        chosen = torch.linspace(0, total - 1, min(count, total)).round().long() if total else torch.arange(0)
        names = [images.source(index) for index in chosen.tolist()]
        return split, names, images.batch(chosen), images.labels[chosen]
    if len(trained.preparation.shape) != 3:
        raise InputError("this network takes plain vectors, not pictures", hint="leave the files out: attack its data")
    channels, height, width = trained.preparation.shape
    names, parts = [], []
    for given in files:
        for picture in [given] if isinstance(given, bytes) else find_images(pathlib.Path(given)):
            names.append("<bytes>" if isinstance(picture, bytes) else str(picture))
            parts.append(decode(picture, channels, (height, width), names[-1]))
    return None, names, torch.stack(parts), None


def _chosen(method: str, epsilon: float | None) -> Attack:
    """The attack ``method`` with the budget ``epsilon``, or its own."""
    attacks = family(Attack)
    if epsilon is None:
        return Spec.from_config(method, (), Attack).build()
    if not attacks.find(method).cls.bounded:
        bounded = ", ".join(cls.name for cls in attacks.classes if cls.bounded)
        message = f"the attack '{method}' looks for the smallest change: it has no epsilon"
        raise ArgumentError(message, hint=f"leave epsilon out, or choose of: {bounded}", path=("epsilon",))
    if not 0 <= epsilon < math.inf:
        message = f"epsilon is {epsilon:g}"
        raise ArgumentError(message, hint="give a number of grey levels from 0, such as 8", path=("epsilon",))
    return Spec.from_config({"name": method, "epsilon": epsilon}, (), Attack).build()


def _curve(victim: Victim, raw: Tensor, labels: Tensor, chosen: Attack) -> Robustness:
    epsilon = float(chosen.arguments["epsilon"]) or 8.0
    return robustness_curve(victim, raw, labels, chosen, [0, epsilon / 4, epsilon / 2, epsilon, 2 * epsilon])


def _said(victim: Victim, raw: Tensor) -> Said:
    parts = [victim.probabilities(part.float()).max(-1) for part in raw.split(ROWS)]
    return Said(torch.cat([part.indices for part in parts]).cpu(), torch.cat([part.values for part in parts]).cpu())


def _probability(key: str) -> str:
    return "probability" if key == "label" else f"{key}_probability"


def _share(which: Tensor) -> float:
    return float(which.double().mean()) if len(which) else float("nan")
