"""Words in a wrong order, to be put right: beam-search optimization against cross-entropy, at equal beams (claim 45).

    python bench/word_ordering.py             the table
    python bench/word_ordering.py --json      the same as one line for programs

Sentences of a small grammar, in which what goes with what is known: each noun has adjectives of its own, each verb
its kinds of agents and patients. Their words are shuffled; the network is to give the sentence back. Both networks
are the same, begin with the same weights and see as many epochs; one goes on by cross-entropy, the other is trained
so that the right sentence stays on the beam (Wiseman and Rush 2016, section 5.1). Both decode with a beam of five.

Exit status: 0 measured, 1 beam-search optimization did not find more sentences than cross-entropy.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import random
import statistics
import sys
import tempfile
import time
from typing import Any

from gatefield import train
from gatefield.core.console import Console
from gatefield.data.readers.pair_lines import PairLines
from gatefield.tasks.translation import Translation

NOUNS = {
    "person": {
        "woman": ("tall", "old"),
        "boy": ("young", "loud"),
        "farmer": ("poor", "busy"),
        "king": ("rich", "proud"),
    },
    "animal": {"dog": ("brown", "hungry"), "cat": ("grey", "lazy"), "horse": ("wild", "fast"), "cow": ("fat", "calm")},
    "thing": {
        "apple": ("red", "sweet"),
        "letter": ("long", "secret"),
        "stone": ("heavy", "round"),
        "hat": ("new", "silk"),
    },
    "place": {
        "house": ("white", "empty"),
        "forest": ("dark", "green"),
        "river": ("cold", "deep"),
        "town": ("quiet", "far"),
    },
}
VERBS = {
    "feeds": ("person", "animal"),
    "writes": ("person", "thing"),
    "throws": ("person", "thing"),
    "sees": ("person", "place"),
    "follows": ("animal", "person"),
    "bites": ("animal", "thing"),
    "crosses": ("animal", "place"),
}
ADVERBS, PREPOSITIONS = ("slowly", "often", "never", "today"), ("near", "behind", "in")
WIDTH = 5


@dataclasses.dataclass(frozen=True)
class Result:
    """What a network reached on the test sentences: all words right, and BLEU; and the seconds of its training."""

    exact: float
    bleu: float
    seconds: float


def sentence(draw: random.Random) -> list[str]:
    """For example "the busy farmer feeds a brown hungry dog near the empty house today"."""

    def noun_phrase(kind: str) -> list[str]:
        noun = draw.choice(sorted(NOUNS[kind]))
        adjectives = [adjective for adjective in NOUNS[kind][noun] if draw.random() < 0.5]
        return [draw.choice(("the", "a")), *adjectives, noun]

    verb = draw.choice(sorted(VERBS))
    agent, patient = VERBS[verb]
    words = [*noun_phrase(agent), verb, *noun_phrase(patient)]
    if draw.random() < 0.6:
        words += [draw.choice(PREPOSITIONS), *noun_phrase("place")]
    return [*words, draw.choice(ADVERBS)] if draw.random() < 0.4 else words


def write_pairs(folder: pathlib.Path, count: int, seed: int) -> PairLines:
    """Shuffled and right sentences, all different: ``count`` to train on, a tenth of that to choose and to measure."""
    draw, seen = random.Random(seed), set()
    while len(seen) < count + 2 * (count // 10):
        seen.add(tuple(sentence(draw)))
    lines = []
    for words in sorted(seen):
        shuffled = draw.sample(words, len(words))
        lines.append(f"{' '.join(shuffled)}\t{' '.join(words)}\n")
    draw.shuffle(lines)
    for name, part in (("train", lines[:count]), ("choose", lines[count::2]), ("measure", lines[count + 1 :: 2])):
        (folder / f"{name}.txt").write_text("".join(part), encoding="utf-8")
    train_file, choose, measure = (str(folder / f"{name}.txt") for name in ("train", "choose", "measure"))
    return PairLines(train_file, choose, measure)


def measured(data: PairLines, seed: int, searched: bool, options: argparse.Namespace) -> Result:
    """What one of the two networks reaches."""
    training = {
        "epochs": options.epochs,
        "batch_size": 64,
        "optimizer": {"name": "adam", "learning_rate": options.rate},
        "schedule": "cosine",
        "clip_norm": 5.0,
    }
    arguments: dict[str, Any] = {"decoder": {"name": "beam", "width": WIDTH}}
    if searched:
        settings = {"width": WIDTH + 1, "after": options.after, "grow": options.grow, "score": options.score}
        arguments = {
            "decoder": {"name": "unnormalized-beam", "width": WIDTH, "score": options.score},
            "beam_search_optimization": settings,
        }
    model = {"name": "encoder-decoder", "embedding": options.hidden, "hidden": options.hidden}
    task = Translation(data=data, model=model, tokens="whitespace", training=training, **arguments)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory(prefix="gatefield-") as folder:
        begun = time.perf_counter()
        run = train(task, out=pathlib.Path(folder) / "run", seed=seed)
        seconds = time.perf_counter() - begun
        found = run.evaluate()
    return Result(found["exact"], found["bleu"], seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sentences", type=int, default=2000, help="to train on (default 2000)")
    parser.add_argument("--seeds", type=int, default=2, help="repetitions (default 2)")
    parser.add_argument("--epochs", type=int, default=30, help="of both (default 30)")
    parser.add_argument("--after", type=int, default=15, help="of them by cross-entropy before the search (default 15)")
    parser.add_argument("--grow", type=int, default=2, help="epochs a place of the beam (default 2)")
    parser.add_argument("--score", default="sum", choices=("last", "sum"), help="of a sentence (default sum)")
    parser.add_argument("--hidden", type=int, default=64, help="units (default 64)")
    parser.add_argument("--rate", type=float, default=0.003, help="of learning (default 0.003)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the talk on stderr")
    options = parser.parse_args()
    console = Console()
    found: dict[str, list[Result]] = {"cross-entropy": [], "beam-search optimization": []}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory(prefix="gatefield-") as folder:
            data = write_pairs(pathlib.Path(folder), options.sentences, seed)
            for name, results in found.items():
                searched = name != "cross-entropy"
                results.append(measured(data, seed, searched, options))
                console.say(f"seed {seed}: {name} {results[-1]}")
    means = {
        name: {key: statistics.mean(getattr(result, key) for result in results) for key in ("exact", "bleu", "seconds")}
        for name, results in found.items()
    }
    won = means["beam-search optimization"]["exact"] > means["cross-entropy"]["exact"]
    if options.json:
        results = {name: [dataclasses.asdict(result) for result in results] for name, results in found.items()}
        console.json({"bench": "word-ordering", "passed": won, "means": means, "results": results})
    else:
        for name, mean in means.items():
            console.result(f"{name:26}exact {mean['exact']:6.1%}  BLEU {mean['bleu']:5.1f}  {mean['seconds']:5.0f} s")
    return int(not won)


if __name__ == "__main__":
    sys.exit(main())
