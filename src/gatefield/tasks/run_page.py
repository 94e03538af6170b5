"""The sections that every report has: how the network learned, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..core.run_folder import RunFolder
from ..functional.spread import spread_over
from ..render.curves import training_curves
from ..render.flow import gradient_by_epoch_figure, gradient_by_lag_figure
from ..render.page import Page
from ..training.history import History
from .recording import BY_LAG, BY_LAYER


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
    _gradients(page, records)


def _gradients(page: Page, records: Sequence[Mapping[str, Any]]) -> None:
    """Gradients over training, by layer and by time lag, where the recipe had them recorded."""
    by_layer = [{"epoch": each["epoch"], **each[BY_LAYER]} for each in records if each.get(BY_LAYER)]
    if by_layer:
        caption = "The norm of the gradient of each layer's parameters on the same mini-batch after each epoch."
        page.figure(gradient_by_epoch_figure(by_layer), caption, "norm of the gradient by layer over the epochs")
    by_lag = [each for each in records if each.get(BY_LAG)]
    shown = [by_lag[index] for index in spread_over(len(by_lag), 4).tolist()]
    for layer in shown[0][BY_LAG] if shown else ():
        curves = {f"epoch {each['epoch']}": (range(len(each[BY_LAG][layer])), each[BY_LAG][layer]) for each in shown}
        caption = f"How much of the past layer {layer} still feels: the gradient of its last output by its state, so "
        caption += "many steps back. A straight line that falls vanishes at a fixed rate."
        page.figure(gradient_by_lag_figure(curves), caption, f"norm of the gradient of {layer} by time lag")


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
