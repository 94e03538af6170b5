"""Which path runs a cell on given arguments: decided once for calls of one kind, and remembered with the cell."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.native_library import Engine, demanded_engine
from . import native
from .cell import Cell, State
from .decompositions import DECOMPOSITIONS
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
        key = _key(cell, x, state, tensors, forced)
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


def _key(cell: Cell, x: Tensor, state: State, tensors: list[Tensor], forced: Engine | None) -> Any:
    """Everything that a program depends on, so that a change of it makes another program."""
    grad = torch.is_grad_enabled()
    return (
        forced,
        grad,
        x.shape[1:],
        x.dtype,
        x.device,
        tuple([(t.shape, t.dtype, t.requires_grad) for t in (x, *tensors, *state)])
        if grad
        else tuple([(t.shape, t.dtype) for t in (*tensors, *state)]),
        _settings(cell),
    )


def _settings(cell: Cell) -> tuple[Any, ...]:
    """The plain attributes of a cell and of the modules in it; tensors and modules are elsewhere."""
    return tuple(
        [
            (name, value if type(value) in _SIMPLE else _plain(value))
            for module in _modules(cell)
            for name, value in vars(module).items()
            if name not in _OTHER_ATTRIBUTES
        ]
    )


_SIMPLE = frozenset((bool, int, float, str, type(None)))
_OTHER_ATTRIBUTES = frozenset(vars(torch.nn.Module())) - {"training"} | {"arguments"}
"""What torch keeps in a module, and what its constructor was given."""


def _modules(cell: Cell) -> Sequence[torch.nn.Module]:
    return list(cell.modules()) if cell._modules else (cell,)


def _plain(value: Any) -> Any:
    """``value`` or, where it cannot be a key, what identifies it."""
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    if isinstance(value, dict):
        return tuple((key, _plain(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


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

    settings = _settings(cell)
    reason = "GATEFIELD_ENGINE=torch" if forced == "torch" else _no_native(tensors, x)
    makers: list[tuple[Engine, Any, Decompositions]] = [("torch", TorchProgram, {})]
    if not reason:
        makers.insert(0, ("native", NativeProgram, DECOMPOSITIONS))
    finding: NotTraceable | None = None
    last: NotTraceable | None = None
    for path, make, decompositions in makers:
        program: Any = None
        try:
            program = make(trace(on, tensors, x[0], state, wanted, decompositions))
            verify(cell, program, wanted, tensors, x.shape[1])
        except NotTraceable as found:  # and nothing else: what goes wrong in the engine itself shall show
            finding = found
        if _settings(cell) != settings:
            return Plan(FastPath("reference", "the step changes attributes of the cell"), None)
        if finding is None:
            return Plan(FastPath(path, reason or "the step runs as native code"), program, step, names)
        reason, last = reason or f"the step {finding}", finding
        finding = None
    return Plan(FastPath("reference", f"the step {last}"), None)


def _no_native(tensors: Sequence[Tensor], x: Tensor) -> str:
    """Why native code is out of the question, if it is."""
    if x.device.type != "cpu":
        return f"the native kernel runs on processors, x is on {x.device}"
    if x.dtype not in (torch.float32, torch.float64):
        return f"the native kernel computes in float32 and float64, x is {x.dtype}"
    if any(t.is_floating_point() and t.dtype != x.dtype for t in tensors):
        return "x and the parameters differ in dtype"
    return "" if native.library() else native.MISSING


def tensors_of(cell: Cell) -> list[Tensor]:
    """Parameters, then buffers, each once; in the order of ``named_parameters`` and ``named_buffers``, but faster."""
    modules = _modules(cell)
    found = {id(t): t for m in modules for t in m._parameters.values() if t is not None}
    found |= {id(t): t for m in modules for t in m._buffers.values() if t is not None}
    return list(found.values())
