"""Gatefield trains, decodes, explains and ships convolutional and recurrent networks.

from gatefield import train, load
run = train("digits")
run.evaluate()["accuracy"]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .core.processor import avoid_undescribed_tiles

if TYPE_CHECKING:
    from .estimator import Classifier
    from .reservoirs import (
        EchoStateClassifier,
        EchoStateRegressor,
        ExtremeLearningClassifier,
        ExtremeLearningRegressor,
    )
    from .tasks.run import Run, load
    from .tasks.train import train

__version__ = "0.1.0"
__all__ = [
    "Classifier",
    "EchoStateClassifier",
    "EchoStateRegressor",
    "ExtremeLearningClassifier",
    "ExtremeLearningRegressor",
    "Run",
    "__version__",
    "load",
    "train",
]

avoid_undescribed_tiles()

_HOMES = {
    "train": ".tasks.train",
    "load": ".tasks.run",
    "Run": ".tasks.run",
    "Classifier": ".estimator",
    "EchoStateClassifier": ".reservoirs",
    "EchoStateRegressor": ".reservoirs",
    "ExtremeLearningClassifier": ".reservoirs",
    "ExtremeLearningRegressor": ".reservoirs",
}


def __getattr__(name: str) -> Any:
    """Import torch and the rest only when they are used: ``gatefield --help`` must be instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gatefield' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)
