"""The report of a language model: how well it foretells, what it writes, and what its cells count."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ..core.run_folder import RunFolder
from ..decoding import Sampling
from ..render.neuron_strip import neuron_strip
from ..render.page import Page
from .cell_probes import probe
from .generating import generate
from .run_page import beside_table, circumstances, facts_of_training, learning
from .task import Session

if TYPE_CHECKING:
    from .language_modelling import LanguageModelling

TEMPERATURES = (0.5, 0.8, 1.0)
SAMPLE = 400  # symbols of each sample
COLUMNS = 100  # of a line of it
PROBED = 4000  # symbols that the cells are watched over
SHOWN = 360  # of them on the page


def compose(task: LanguageModelling, session: Session, folder: RunFolder, page: Page) -> None:
    """Write the sections."""
    metrics = task.evaluate(session)
    split, unit = metrics["split"], task.unit
    key = {} if unit == "character" else {f"{split} perplexity": f"{metrics['perplexity']:.2f}"}
    page.facts(
        {
            **key,
            f"{split} nats a {unit}": f"{metrics['loss']:.4f}",
            f"{split} bits a character": f"{metrics['bits_per_character']:.4f}",
            **facts_of_training(folder),
            f"{unit}s known": len(task.codec.vocabulary),
            "parameters": sum(parameter.numel() for parameter in task.network.parameters()),
        }
    )
    page.text(f"Measured on the {metrics['count']:,} {unit}s of the {split} part, read once from beginning to end.")
    learning(page, folder, task.training.monitor)
    beside_table(
        page,
        {
            name: {
                f"nats a {unit}": found["loss"],
                "perplexity": found["perplexity"],
                "bits a character": found["bits_per_character"],
            }
            for name, found in {"this network": metrics, **task.beside}.items()
        },
    )
    _samples(task, session, page)
    _cells(task, session, page)
    circumstances(page, folder)


def _samples(task: LanguageModelling, session: Session, page: Page) -> None:
    page.heading("What it writes")
    page.text("Drawn symbol by symbol from the beginning of a document, at three temperatures: low ones are safer.")
    for temperature in TEMPERATURES:
        decoder = Sampling(temperature, seed=session.seed)
        (sample,) = generate(task.network, task.codec, decoder, length=SAMPLE)
        page.text(f"Temperature {temperature:g}:")
        page.code("\n".join(textwrap.fill(line, COLUMNS) for line in sample.text.splitlines()))


def _cells(task: LanguageModelling, session: Session, page: Page) -> None:
    """Units of a character model that follow something countable in the text."""
    if task.unit != "character":
        return
    name, documents = task.part(None)
    found = probe(task.network, task.ids(documents[:1])[: PROBED + 1], documents[0][:PROBED])
    if not found:
        return
    page.heading("What its units count")
    page.text(
        f"Of the {found[0].units} units of the last layer, those that follow something countable best: found on the "
        f"first half of {len(found[0].activity):,} characters of the {name} part, r measured on the second."
    )
    rows = [(probed.quantity, probed.unit, f"{probed.correlation:+.3f}") for probed in found]
    page.table(("what it follows", "unit", "r"), rows)
    best = max(found, key=lambda probed: abs(probed.correlation))
    page.figure(
        neuron_strip(documents[0][:SHOWN], best.activity[:SHOWN]),
        f"Unit {best.unit} while it reads: orange where it is high, blue where it is low. It follows: {best.quantity}.",
        f"activity of unit {best.unit} at each of {SHOWN} characters",
    )
