"""Which path runs a cell on given arguments: decided once for calls of one kind, and remembered with the cell.

Programs are shared by cells built alike (copies, levels of a stack, a model loaded again) and by batches of any size.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.native_library import Engine, demanded_engine
from . import native
from .cell import Cell, State
from .decompositions import DECOMPOSITIONS
from .kinds import kind_of_call, kind_of_step, settings_of
from .native_program import NativeProgram
from .torch_program import TorchProgram
from .trace import Decompositions, NotTraceable, StepOf, Wanted, trace
from .verify import verify


class FastPath(NamedTuple):
    """Which path runs a cell: native code, a program of torch operations, or the plain loop; and why."""

    path: Engine
    reason: str


class Plan(NamedTuple):
    """What is decided once for calls of one kind."""

    path: FastPath
    program: Any
    step: StepOf | None = None
    names: tuple[str, ...] = ()


KINDS = 32
"""Plans that are kept for a cell: those of the latest kinds of calls."""

PROGRAMS = 64
"""Programs that are kept for cells and batches to come: the latest."""

_programs: dict[Any, Any] = {}
_plans: weakref.WeakKeyDictionary[Cell, dict[Any, Plan]] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


def plan_for(cell: Cell, x: Tensor, state: State, tensors: list[Tensor]) -> Plan:
    """The plan for a call, made at the first call of its kind; ``tensors`` are those of `tensors_of`.

    Raises:
        InputError: GATEFIELD_ENGINE demands a path that these arguments do not have.
    """
    forced = demanded_engine()
    if forced == "reference":
        return Plan(FastPath("reference", "GATEFIELD_ENGINE=reference"), None)
    obstacle = _obstacle(x, state, tensors)
    if obstacle:
        plan = Plan(FastPath("reference", obstacle), None)
    else:
        key = kind_of_call(cell, x, state, tensors, forced)
        kinds = _plans.get(cell)
        plan = None if kinds is None else kinds.get(key)
        if plan is None:
            # inference mode shows a trace whole operations, as linear, where it is to see their parts
            grad = torch.is_grad_enabled()
            with _lock, torch.inference_mode(False), torch.set_grad_enabled(grad):
                plan = _build(cell, x, state, tensors, forced)
                kinds = _plans.setdefault(cell, {})
                kinds[key] = plan
                if len(kinds) > KINDS:
                    del kinds[next(iter(kinds))]
    if forced and plan.path.path != forced and x.shape[0] and x.shape[1]:
        message = f"GATEFIELD_ENGINE={forced}, but {type(cell).__name__} can only take the {plan.path.path} path"
        raise InputError(message, hint=f"{plan.path.reason}; unset GATEFIELD_ENGINE to let the library choose")
    return plan


def _obstacle(x: Tensor, state: State, tensors: list[Tensor]) -> str:
    """Why these arguments keep any cell off the fast path, if they do."""
    if x.shape[0] == 0 or x.shape[1] == 0:
        return "there is nothing to run: no steps or no rows"
    if not x.is_floating_point():
        return f"x is {x.dtype}, not floating point"
    dtype, device = x.dtype, x.device
    for values in state:
        if values.dtype != dtype or values.device != device:
            return "x and state differ in dtype or device"
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[reportPrivateImportUsage]
        return "the model is being compiled or exported"
    if torch.is_autocast_enabled(device.type):
        return "autocast is on"
    try:
        for tensor in (x, *state, *tensors):
            tensor.data_ptr()
    except RuntimeError:  # a stand-in without memory of its own
        return "torch.func transforms the call"
    return ""


def _build(cell: Cell, x: Tensor, state: State, tensors: list[Tensor], forced: Engine | None) -> Plan:
    """Trace the cell, make the best program of it, and see that it computes what the cell does."""
    grad = torch.is_grad_enabled()
    step = StepOf(cell)
    names = (*(name for name, _ in step.named_parameters()), *(name for name, _ in step.named_buffers()))
    wanted = Wanted(
        tuple(grad and t.requires_grad for t in tensors),
        grad and x.requires_grad,
        tuple(grad and s.requires_grad for s in state),
    )

    def on(parameters: Sequence[Tensor], x: Tensor, state: State) -> State:
        return torch.func.functional_call(step, dict(zip(names, parameters)), (x, state))

    kind = kind_of_step(cell, x[0], state, tensors, names)
    settings = settings_of(cell)
    reason = "GATEFIELD_ENGINE=torch" if forced == "torch" else _no_native(tensors, x)
    makers: list[tuple[Engine, Any, Decompositions]] = [("torch", TorchProgram, {})]
    if not reason:
        makers.insert(0, ("native", NativeProgram, DECOMPOSITIONS))
    check = functools.partial(verify, cell, wanted=wanted, parameters=tensors, batch=x.shape[1])
    last: NotTraceable | None = None
    for path, make, decompositions in makers:
        program: Any = None
        finding: NotTraceable | None = None
        key = (path, native.library(), kind)
        try:
            program = _shared(key, check)
            if program is None:
                program = make(trace(on, tensors, x[0], state, wanted, decompositions))
                check(program)
                _share(key, program)
        except NotTraceable as found:  # and nothing else: what goes wrong in the engine itself shall show
            finding = found
        if settings_of(cell) != settings:
            return Plan(FastPath("reference", "the step changes attributes of the cell"), None)
        if finding is None:
            return Plan(FastPath(path, reason or "the step runs as native code"), program, step, names)
        reason, last = reason or f"the step {finding}", finding
    return Plan(FastPath("reference", f"the step {last}"), None)


def _shared(key: Any, check: Callable[[Any], None]) -> Any:
    """The program of this kind that another cell or another batch runs, if there is one and it is right here too."""
    program = _programs.get(key)
    if program is not None:
        try:
            check(program)
        except NotTraceable:
            return None
        _share(key, program)
    return program


def _share(key: Any, program: Any) -> None:
    """Keep a program for others, as the last to be forgotten."""
    _programs.pop(key, None)
    _programs[key] = program
    if len(_programs) > PROGRAMS:
        del _programs[next(iter(_programs))]


def _no_native(tensors: Sequence[Tensor], x: Tensor) -> str:
    """Why native code is out of the question, if it is."""
    if x.device.type != "cpu":
        return f"the native kernel runs on processors, x is on {x.device}"
    if x.dtype not in (torch.float32, torch.float64):
        return f"the native kernel computes in float32 and float64, x is {x.dtype}"
    if any(t.is_floating_point() and t.dtype != x.dtype for t in tensors):
        return "x and the parameters differ in dtype"
    return "" if native.library() else native.MISSING
