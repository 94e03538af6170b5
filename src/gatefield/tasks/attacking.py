"""Attack a trained run's network with its own data or with files: where attacks and what tasks offer them meet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.configurable import Configurable, Spec
from ..core.console import Console
from ..core.discovery import family
from ..core.errors import ArgumentError, InputError
from ..explain.attacks.attack import Attack
from ..explain.attacks.symbol_attack import SymbolAttack
from .attackable import Attackable, Attacked
from .run import Run
from .task import Task


def attack(
    run: Run,
    files: Sequence[Any] = (),
    method: str | Mapping[str, Any] | None = None,
    epsilon: float | None = None,
    target: str | None = None,
    count: int = 500,
    console: Console | None = None,
) -> Attacked:
    """Attack the network of ``run``, with the preparation of its inputs inside.

    Args:
        run: a trained run; every task of this library can be attacked.
        files: as `predict` takes them: paths, folders, texts, or the bytes of files; none takes the test part of the
            run's data, else the validation part.
        method: an attack, by name or as recipes write it; by default the one that suits the task.
        epsilon: its budget, in the unit of the inputs: grey levels of 255, an amplitude, standard deviations; by
            default what suits the task.
        target: what the network shall answer: a class, or a sentence that it shall hear, say or translate.
        count: how many inputs of the data at most, spread over them.
        console: shows progress.

    Raises:
        UnknownName: there is no such attack.
        ArgumentError: the attack has no epsilon, or not such a one, or cannot be told a target.
        InputError: the task, the class or the network cannot be attacked.
    """
    asked = _asked(method)
    offered = attackable(run.task, files, count)
    wanted = None if target is None else offered.wanted(target)
    chosen = _chosen(offered, asked, epsilon)
    return offered.attacked(chosen, wanted, run.session.seed, console or run.session.console)


def attackable(task: Task, files: Sequence[Any], count: int) -> Attackable:
    """What ``task`` offers to attacks for ``files``, or of its own data.

    Raises:
        InputError: its network cannot be attacked, or there is nothing to attack it with.
    """
    offers = getattr(task, "attackable", None)
    if offers is None:
        able = [each.name for each in family(Task).classes if hasattr(each, "attackable")]
        message = f"networks of the task '{task.name}' cannot be attacked"
        raise InputError(message, hint=f"runs of these can: {', '.join(able)}")
    offered = offers(files, count)
    if not offered.names:
        raise InputError("there is nothing to attack", hint="give a file, a folder or a text behind the run")
    return offered


def _asked(method: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """``method`` as recipes write it; what can be refused before any data are read is refused here."""
    asked = {"name": method} if isinstance(method, str) else dict(method or {})
    if "name" in asked:
        base = SymbolAttack if asked["name"] in family(SymbolAttack).names else Attack
        Spec.from_config(asked, (), base)
    return asked


def _chosen(offered: Attackable, asked: dict[str, Any], epsilon: float | None) -> Configurable:
    """The attack that is ``asked`` for, with the budget ``epsilon``; what neither says is as it suits the inputs."""
    name, able = asked.setdefault("name", offered.method), {each.name: each for each in offered.able()}
    if name not in able:
        message = f"the attack '{name}' cannot change {offered.noun}"
        raise InputError(message, hint=f"choose one of: {', '.join(able)}")
    known = able[name].signature()
    if epsilon is not None:
        if "epsilon" in asked:
            raise ArgumentError("epsilon is given twice", hint="keep one of the two", path=("epsilon",))
        if "epsilon" not in known:
            raise _without_epsilon(offered, able[name])
        if not 0 <= epsilon < math.inf:
            message, example = f"epsilon is {epsilon:g}", offered.options.get("epsilon", 8)
            hint = f"give a number from 0, such as {example:g} {offered.unit}"
            raise ArgumentError(message, hint=hint, path=("epsilon",))
        asked["epsilon"] = epsilon
    suited = {key: value for key, value in offered.options.items() if key in known}
    return Spec.from_config({**suited, **asked}, (), offered.attacks).build()


def _without_epsilon(offered: Attackable, attack: Any) -> ArgumentError:
    if attack.budget:
        message = f"the budget of the attack '{attack.name}' is a number of {attack.budget}: it has no epsilon"
        return ArgumentError(message, hint=f"leave epsilon out, and set {attack.budget}", path=("epsilon",))
    bounded = [each.name for each in offered.able() if "epsilon" in each.signature()]
    message = f"the attack '{attack.name}' looks for the smallest change: it has no epsilon"
    return ArgumentError(message, hint=f"leave epsilon out, or choose of: {', '.join(bounded)}", path=("epsilon",))
