"""The report of a recognizer: how it learned, how much it mishears, and what it says when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.run_folder import RunFolder
from ..data.corpus import Recording
from ..functional.edit_distance import align, edits
from ..render.page import Page
from .run_page import circumstances, facts_of_training, learning
from .sound_sections import by_speaker, picture
from .task import Session

if TYPE_CHECKING:
    from .transcription import Transcript, Transcription

HEARD, MISHEARD, CONFUSED = 3, 3, 20
NOTHING = "(nothing)"


def compose(task: Transcription, session: Session, folder: RunFolder, page: Page) -> None:
    """Write the sections."""
    name, items = task.part(None)
    found = task.transcribe(items, session)
    metrics = task.compared(items, found)
    page.facts(
        {
            f"{name} character error rate": f"{metrics['character_error_rate']:.2%}",
            f"{name} word error rate": f"{metrics['word_error_rate']:.2%}",
            f"{name} loss": metrics["loss"],
            "texts without error": f"{metrics['exact']:.2%}",
            **facts_of_training(folder),
            "samples a second": task.features.sampled_at,
            "parameters": sum(parameter.numel() for parameter in task.model.parameters()),
        }
    )
    learning(page, folder, task.training.monitor)
    _what_is_heard(task, page, items, found)
    page.heading("Errors")
    page.text(f"Measured on the {metrics['count']:,} recordings of the {name} part, decoded by {task.decoder.name}.")
    columns = ("of", "substituted", "left out", "too many", "of how many")
    rows = [(f"{kind}s", *metrics[f"{kind}_edits"].values()) for kind in ("character", "word")]
    page.table(columns, rows)
    _confused(page, items, found)
    by_speaker(page, metrics["speakers"])
    circumstances(page, folder)


def _what_is_heard(task: Transcription, page: Page, items: Sequence[Recording], found: Sequence[Transcript]) -> None:
    """Spectrograms with the text over time: some that are right, and the worst."""
    page.heading("What it hears, and when")
    page.text(
        "Darker is louder, low tones below. The lines above are the probability of each character in each frame; that "
        "of the blank is broken and grey. Marked is where each character is said on the likeliest path."
    )
    wrong = {index: edits(items[index].text, own.text).errors for index, own in enumerate(found)}
    right = sorted((i for i, errors in wrong.items() if not errors), key=lambda i: (-len(items[i].text), i))[:HEARD]
    worst = sorted((i for i, errors in wrong.items() if errors), key=lambda i: (-wrong[i], i))[:MISHEARD]
    for index in [*right, *worst]:
        item, own = items[index], found[index]
        title = f"{item.text}" if not wrong[index] else f"{item.text or NOTHING}, heard as {own.text or NOTHING}"
        speaker = f", {item.speaker}" if item.speaker else ""
        figure = picture(item, title, task.timed(item, own), own.log_probabilities.exp())
        page.figure(figure, f"{item.place}{speaker}", f"spectrogram of a recording with its transcript: {title}")


def _confused(page: Page, items: Sequence[Recording], found: Sequence[Transcript]) -> None:
    """What is most often taken for what."""
    counts: Counter[tuple[str, str]] = Counter()
    for item, own in zip(items, found):
        for i, j in align(item.text, own.text):
            said, heard = NOTHING if i is None else item.text[i], NOTHING if j is None else own.text[j]
            counts[said, heard] += said != heard
    rows = [(said, heard, count) for (said, heard), count in counts.most_common(CONFUSED) if count]
    if rows:
        page.table(("said", "heard", "times"), rows, "Commonest errors")
