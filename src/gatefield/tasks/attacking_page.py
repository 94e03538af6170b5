"""What an attack did, for people: in a few lines, and on a page with the curve over its budget and inputs."""

from __future__ import annotations

from ..render.page import Page
from .attackable import Attacked
from .run import Run


def describe(attacked: Attacked) -> str:
    """The result as a person reads it."""
    content, inputs = attacked.to_dict(), attacked.inputs
    lines = []
    if inputs.split is not None:
        before, after = content["accuracy"], content["accuracy_attacked"]
        what = f"{attacked.title()} on {content['count']} {inputs.split} {inputs.noun}"
        lines.append(f"{what}: accuracy {before:.2%} -> {after:.2%}")
        lines.append(f"with {attacked.noise} instead: {content['accuracy_of_noise']:.2%}")
    else:
        lines += [
            f"{row['input']}: {row['label']} ({row['probability']:.1%}) -> "
            f"{row['attacked']} ({row['attacked_probability']:.1%})"
            for row in content["inputs"]
        ]
    lines += [f"{name}: {value}" for name, value in attacked.facts().items()]
    return "\n".join(lines)


def page(run: Run, attacked: Attacked) -> Page:
    """The result on a page: figures, the curve over the budget, and inputs before and after."""
    content, inputs = attacked.to_dict(), attacked.inputs
    made = Page(f"{attacked.title()} against {run.folder.path.name}", inputs.note)
    facts: dict[str, object] = {inputs.noun: content["count"]}
    if inputs.split is None:
        facts["answers changed"] = f"{content['changed_answers']:.1%}"
    else:
        facts |= {"accuracy": f"{content['accuracy']:.2%}", "attacked": f"{content['accuracy_attacked']:.2%}"}
        facts[attacked.noise] = f"{content['accuracy_of_noise']:.2%}"
    made.facts(facts | attacked.facts())
    if attacked.curve is not None and inputs.split is not None:
        made.heading("Accuracy by budget")
        made.figure(*attacked.robustness(), "accuracy falls as the budget grows")
    attacked.illustrate(made)
    return made
