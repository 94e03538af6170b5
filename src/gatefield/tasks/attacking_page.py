"""What an attack did, for people: in a few lines, and on a page with the curve over its budget and inputs."""

from __future__ import annotations

from ..render.page import Page
from .attackable import Attacked
from .run import Run


def describe(attacked: Attacked) -> str:
    """The result as a person reads it."""
    return "\n".join([*attacked.sentences(), *(f"{name}: {value}" for name, value in attacked.facts().items())])


def page(run: Run, attacked: Attacked) -> Page:
    """The result on a page: figures, the curve over the budget, and inputs before and after."""
    inputs = attacked.inputs
    made = Page(f"{attacked.title()} against {run.folder.path.name}", inputs.note)
    made.facts({inputs.noun: len(inputs.names), **attacked.headline(), **attacked.facts()})
    if (robustness := attacked.robustness()) is not None and inputs.split is not None:
        made.heading(f"{attacked.measure.capitalize()} by budget")
        made.figure(*robustness, f"{attacked.measure} as the budget grows")
    attacked.illustrate(made)
    return made
