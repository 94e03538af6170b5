"""The sections that every report has: how the network learned, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ..core.run_folder import RunFolder
from ..render.curves import training_curves
from ..render.page import Page
from ..training.history import History


def facts_of_training(folder: RunFolder) -> dict[str, Any]:
    """Figures for the head of the page."""
    records = folder.read_metrics()
    return {"epochs": len(records), "training seconds": f"{sum(record['seconds'] for record in records):.1f}"}


def learning(page: Page, folder: RunFolder, monitor: Literal["loss", "accuracy"]) -> None:
    """The curves; ``monitor`` is the validation result that chose the best epoch."""
    records = folder.read_metrics()
    page.heading("Learning")
    accuracy = any("validation_accuracy" in record for record in records)
    page.figure(
        training_curves(records, History(monitor, records).best_epoch),
        f"Loss{' and accuracy' if accuracy else ''} after each epoch; the ring is the epoch whose weights were kept.",
        f"curves of loss, {'accuracy ' if accuracy else ''}and learning rate over {len(records)} epochs",
    )


def circumstances(page: Page, folder: RunFolder) -> None:
    """The recipe and the environment."""
    page.heading("Recipe and environment")
    page.code(folder.recipe.read_text(encoding="utf-8"))
    page.table(("what", "value"), [(key, str(value)) for key, value in folder.read_json(folder.environment).items()])


def beside_table(page: Page, metrics: Mapping[str, Mapping[str, float]]) -> None:
    """The figures of the network and of simple methods beside it; nothing where there are none."""
    if len(metrics) < 2:
        return
    keys = list(dict.fromkeys(key for found in metrics.values() for key in found))
    page.heading("Beside simpler methods")
    rows = [(name, *(f"{found[key]:.4g}" if key in found else "" for key in keys)) for name, found in metrics.items()]
    page.table(("method", *keys), rows)
