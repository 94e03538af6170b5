"""Attack a trained run's network with its own data or with files, in pixel space."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.configurable import Spec
from ..core.console import Console
from ..core.errors import InputError, suggest
from ..data.decode import decode
from ..data.image_files import find_images
from ..explain.attacks.attack import Attack, whole_pixels
from ..explain.attacks.robustness import Robustness, robustness_curve
from ..explain.attacks.victim import Victim
from ..render.page import Page
from ..render.pictures import picture_grid
from ..render.robustness import robustness_figure
from .classifier import TrainedClassifier
from .image_classification import ImageClassification
from .run import Run

ROWS = 64  # attacked at once
SHOWN = 12  # on a page


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
        curve: accuracy at several budgets; None where the attack has none.
    """

    method: dict[str, Any]
    classes: list[str]
    split: str | None
    names: list[str]
    raw: Tensor
    labels: Tensor
    changed: Tensor
    answers: Tensor
    answers_after: Tensor
    answers_of_pixels: Tensor | None
    curve: Robustness | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; lengths of changes are in raw units, over the inputs whose answer changed."""
        r = (self.changed - self.raw.float()).flatten(1)
        fooled = self.answers != self.answers_after
        lengths = {
            "mean_l2": float(r[fooled].norm(dim=1).mean()) if fooled.any() else None,
            "largest_change": float(r.abs().max()) if r.numel() else None,
        }
        content: dict[str, Any] = {"attack": self.method, "split": self.split, "count": len(self.raw)}
        if self.split is not None:
            content["accuracy"] = _share(self.answers == self.labels)
            content["accuracy_attacked"] = _share(self.answers_after == self.labels)
            if self.answers_of_pixels is not None:
                content["accuracy_of_whole_pixels"] = _share(self.answers_of_pixels == self.labels)
        else:
            content["inputs"] = [
                {"input": name, "label": self.classes[int(before)], "attacked": self.classes[int(after)]}
                for name, before, after in zip(self.names, self.answers, self.answers_after)
            ]
        content |= {"changed_answers": _share(fooled), **lengths}
        if self.curve is not None:
            points = zip(self.curve.strengths.tolist(), self.curve.accuracy.tolist())
            content["curve"] = [{"epsilon": epsilon, "accuracy": accuracy} for epsilon, accuracy in points]
        return content


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
        ArgumentError: the attack has no epsilon, or cannot be told a target.
        InputError: the task, the class or the network cannot be attacked.
    """
    if not isinstance(run.task, ImageClassification):
        hint = "runs of image classification can"
        raise InputError(f"networks of the task '{run.task.name}' cannot be attacked yet", hint=hint)
    trained = run.task.trained
    if target is not None and target not in trained.classes:
        raise InputError(f"the network knows no class '{target}'", hint=suggest(target, trained.classes))
    chosen = Spec.from_config({"name": method} | ({} if epsilon is None else {"epsilon": epsilon}), (), Attack).build()
    split, names, raw, labels = _inputs(run.task, trained, files, count)
    raw = raw.to(trained.device)
    victim = victim_of(trained, raw)
    answers = victim.predictions(raw.float()) if len(raw) else torch.empty(0, dtype=torch.int64)
    labels = answers if labels is None else labels.to(trained.device)
    wanted = None if target is None else trained.classes.index(target)
    console = console or run.session.console
    parts = [raw[:0].float()]
    with console.progress("attack", len(raw), "input") as progress:
        for part, own in zip(raw.split(ROWS), labels.split(ROWS)):
            parts.append(chosen(victim, part, own, wanted))
            progress.advance(len(part))
    changed = torch.cat(parts)
    after = victim.predictions(changed)
    pixels = victim.predictions(whole_pixels(changed, raw).float()) if raw.dtype == torch.uint8 else None
    curve = _curve(victim, raw, labels, chosen) if chosen.bounded and target is None else None
    return Attacked(
        method=chosen.config(),
        classes=trained.classes,
        split=split,
        names=names,
        raw=raw.cpu(),
        labels=labels.cpu(),
        changed=changed.cpu(),
        answers=answers.cpu(),
        answers_after=after.cpu(),
        answers_of_pixels=None if pixels is None else pixels.cpu(),
        curve=curve,
    )


