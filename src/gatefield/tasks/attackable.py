"""What a task offers to attacks, and what becomes of it.

A task takes part by one method, ``attackable(files, count)``, that returns an `Attackable`; `attacking` knows no task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.configurable import Configurable
from ..core.console import Console
from ..core.discovery import family
from ..core.errors import InputError
from ..render.page import Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Attackable:
    """Inputs of a trained network that can be attacked; those of each kind say how.

    Attributes:
        split: the part of the data, or None of files.
        names: of the inputs.
        options: arguments that suit these inputs better than an attack's own, where it has them.

    Class attributes:
        attacks: the base class of the attacks on inputs of this kind.
        method: the attack where nobody names one.
        noun: what the inputs are called.
        unit: what an epsilon is counted in, or places that are changed.
        note: what a reader should know of the unit.
    """

    split: str | None
    names: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    attacks: ClassVar[type[Configurable]]
    method: ClassVar[str]
    noun: ClassVar[str]
    unit: ClassVar[str]
    note: ClassVar[str]

    def able(self) -> list[type[Configurable]]:
        """The attacks that can change these inputs."""
        return list(family(self.attacks).classes)

    def wanted(self, target: str) -> Any:
        """What ``target`` is to an attack that shall bring the network to answer it.

        Raises:
            InputError: the network cannot be brought to answer it.
        """
        hint = f"leave the target out: what it tells of {self.noun} is made worse"
        raise InputError(f"the network cannot be told to answer '{target}'", hint=hint)

    def attacked(self, attack: Any, target: Any, seed: int, console: Console) -> Attacked:
        """What ``attack`` does to all of them.

        Args:
            attack: one of `attacks`.
            target: what the network shall answer, as `wanted` tells it; None: anything wrong.
            seed: of mere chance, which is done to them as well.
            console: shows progress.

        Raises:
            ArgumentError: the attack cannot be told a target.
            InputError: the network cannot be attacked.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Attacked:
    """What became of each input; for each kind of inputs there is more to tell and to show.

    Attributes:
        inputs: what was attacked.
        method: the attack, with its arguments.

    Class attributes:
        measure: what the attack makes worse.
    """

    inputs: Attackable
    method: dict[str, Any]

    measure: ClassVar[str] = "accuracy"

    @property
    def attack(self) -> Any:
        """The class of the attack."""
        return family(self.inputs.attacks).find(self.method["name"]).cls

    @property
    def budget(self) -> str:
        """What the budget of the attack is called; empty where it has none."""
        return self.attack.budget

    @property
    def noise(self) -> str:
        """What random changes are called, that are done to the inputs as well."""
        return self.attack.random

    @property
    def axis(self) -> str:
        """What the budget is counted in: an epsilon in the unit of the inputs, all others in places."""
        return f"{self.budget}, {self.inputs.unit}" if self.budget == "epsilon" else self.budget

    def title(self) -> str:
        """The attack and its budget."""
        name, budget = self.method["name"], self.budget
        if not budget:
            return name
        most = f"{self.method[budget]:g}"
        return f"{name}, epsilon {most}," if budget == "epsilon" else f"{name}, {most} {budget},"

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"attack": self.method, "split": self.inputs.split, "count": len(self.inputs.names)}

    def sentences(self) -> list[str]:
        """What a person reads first: how right the network is before and after, and under mere chance."""
        raise NotImplementedError

    def headline(self) -> dict[str, str]:
        """The same as figures: what it is -> value."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """Figures on how large the changes are, and what else these inputs tell: what it is -> value."""
        return {}

    def robustness(self) -> tuple[Figure, str] | None:
        """How the network holds out at several budgets, and a caption; None where the attack has none, or a target."""
        return None

    def illustrate(self, page: Page) -> None:
        """Show inputs before and after, and what else there is, on ``page``."""
