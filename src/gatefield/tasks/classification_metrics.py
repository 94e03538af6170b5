"""How good a classifier is: the numbers, and the numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..functional.classification import (
    brier_score,
    confusion_matrix,
    expected_calibration_error,
    precision_recall_f1,
    top_k_accuracy,
)
from ..training.objective import Objective


def measure(outputs: Tensor, labels: Tensor, classes: Sequence[str], objective: Objective) -> dict[str, Any]:
    """Accuracy, loss, precision, recall and F1 by class, confusion matrix and calibration, as JSON holds them.

    Args:
        outputs: the network's outputs, (count, classes).
        labels: int64 (count,).
    """
    probabilities = objective.probabilities(outputs)
    confusion = confusion_matrix(labels, probabilities.argmax(1), len(classes))
    precision, recall, f1 = precision_recall_f1(confusion)
    support = confusion.sum(1)
    per_class = [
        {"label": name, "precision": p, "recall": r, "f1": f, "count": n}
        for name, p, r, f, n in zip(classes, precision.tolist(), recall.tolist(), f1.tolist(), support.tolist())
    ]
    return {
        "count": len(labels),
        "accuracy": top_k_accuracy(probabilities, labels, 1),
        "top_5_accuracy": top_k_accuracy(probabilities, labels, min(5, len(classes))),
        "loss": float(objective.loss(outputs, labels)),
        "macro_precision": float(precision.mean()),
        "macro_recall": float(recall.mean()),
        "macro_f1": float(f1.mean()),
        "calibration_error": expected_calibration_error(probabilities, labels),
        "brier_score": brier_score(probabilities, labels),
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }


def describe(metrics: dict[str, Any], noun: str = "images") -> str:
    """What `measure` returned, as text: a line of totals, a line a class, and the confusion matrix if it is small."""
    totals = (
        f"{metrics['split']}: {metrics['count']} {noun}, accuracy {metrics['accuracy']:.2%}, "
        f"loss {metrics['loss']:.4f}, macro F1 {metrics['macro_f1']:.4f}, "
        f"calibration error {metrics['calibration_error']:.4f}"
    )
    names = [row["label"] for row in metrics["per_class"]]
    width = max(map(len, [*names, "class"]))
    lines = [totals, "", f"{'class':{width}}  precision  recall      f1   count"]
    lines += [
        f"{row['label']:{width}}  {row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}  {row['count']:6d}"
        for row in metrics["per_class"]
    ]
    if len(names) <= 20:
        cell = max(len(str(value)) for row in metrics["confusion"] for value in row) + 1
        lines += ["", "confusion (row: true, column: predicted)"]
        lines += [
            f"{name:{width}}  " + "".join(f"{value:{cell}d}" for value in row)
            for name, row in zip(names, metrics["confusion"])
        ]
    return "\n".join(lines)
