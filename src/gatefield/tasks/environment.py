"""What a run depended on besides its recipe: versions, seed, threads, device."""

from __future__ import annotations

import platform
from typing import Any

import numpy
import torch

from .. import __version__
from .task import Session


def record(session: Session, processes: int = 1) -> dict[str, Any]:
    """The content of environment.json. Equal records on equal data give equal bits."""
    return {
        "gatefield": __version__,
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "device": str(session.device),
        "threads": torch.get_num_threads(),
        "processes": processes,
        "seed": session.seed,
    }


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What changed between two records that may change the last bits of a result, in words."""
    watched = ("torch", "device", "threads", "processes", "processor")
    return [f"{key} was {then.get(key)}, is {now[key]}" for key in watched if then.get(key) != now[key]]


def _processor() -> str:
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
