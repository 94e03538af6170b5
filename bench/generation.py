"""Characters a second when a net writes text: one character at a time, one row, each character read back.

    python bench/generation.py            512 units, 65 symbols: the table
    python bench/generation.py --json     the same as one line for programs

Every net is an embedding, one LSTM level, and a linear output layer; all have the same weights and take the most
probable symbol. One of them rounds what its products multiply to bfloat16, and its scores may differ by more. Sizes of
the embedding: 65 (as wide as one-hot input) and 512 (as wide as the level). Before anything is timed, all nets read the
same text and their outputs are compared.

Exit status: 0 measured and within every limit, 1 a comparison failed before measuring or a limit was missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable

import torch
from alternate import alternate
from limits import Limit, Verdict, judge
from torch import Tensor, nn

from gatefield.core.console import Console
from gatefield.recurrent import Recurrent, from_torch

VOCABULARY, HIDDEN = 65, 512
EMBEDDINGS = (65, 512)

Net = Callable[[int], Tensor]
"""A symbol -> the scores of the next one, (1, vocabulary); the net remembers what it has read."""


class Mismatch(Exception):
    """Nets that should be equal and are not."""


def nets(width: int) -> dict[str, Callable[[], Net]]:
    """The contestants, each as what begins a new text."""
    embedding, layer = nn.Embedding(VOCABULARY, width), nn.LSTM(width, HIDDEN, batch_first=True)
    output = nn.Linear(HIDDEN, VOCABULARY)
    cell = nn.LSTMCell(width, HIDDEN)
    with torch.no_grad():
        for mine, other in zip(cell.parameters(), layer.parameters(), strict=True):
            mine.copy_(other)
    symbols = torch.arange(VOCABULARY)[:, None]

    def by_layer() -> Net:
        state = None

        def step(symbol: int) -> Tensor:
            nonlocal state
            hidden, state = layer(embedding(symbols[symbol])[None], state)
            return output(hidden[0])

        return step

    def by_cell() -> Net:
        state = None

        def step(symbol: int) -> Tensor:
            nonlocal state
            state = cell(embedding(symbols[symbol]), state)
            return output(state[0])

        return step

    def by_stepper(rounded: bool) -> Callable[[], Net]:
        levels = [from_torch(layer).directions[0].cell, output]
        stepper = Recurrent(levels, bfloat16_products=rounded).stepper(embedding=embedding.weight)

        def begin() -> Net:
            stepper.reset()
            return stepper.step

        return begin

    return {
        "stepper": by_stepper(False),
        "stepper in bfloat16": by_stepper(True),
        "nn.LSTM": by_layer,
        "nn.LSTMCell": by_cell,
    }


def reads(begin: Callable[[], Net], text: list[int]) -> Tensor:
    """The scores after each symbol of ``text``."""
    net = begin()
    return torch.cat([net(symbol).clone() for symbol in text])


def require_equal(contestants: dict[str, Callable[[], Net]]) -> None:
    """All nets read one text.

    Raises:
        Mismatch: scores that differ by more than 1e-4, in bfloat16 by more than 1e-2.
    """
    text = torch.randint(VOCABULARY, (300,), generator=torch.Generator().manual_seed(0)).tolist()
    right = reads(contestants["nn.LSTM"], text)
    for name, begin in contestants.items():
        difference = (reads(begin, text) - right).abs().max().item()
        if not difference <= (1e-2 if "bfloat16" in name else 1e-4):
            raise Mismatch(f"the scores of {name} differ from those of nn.LSTM by {difference:.2g}")


def writes(begin: Callable[[], Net], length: int) -> Callable[[], None]:
    def work() -> None:
        net, symbol = begin(), 0
        for _ in range(length):
            symbol = int(net(symbol).argmax())

    return work


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds that count (default 15)")
    parser.add_argument("--characters", type=int, default=200, help="characters of a text (default 200)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the table on stderr")
    options = parser.parse_args()
    console = Console()
    torch.manual_seed(0)
    verdicts: list[Verdict] = []
    speeds: dict[str, float] = {}
    with torch.no_grad():
        for width in EMBEDDINGS:
            contestants = nets(width)
            try:
                require_equal(contestants)
            except Mismatch as mismatch:
                console.warn(f"nothing is reported: {mismatch}")
                return 1
            work = {f"{name} ({width})": writes(begin, options.characters) for name, begin in contestants.items()}
            timings = alternate(work, options.rounds)
            mine, rounded, layer, cell = work
            limits = [Limit(mine, layer, 0.2), Limit(mine, cell, 0.5), Limit(rounded, mine, 0.9)]
            verdicts += judge(limits, timings, counts=True)
            speeds |= {name: options.characters / timings.median(name) for name in work}
    if options.json:
        rates = {name: round(speed) for name, speed in speeds.items()}
        found = [dataclasses.asdict(verdict) for verdict in verdicts]
        console.json({"bench": "generation", "verdicts": found, "characters_a_second": rates})
    lines = [f"{name:48}  {speed:7.0f} characters a second" for name, speed in speeds.items()]
    lines += [*map(str, verdicts), f"{torch.get_num_threads()} threads"]
    (console.say if options.json else console.result)("\n".join(lines))
    return int(any(verdict.passed is False for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
