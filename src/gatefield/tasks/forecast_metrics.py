"""A back-test in numbers, and a forecast as programs and people read it."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import torch

from .back_test import NETWORK, Tested, measures
from .trained_forecaster import Outlook, TrainedForecaster


def measure(trained: TrainedForecaster, tested: Tested) -> dict[str, Any]:
    """The network's measures, those of every baseline beside them, and which forecaster was best.

    That is the one of the smallest MASE, which weighs series in different units alike; of MAE where MASE is undefined.
    """
    scale = torch.tensor(trained.frame.scale, dtype=torch.float64)
    found = {name: measures(tested.actual, said, scale) for name, said in tested.forecasts.items()}
    network = found.pop(NETWORK)
    key = "mae" if network["mase"] is None else "mase"
    errors = {NETWORK: network[key], **{name: one[key] for name, one in found.items()}}
    return {
        "count": len(tested.origins),
        "loss": tested.loss,
        "horizon": trained.horizon,
        "season": trained.frame.season,
        "interval": trained.method,
        "nominal_coverage": trained.coverage,
        **network,
        "baselines": {name: {"title": trained.baselines.titles[name], **one} for name, one in found.items()},
        "best": min(errors, key=errors.__getitem__),
    }


def rows(metrics: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Title and measures of the network and of each baseline."""
    return [("network", metrics), *((one["title"], one) for one in metrics["baselines"].values())]


def describe(metrics: dict[str, Any]) -> str:
    """The measures as a table; its first line says the most important ones."""
    best = metrics["baselines"][metrics["best"]]["title"] if metrics["best"] != NETWORK else "the network"
    mase = "MASE is not defined: constant in training" if metrics["mase"] is None else f"MASE {metrics['mase']:.3f}"
    lines = [
        f"{metrics['split']}: {metrics['count']} origins, horizon {metrics['horizon']}, {mase}, "
        f"MAE {metrics['mae']:.4g}; the smallest error has {best}",
        f"{'':22}{'MAE':>10}{'RMSE':>10}{'MASE':>8}{'coverage':>10}{'width':>10}",
    ]
    for title, one in rows(metrics):
        cells = (number(one["mae"]), number(one["rmse"]), number(one["mase"]), f"{one['coverage']:.1%}")
        lines.append(f"{title:22}{cells[0]:>10}{cells[1]:>10}{cells[2]:>8}{cells[3]:>10}{number(one['width']):>10}")
    lines.append(f"intervals: {metrics['interval']}, meant to hold {metrics['nominal_coverage']:.0%} of the values")
    return "\n".join(lines)


def answer(trained: TrainedForecaster, outlook: Outlook) -> dict[str, Any]:
    """A forecast as JSON holds it: one row a step and series, with its interval and what the baselines say."""
    network = outlook.forecasts[NETWORK]
    found = []
    for step, stamp in enumerate(outlook.stamps):
        for column, name in enumerate(outlook.series.names):
            others = {key: said for key, said in outlook.forecasts.items() if key != NETWORK}
            found.append(
                {
                    "stamp": stamp,
                    "series": name,
                    "value": float(network.point[step, column]),
                    "lower": _finite(float(network.lower[step, column])),
                    "upper": _finite(float(network.upper[step, column])),
                    **{key: float(said.point[step, column]) for key, said in others.items()},
                }
            )
    lines = [f"{row['stamp']} {row['series']} {row['value']:.6g}" for row in found]
    return {
        "after": outlook.series.stamps[-1],
        "interval": trained.method,
        "coverage": trained.coverage,
        "forecast": found,
        "text": "; ".join(lines),
    }


def csv_text(answer: dict[str, Any]) -> str:
    """The rows of `answer` as a CSV file; a missing bound is an empty cell."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(answer["forecast"][0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(answer["forecast"])
    return file.getvalue()


def number(value: float | None) -> str:
    """Four digits; a dash for what is not defined."""
    return "–" if value is None else f"{value:.4g}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