def victim_of(trained: TrainedClassifier, raw: Tensor) -> Victim:
    """The classifier as an attacker sees it: pixels lie in [0, 255], other numbers anywhere."""
    bounds = (0.0, 255.0) if raw.dtype == torch.uint8 else (-torch.inf, torch.inf)
    return Victim(trained.model, lambda x: trained.preparation(x, trained.device), trained.objective, bounds)


def describe(attacked: Attacked) -> str:
    """The result as a person reads it."""
    content = attacked.to_dict()
    name = _title(attacked)
    lines = []
    if attacked.split is not None:
        before, after = content["accuracy"], content["accuracy_attacked"]
        lines.append(f"{name} on {len(attacked.raw)} {attacked.split} images: accuracy {before:.2%} -> {after:.2%}")
        if attacked.answers_of_pixels is not None:
            rounded = content["accuracy_of_whole_pixels"]
            lines.append(f"with changes rounded to whole grey levels: {rounded:.2%}")
    else:
        lines += [f"{row['input']}: {row['label']} -> {row['attacked']}" for row in content["inputs"]]
    if content["mean_l2"] is not None:
        lines.append(f"mean l2 length of what changed an answer: {content['mean_l2']:.1f} grey levels")
    return "\n".join(lines)


def page(run: Run, attacked: Attacked) -> Page:
    """The result on a page: figures, the curve over epsilon, and pictures before, after, and what was added."""
    content = attacked.to_dict()
    made = Page(f"{_title(attacked)} against {run.folder.path.name}", "budgets and lengths are in grey levels of 255")
    facts: dict[str, object] = {"inputs": len(attacked.raw), "answers changed": f"{content['changed_answers']:.1%}"}
    if attacked.split is not None:
        facts |= {"accuracy": f"{content['accuracy']:.2%}", "attacked": f"{content['accuracy_attacked']:.2%}"}
        if attacked.answers_of_pixels is not None:
            facts["in whole grey levels"] = f"{content['accuracy_of_whole_pixels']:.2%}"
    made.facts(facts)
    if attacked.curve is not None and attacked.split is not None:
        made.heading("Accuracy over epsilon")
        alt = "accuracy falls as epsilon grows"
        made.figure(robustness_figure(*attacked.curve), "The same attack at other budgets.", alt)
    if attacked.raw.dtype == torch.uint8 and attacked.raw.dim() == 4:
        _pictures(made, attacked)
    return made


def _pictures(made: Page, attacked: Attacked) -> None:
    """The first inputs whose answer changed, else the first of all: before, what was added, after."""
    made.heading("Before, what was added, and after")
    fooled = (attacked.answers != attacked.answers_after).nonzero().flatten()
    shown = (fooled if len(fooled) else torch.arange(len(attacked.raw)))[:SHOWN]
    images, captions = [], []
    for index in shown.tolist():
        raw, changed = attacked.raw[index], whole_pixels(attacked.changed[index], attacked.raw[index])
        r = changed.float() - raw.float()
        scale = 127 / max(float(r.abs().max()), 1.0)
        before, after = (attacked.classes[int(part[index])] for part in (attacked.answers, attacked.answers_after))
        images += [raw, (128 + scale * r).clamp(0, 255).to(torch.uint8), changed]
        captions += [f"{before}\n{attacked.names[index]}", f"added\n{scale:.3g} times", f"{after}\nafter the attack"]
    if images:
        made.figure(picture_grid(images, captions, columns=6), "", "pictures before, what was added, and after")


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


def _curve(victim: Victim, raw: Tensor, labels: Tensor, chosen: Attack) -> Robustness:
    epsilon = float(chosen.arguments["epsilon"]) or 8.0
    return robustness_curve(victim, raw, labels, chosen, [0, epsilon / 4, epsilon / 2, epsilon, 2 * epsilon])


def _title(attacked: Attacked) -> str:
    epsilon = attacked.method.get("epsilon")
    return attacked.method["name"] if epsilon is None else f"{attacked.method['name']}, epsilon {epsilon:g},"


def _share(which: Tensor) -> float:
    return float(which.double().mean()) if len(which) else float("nan")
