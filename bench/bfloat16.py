"""What rounding the factors of products to bfloat16 gains in training, and what it costs in accuracy.

    python bench/bfloat16.py            the table
    python bench/bfloat16.py --json     the same as one line for programs

Time: an LSTM that rounds against the same one that does not, in turn in one process; sizes are (time, batch, input,
hidden), training is forward, sum of the outputs, backward. Accuracy: the relative error of a gradient, |g' - g| / |g|
over all parameters; and a small net that reads characters, trained twice from the same start on the same batches: bits
a character of the held-out tenth of the text. The text is made by a chain of order two, so that the best possible is
known too.

Exit status: 0 within every limit, 1 a limit was missed.
"""

from __future__ import annotations

import argparse
import bisect
import dataclasses
import math
import sys
from collections.abc import Callable

import torch
from alternate import alternate
from limits import Limit, Verdict, judge
from torch import Tensor, nn
from torch.nn import functional as F

from gatefield.core.console import Console
from gatefield.recurrent import LSTM, Recurrent, detach_state, native
from gatefield.recurrent.state import LayerState

SIZES = ((100, 32, 128, 128), (100, 32, 256, 256), (50, 64, 512, 512))
SYMBOLS = 30
TILED, TRAINING, GRADIENT, BITS = 0.7, 1.25, 0.01, 0.02
"""Most of the time of float32, with tiles and without; relative error of a gradient; bits a character that are lost."""


class Characters(nn.Module):
    """Embedding, LSTM, scores of the next character."""

    def __init__(self, rounded: bool, width: int = 128) -> None:
        super().__init__()
        self.embedding, self.output = nn.Embedding(SYMBOLS, width), nn.Linear(width, SYMBOLS)
        self.layer = Recurrent(LSTM(width, width), bfloat16_products=rounded)

    def forward(self, text: Tensor, state: LayerState | None) -> tuple[Tensor, LayerState]:
        hidden, end = self.layer(self.embedding(text), state)
        return self.output(hidden), end


def chain(length: int) -> tuple[Tensor, float]:
    """A text whose characters depend on the two before them, and the bits a character that nobody can do without."""
    generator = torch.Generator().manual_seed(0)
    scores = 2.0 * torch.randn(SYMBOLS, SYMBOLS, SYMBOLS, generator=generator)
    limits = scores.softmax(2).cumsum(2).tolist()
    text = [0, 0]
    for chance in torch.rand(length, generator=generator).tolist():
        text.append(min(bisect.bisect(limits[text[-2]][text[-1]], chance), SYMBOLS - 1))
    symbols = torch.tensor(text)
    losses = F.cross_entropy(scores[symbols[:-2], symbols[1:-1]], symbols[2:])
    return symbols, float(losses) / math.log(2)


def bits(rounded: bool, text: Tensor, rows: int = 16, steps: int = 50, epochs: int = 3) -> float:
    """Bits a character of the last tenth of ``text`` after training on the rest."""
    torch.manual_seed(0)
    net = Characters(rounded)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    cut = len(text) * 9 // 10
    streams = text[: cut // rows * rows].view(rows, -1)
    for _ in range(epochs):
        state = None
        for start in range(0, streams.shape[1] - steps - 1, steps):
            given, wanted = (streams[:, start + k : start + k + steps] for k in (0, 1))
            scores, state = net(given, None if state is None else detach_state(state))
            optimizer.zero_grad()
            F.cross_entropy(scores.flatten(0, 1), wanted.flatten()).backward()
            optimizer.step()
    with torch.no_grad():
        held = text[cut:]
        scores, _ = net(held[None, :-1], None)
        return float(F.cross_entropy(scores[0], held[1:])) / math.log(2)


def training(layer: Recurrent, x: Tensor) -> Callable[[], None]:
    def once() -> None:
        layer.zero_grad()
        layer(x)[0].sum().backward()

    return once


def times(rounds: int, most: float, console: Console) -> list[Verdict]:
    verdicts = []
    for size in SIZES:
        steps, batch, inputs, hidden = size
        x, cell = torch.randn(batch, steps, inputs), LSTM(inputs, hidden)

        mine, other = f"bfloat16 training {size}", "float32"
        work = {mine: training(Recurrent(cell, bfloat16_products=True), x), other: training(Recurrent(cell), x)}
        timings = alternate(work, rounds)
        verdicts += judge([Limit(mine, other, most)], timings, counts=True)
        console.say(str(verdicts[-1]))
    return verdicts


def gradient_error() -> float:
    torch.manual_seed(0)
    cell, x = LSTM(128, 128), torch.randn(16, 100, 128)
    found = []
    for rounded in (True, False):
        output, _ = Recurrent(cell, bfloat16_products=rounded)(x)
        gradients = torch.autograd.grad(output.square().sum(), list(cell.parameters()))
        found.append(torch.cat([gradient.flatten() for gradient in gradients]))
    return float((found[0] - found[1]).norm() / found[1].norm())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count (default 9)")
    parser.add_argument("--characters", type=int, default=100_000, help="length of the text (default 100,000)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the table on stderr")
    options = parser.parse_args()
    console = Console()
    library = native.library()
    verdicts = times(options.rounds, TILED if library and library.tiles else TRAINING, console)
    error = gradient_error()
    text, least = chain(options.characters)
    plain, rounded = bits(False, text), bits(True, text)
    kernel = "none" if library is None else library.level + (" and tiles" if library.tiles else "")
    facts = [
        f"relative error of a gradient: {error:.2g}, limit {GRADIENT}",
        f"bits a character: {rounded:.4f} in bfloat16, {plain:.4f} in float32 (limit {BITS} more), least {least:.4f}",
        f"kernel: {kernel}; {torch.get_num_threads()} threads",
    ]
    if options.json:
        console.json({"bench": "bfloat16", "verdicts": [dataclasses.asdict(v) for v in verdicts], "facts": facts})
    (console.say if options.json else console.result)("\n".join([*map(str, verdicts), *facts]))
    missed = any(verdict.passed is False for verdict in verdicts)
    return int(missed or error > GRADIENT or rounded > plain + BITS)


if __name__ == "__main__":
    sys.exit(main())
