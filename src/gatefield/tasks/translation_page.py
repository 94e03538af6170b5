"""The report of a network that translates: how well, of which lengths, and where it looked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from ..core.run_folder import RunFolder
from ..data.corpus import TextPair
from ..decoding import Beam
from ..render.attention import attention_map
from ..render.page import Page
from .run_page import beside_table, circumstances, facts_of_training, learning
from .task import Session
from .translating import Translated, alignment
from .translation_metrics import can_score, signature, translation_metrics

if TYPE_CHECKING:
    from .translation import Translation

EXAMPLES = 12
MAPS = 3
#: Nodes that a search may have followed, if its tree is drawn.
NODES = 60
#: Symbols that a map may have on a side.
WIDEST = 28
#: Groups of texts of similar length.
GROUPS = 6
_TITLES = {"bleu": "BLEU", "chrf": "chrF", "exact": "exact"}


def compose(task: Translation, session: Session, folder: RunFolder, page: Page) -> None:
    """Write the sections."""
    metrics = task.evaluate(session)
    name, items = task.part(metrics["split"])
    translations = task.translations(items, session)
    scores = {f"{name} {_TITLES[key]}": f"{metrics[key]:.2f}" for key in ("bleu", "chrf") if key in metrics}
    codecs = task.codecs
    page.facts(
        {
            **scores,
            f"{name} exact": f"{metrics['exact']:.1%}",
            f"{name} nats a symbol": metrics["loss"],
            **({"hearing itself": metrics["free_running_loss"]} if "free_running_loss" in metrics else {}),
            **facts_of_training(folder),
            "symbols known": f"{len(codecs.source.vocabulary):,} / {len(codecs.target.vocabulary):,}",
            "parameters": sum(parameter.numel() for parameter in task.model.parameters()),
        }
    )
    page.text(f"Measured on the {metrics['count']:,} texts of the {name} part, cased and as they are written.")
    if can_score():
        page.text(f"How BLEU was counted: {signature()}")
    if "free_running_loss" in metrics:
        page.text(
            "Nats a symbol are measured with the right symbols before it; 'hearing itself' is the same where it hears "
            "what the network found likeliest: the price of its own mistakes."
        )
    learning(page, folder, task.training.monitor)
    kept = {key: title for key, title in _TITLES.items() if key in metrics}
    beside_table(
        page,
        {
            method: {title: found[key] for key, title in kept.items()}
            for method, found in {"this network": metrics, **task.beside}.items()
        },
    )
    texts = [translated.text for translated in translations]
    _examples(page, items, texts)
    _maps(task, page, items, translations)
    _search(task, page, items, translations)
    _lengths(page, items, texts)
    circumstances(page, folder)


def _examples(page: Page, items: Sequence[TextPair], translations: Sequence[str]) -> None:
    """Texts from all over the part: every so many."""
    page.heading("Examples")
    places = _spread(len(items), EXAMPLES)
    rows = [(items[i].source, items[i].target, translations[i], translations[i] == items[i].target) for i in places]
    page.table(("source", "reference", "translation", "exact"), rows)


def _maps(task: Translation, page: Page, items: Sequence[TextPair], translations: Sequence[Translated]) -> None:
    """Where the network looked, for the first texts of those that fit."""
    codecs, shown = task.codecs, 0
    for item, translated in zip(items, translations):
        symbols = translated.symbols
        if not 4 <= len(symbols) < WIDEST or len(codecs.source.encode(item.source)) > WIDEST:
            continue
        found = alignment(task.network, codecs, item.source, symbols)
        if found is None:
            return
        if not shown:
            page.heading("Where it looked")
            page.text(
                "A row for each symbol that was written: the darker a cell, the more that above it was looked at."
            )
        page.figure(
            attention_map(found.source, found.target, found.weights),
            f"{item.source} → {translated.text}",
            f"weights of attention between {len(found.source)} symbols read and {len(found.target)} written",
        )
        shown += 1
        if shown == MAPS:
            return


def _search(task: Translation, page: Page, items: Sequence[TextPair], translations: Sequence[Translated]) -> None:
    """The tree of the first search that fits on the page, where translations are searched for."""
    if not isinstance(task.decoder, Beam):
        return
    fits = (
        item.source
        for item, translated in zip(items, translations)
        if 3 <= len(translated.symbols) <= NODES // task.decoder.width
    )
    text = next(fits, None)
    if text is None:
        return
    page.heading("How it searched")
    page.text(
        "The texts that the search followed, symbol by symbol, with the probability of each; those in another color "
        "end there. The path to the translation is marked."
    )
    tree = task.searched(text, task.decoder)
    page.figure(tree.figure(), text, f"tree of {len(tree.nodes)} beginnings of translations")


def _lengths(page: Page, items: Sequence[TextPair], translations: Sequence[str]) -> None:
    """Quality of short and of long texts: groups of about equally many."""
    words = numpy.array([len(item.source.split()) for item in items])
    edges = numpy.unique(numpy.quantile(words, numpy.linspace(0, 1, GROUPS + 1), method="nearest"))
    if len(edges) < 3:
        return
    page.heading("Short and long texts")
    rows = []
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        places = numpy.flatnonzero((words > low - (number == 0)) & (words <= high)).tolist()
        if places:
            found = translation_metrics([translations[i] for i in places], [items[i].target for i in places])
            first = words[places].min()
            rows.append((f"{first} to {high}" if high > first else f"{high}", len(places), *_scores(found)))
    titles = [title for key, title in _TITLES.items() if key in translation_metrics(["a"], ["a"])]
    page.table(("words of the source", "texts", *titles), rows)


def _scores(found: dict[str, float]) -> list[str]:
    return [f"{found[key]:.1%}" if key == "exact" else f"{found[key]:.2f}" for key in _TITLES if key in found]


def _spread(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` places out of ``count``, evenly spread."""
    return list(dict.fromkeys(int(place) for place in numpy.linspace(0, count - 1, min(wanted, count))))
