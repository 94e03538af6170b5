"""The report of a classifier of sound: how it learned, how good it is for whom, and what it mishears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.run_folder import RunFolder
from ..render.page import Page
from .classification_page import quality
from .run_page import circumstances, facts_of_training, learning
from .sound_sections import by_speaker, picture
from .task import Session

if TYPE_CHECKING:
    from .sound_classification import SoundClassification

MISTAKES = 6


def compose(task: SoundClassification, session: Session, folder: RunFolder, page: Page) -> None:
    """Write the sections."""
    name, items = task.part(None)
    outputs, labels = task.outputs(items, session), task.labels(items)
    metrics = task.compared(items, outputs)
    probabilities = task.objective(task.model).probabilities(outputs)
    page.facts(
        {
            f"{name} accuracy": f"{metrics['accuracy']:.2%}",
            f"{name} loss": metrics["loss"],
            **facts_of_training(folder),
            "samples a second": task.features.sampled_at,
            "features a frame": task.features.width,
            "parameters": sum(parameter.numel() for parameter in task.model.parameters()),
        }
    )
    learning(page, folder, task.training.monitor)
    page.heading("Which class is taken for which")
    page.text(f"Measured on the {metrics['count']:,} recordings of the {name} part.")
    quality(page, metrics, probabilities, labels, task.classes)
    by_speaker(page, metrics["speakers"])

    page.heading("Worst mistakes")
    confidence, predicted = probabilities.max(1)
    wrong = (predicted != labels).nonzero().flatten()
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:MISTAKES].tolist()
    if worst:
        page.text(f"{len(wrong)} of {len(labels)} are wrong; these were given with the greatest confidence.")
    else:
        page.text("There is none on this part of the data.")
    for index in worst:
        item = items[index]
        title = f"{item.text}, taken for {task.classes[int(predicted[index])]} ({confidence[index]:.0%})"
        speaker = f", {item.speaker}" if item.speaker else ""
        page.figure(picture(item, title), f"{item.place}{speaker}", f"spectrogram of a recording: {title}")
    circumstances(page, folder)
