"""The report of a classifier: how it learned, how good it is, what it gets wrong, what its first layer looks for."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..core.console import Console
from ..core.run_folder import RunFolder
from ..data.reader import LabelledImages
from ..functional.classification import calibration_bins
from ..models.summary import summarize
from ..render.calibration import reliability_diagram
from ..render.confusion import confusion_figure
from ..render.page import Page
from ..render.pictures import filter_grid
from .classification_metrics import measure
from .classifier import TrainedClassifier
from .run_page import circumstances, facts_of_training, learning

MISTAKES = 24
Monitor = Literal["loss", "accuracy"]


def compose(
    page: Page,
    trained: TrainedClassifier,
    split: str,
    images: LabelledImages,
    monitor: Monitor,
    folder: RunFolder,
    console: Console,
) -> None:
    """Write the sections.

    Args:
        trained: the classifier.
        split, images: the part of the data that is measured on.
        monitor: the validation result that chose the best epoch.
        folder: the run.
        console: shows progress.
    """
    outputs = trained.outputs_of(images, console)
    metrics = measure(outputs, images.labels, trained.classes, trained.objective)
    probabilities = trained.objective.probabilities(outputs)
    summary = summarize(trained.model, trained.preparation.shape)
    page.facts(
        {
            f"{split} accuracy": f"{metrics['accuracy']:.2%}",
            f"{split} loss": metrics["loss"],
            **facts_of_training(folder),
            "parameters": summary.parameters,
            "multiply-adds": summary.multiply_adds,
        }
    )
    learning(page, folder, monitor)
    page.heading("Which class is taken for which")
    page.text(f"Measured on the {metrics['count']:,} images of the {split} part.")
    quality(page, metrics, probabilities, images.labels, trained.classes)
    _mistakes(page, probabilities, images, trained.classes)
    _filters(page, trained.model)
    page.heading("Architecture")
    columns = ("layer", "kind", "output shape", "parameters", "multiply-adds", "receptive field")
    rows = [
        (row.name, row.kind, _times(row.output_shape), row.parameters, row.multiply_adds, _times(row.receptive_field))
        for row in summary.layers
    ]
    page.table(columns, rows)
    circumstances(page, folder)


def quality(page: Page, metrics: dict, probabilities: Tensor, labels: Tensor, classes: list[str]) -> None:
    """Confusion, the figures of each class and calibration, as `classification_metrics.measure` found them."""
    page.figure(
        confusion_figure(metrics["confusion"], classes),
        "Rows: true class. Columns: predicted class.",
        f"confusion matrix of {len(classes)} classes; accuracy {metrics['accuracy']:.2%}",
    )
    columns = ("class", "precision", "recall", "F1", "count")
    rows = [(row["label"], row["precision"], row["recall"], row["f1"], row["count"]) for row in metrics["per_class"]]
    page.table(columns, rows)
    page.heading("Calibration")
    bins = calibration_bins(probabilities, labels)
    page.figure(
        reliability_diagram(bins.count, bins.confidence, bins.accuracy),
        f"How often the network is right when it says how sure it is; expected calibration error "
        f"{metrics['calibration_error']:.4f}.",
        "reliability diagram: accuracy against confidence, in bins",
    )


def _mistakes(page: Page, probabilities: Tensor, images: LabelledImages, classes: list[str]) -> None:
    """The wrong answers given with the greatest confidence, as pictures."""
    page.heading("Worst mistakes")
    confidence, predicted = probabilities.max(1)
    wrong = (predicted != images.labels).nonzero().flatten()
    if len(wrong) == 0:
        page.text("There is none on this part of the data.")
        return
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:MISTAKES]
    page.text(f"{len(wrong)} of {len(images)} are wrong; these were given with the greatest confidence.")
    captions = []
    for i in worst.tolist():
        names = f"{classes[int(images.labels[i])]}, taken for {classes[int(predicted[i])]}"
        captions.append(f"{names}\n{float(confidence[i]):.0%} · {images.source(i)}")
    pictures = images.batch(worst)
    if pictures.dtype == torch.uint8 and pictures.dim() == 4:
        page.pictures(pictures, captions)
    else:
        page.table(("mistake",), [(caption.replace("\n", ", "),) for caption in captions])


def _filters(page: Page, model: nn.Module) -> None:
    """The kernels of the first convolution, where there is one."""
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None:
        return
    page.heading("First-layer filters")
    page.figure(
        filter_grid(first.weight.detach().cpu()),
        "What the first convolution looks for.",
        "the kernels of the first convolution",
    )


def _times(sizes: tuple[int, ...] | None) -> str:
    return "?" if sizes is None else " × ".join(map(str, sizes))
