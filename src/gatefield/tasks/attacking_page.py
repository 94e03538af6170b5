"""What an attack did, for people: in a few lines, and on a page with the curve over epsilon and pictures."""

from __future__ import annotations

import torch

from ..explain.attacks.attack import whole_pixels
from ..render.page import Page
from ..render.pictures import picture_grid
from ..render.robustness import robustness_figure
from .attacking import MOVED, REACH, Attacked
from .run import Run

SHOWN = 8  # inputs with pictures


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
        lines.append(f"with random noise as long instead: {content['accuracy_of_noise']:.2%}")
    else:
        lines += [
            f"{row['input']}: {row['label']} ({row['probability']:.1%}) -> "
            f"{row['attacked']} ({row['attacked_probability']:.1%})"
            for row in content["inputs"]
        ]
    if content["mean_l2"] is not None:
        lines.append(f"mean l2 length of what changed an answer: {content['mean_l2']:.1f} grey levels")
    return "\n".join(lines)


def page(run: Run, attacked: Attacked) -> Page:
    """The result on a page: figures, the curve over epsilon, and pictures before, after, and what was added."""
    content = attacked.to_dict()
    made = Page(f"{_title(attacked)} against {run.folder.path.name}", "budgets and lengths are in grey levels of 255")
    facts: dict[str, object] = {"inputs": len(attacked.raw)}
    if attacked.split is None:
        facts["answers changed"] = f"{content['changed_answers']:.1%}"
    else:
        facts |= {"accuracy": f"{content['accuracy']:.2%}", "attacked": f"{content['accuracy_attacked']:.2%}"}
        if attacked.answers_of_pixels is not None:
            facts["in whole grey levels"] = f"{content['accuracy_of_whole_pixels']:.2%}"
        facts["random noise as long"] = f"{content['accuracy_of_noise']:.2%}"
    made.facts(facts)
    if attacked.curve is not None and attacked.split is not None:
        made.heading("Accuracy over epsilon")
        alt = "accuracy falls as epsilon grows"
        made.figure(robustness_figure(*attacked.curve), "The same attack at other budgets.", alt)
    if attacked.moved is not None:
        made.heading("Accuracy where pictures move")
        names = [f"{step:+d}" if step else "0" for step in range(-REACH, REACH + 1)]
        columns = ["down \\ right", *names]
        rows = [[name, *(f"{share:.1%}" for share in row)] for name, row in zip(names, attacked.moved.tolist())]
        made.table(columns, rows, f"By so many pixels, of {min(MOVED, len(attacked.raw))} pictures; borders repeat.")
    if attacked.raw.dtype == torch.uint8 and attacked.raw.dim() == 4:
        _pictures(made, attacked)
    return made


def _pictures(made: Page, attacked: Attacked) -> None:
    """The first inputs whose answer changed, else the first of all: before, what was added, after, and mere noise."""
    fooled = attacked.fooled.nonzero().flatten()
    shown = (fooled if len(fooled) else torch.arange(len(attacked.raw)))[:SHOWN].tolist()
    images, captions = [], []
    for index in shown:
        raw = attacked.raw[index]
        changed, noisy = whole_pixels(attacked.changed[index], raw), whole_pixels(attacked.noisy[index], raw)
        r = changed.float() - raw.float()
        scale = 127 / max(float(r.abs().max()), 1.0)
        before, after, noise = (
            f"{attacked.classes[int(label[index])]}, {float(probability[index]):.0%}"
            for label, probability in (attacked.answers, attacked.answers_after, attacked.answers_of_noise)
        )
        images += [raw, (128 + scale * r).clamp(0, 255).to(torch.uint8), changed, noisy]
        captions += [f"{before}\n{attacked.names[index]}", f"added\n{scale:.3g} times", f"{after}\nattacked"]
        captions.append(f"{noise}\nwith noise as long")
    if images:
        made.heading("Before, what was added, after, and mere noise")
        caption = (
            "Below each what the network answers, and the probability that it gives to it; pictures show changes "
            "rounded to whole grey levels, answers are to those that are not."
        )
        made.figure(picture_grid(images, captions, columns=4), caption, "pictures before and after the attack")


def _title(attacked: Attacked) -> str:
    epsilon = attacked.method.get("epsilon")
    return attacked.method["name"] if epsilon is None else f"{attacked.method['name']}, epsilon {epsilon:g},"
