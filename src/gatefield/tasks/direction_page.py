"""The report of a network that tells directions: whether it does better than a coin, and step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..core.run_folder import RunFolder
from ..render.direction import direction_figure
from ..render.page import Page
from .run_page import beside_table, circumstances, facts_of_training, learning
from .task import Session

if TYPE_CHECKING:
    from .direction_tagging import DirectionTagging

SHOWN = 120  # steps


def compose(task: DirectionTagging, session: Session, folder: RunFolder, page: Page) -> None:
    """Write the sections."""
    name, items = task.part(None)
    metrics = task.measure(items, session)
    low, high = metrics["coin"]
    page.facts(
        {
            f"{name} accuracy": f"{metrics['accuracy']:.2%}",
            "a coin, in 95 of 100 cases": f"{low:.1%} to {high:.1%}",
            f"{name} loss": metrics["loss"],
            **facts_of_training(folder),
            "parameters": sum(parameter.numel() for parameter in task.model.parameters()),
        }
    )
    verdict = "A coin may do as well by luck." if metrics["accuracy"] <= high else "A coin seldom does as well."
    page.text(
        f"Whether the next step is up, asked after each of {metrics['count']:,} steps of the {name} part, which "
        f"comes after all that was trained on. {verdict}"
    )
    learning(page, folder, task.training.monitor)
    rows = {"this network": metrics, **task.beside}
    keys = ("accuracy", "loss")
    beside_table(page, {title: {key: row[key] for key in keys if key in row} for title, row in rows.items()})
    page.heading("Step by step")
    chance, rises = task.chances(items, session), torch.cat([item.rises for item in items])
    series = task.data.read()
    steps = [step for item in items for step in item.steps][:SHOWN]
    page.figure(
        direction_figure(
            [float(series.values[step, 0]) for step in steps],
            [series.stamp(step) for step in steps],
            chance[:SHOWN].tolist(),
            rises[:SHOWN].bool().tolist(),
            series.names[0],
        ),
        f"The first {len(steps)} steps of the {name} part: the series, and how sure the network was of a rise "
        "after each; full colour where it was right.",
        f"a series of {len(steps)} steps above the network's chance of a rise at each",
    )
    circumstances(page, folder)
