"""Recurrent cells in training and inference: Gatefield against torch's fused layers.

    python bench/recurrent.py                    every cell at every size
    python bench/recurrent.py --cells lstm gru   some of them
    python bench/recurrent.py --json             the same as one line for programs

Contestants run in turn in one process; what counts is the ratio within a round, its median over the rounds. Sizes are
(time, batch, input, hidden). Training is forward, sum of the outputs, backward to all parameters; inference is forward
without gradients. Beside each pair stands what the layer of torch multiplies, and nothing else, made by torch.mm in
products as large as they can be, of all steps at once: no program whose products are no faster than those, and a step
has to wait for the one before, can take less. Before anything is timed, every cell is compared with its slow loop,
outputs and gradients.

Exit status: 0 measured and within every limit, 1 a comparison failed before measuring or a limit was missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import torch
from alternate import alternate
from limits import Limit, Verdict, judge
from torch import Tensor, nn
from torch.nn import functional as F

from gatefield.core.console import Console
from gatefield.recurrent import (
    GRU,
    IRNN,
    LSTM,
    Cell,
    ConvLSTM,
    CoupledLSTM,
    Elman,
    LayerNormLSTM,
    LeakyRNN,
    MultiplicativeLSTM,
    PeepholeLSTM,
    Recurrent,
    biases,
    input_weights,
    recurrent_weights,
    scan,
)

Size = tuple[int, int, int, int]
SIZES: tuple[Size, ...] = (
    (100, 32, 128, 128),
    (100, 32, 256, 256),
    (100, 64, 512, 512),
    (50, 1, 64, 64),
    (784, 64, 1, 128),
)


class Minimal(Cell):
    """A cell that no library has, written here: a forget gate, and an output gate that sees the new state."""

    states = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W, self.U = input_weights(input_size, hidden_size, gates=3), recurrent_weights(hidden_size, gates=3)
        self.b = biases(hidden_size, 1.0, 0.0, 0.0)

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c = state
        f, g, o = (F.linear(x, self.W, self.b) + F.linear(h, self.U)).chunk(3, 1)
        f = torch.sigmoid(f)
        c = f * c + (1 - f) * torch.relu(g)
        return torch.sigmoid(o + c) * c, c


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A cell, the layer of torch it is measured against, and the most of that one's time it may take."""

    make: Callable[[int, int], Cell]
    peer: type[nn.RNNBase]
    training: float
    inference: float


CELLS: dict[str, Contestant] = {
    "lstm": Contestant(LSTM, nn.LSTM, 1.0, 1.05),
    "peephole-lstm": Contestant(PeepholeLSTM, nn.LSTM, 1.0, 1.05),
    "coupled-lstm": Contestant(CoupledLSTM, nn.LSTM, 1.0, 1.05),
    "leaky-rnn": Contestant(LeakyRNN, nn.LSTM, 1.0, 1.05),
    "written here": Contestant(Minimal, nn.LSTM, 1.0, 1.05),
    "gru, reset before": Contestant(GRU, nn.GRU, 0.6, 0.6),
    "gru, reset after": Contestant(lambda i, h: GRU(i, h, reset="after", update="torch"), nn.GRU, 0.6, 0.6),
    "elman": Contestant(Elman, nn.RNN, 0.6, 0.6),
    "irnn": Contestant(IRNN, nn.RNN, 0.6, 0.6),
    "multiplicative-lstm": Contestant(MultiplicativeLSTM, nn.LSTM, 1.2, 1.5),
    "layer-norm-lstm": Contestant(LayerNormLSTM, nn.LSTM, 1.2, 1.5),
}
FIRST_USE = 0.150
ALONE = "its products alone"


class Mismatch(Exception):
    """A fast path that does not compute what its slow loop does."""


def require_equal(name: str, cell: Cell) -> None:
    """Outputs and gradients of the layer against the plain loop, at a length beyond one chunk.

    Raises:
        Mismatch: they differ by more than 1e-4 of the largest value.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 11, cell.input_size, generator=generator)
    layer = Recurrent(cell)
    output, _ = layer(x)
    output.square().sum().backward()
    fast = [output.detach(), *(parameter.grad.clone() for parameter in cell.parameters() if parameter.grad is not None)]
    cell.zero_grad()
    start = cell.initial_state(3, (cell.input_size,), x.dtype, x.device)
    states, _ = scan(cell, x.transpose(0, 1), start)
    slow_output = states[cell.emitted].transpose(0, 1)
    slow_output.square().sum().backward()
    slow = [slow_output.detach(), *(parameter.grad for parameter in cell.parameters() if parameter.grad is not None)]
    for mine, other in zip(fast, slow, strict=True):
        if not (mine - other).abs().max() <= 1e-4 * (1 + other.abs().max()):
            raise Mismatch(f"{name}: the fast path differs from the loop by {(mine - other).abs().max():.2g}")


def training(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    def once() -> None:
        layer.zero_grad()
        layer(x)[0].sum().backward()

    return once


def inference(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    def once() -> None:
        with torch.no_grad():
            layer(x)

    return once


def products(peer: nn.RNNBase, x: Tensor, trains: bool) -> Callable[[], None]:
    """What a layer multiplies in all steps, x W^T and h U^T; in training also d U, d^T x and d^T h."""
    W, U = peer.weight_ih_l0.detach(), peer.weight_hh_l0.detach()  # type: ignore[union-attr]
    rows = x.flatten(0, 1)
    h, d = torch.randn(len(rows), U.shape[1]), torch.randn(len(rows), U.shape[0])
    pairs = [(rows, W.t()), (h, U.t())]
    if trains:
        pairs += [(d, U), (d.t(), rows), (d.t(), h)]
    outputs = [torch.empty(len(a), b.shape[1]) for a, b in pairs]

    def once() -> None:
        for (a, b), output in zip(pairs, outputs):
            torch.mm(a, b, out=output)

    return once


def often(work: Callable[[], None], seconds: float = 0.02) -> int:
    """How often ``work`` fits into so many seconds, at least once: one timing shall be no matter of luck."""
    work()
    begun = time.perf_counter()
    work()
    return max(1, round(seconds / max(time.perf_counter() - begun, 1e-6)))


def times(work: Callable[[], None], count: int) -> Callable[[], None]:
    def several() -> None:
        for _ in range(count):
            work()

    return several


def measure(size: Size, names: Sequence[str], rounds: int, console: Console) -> tuple[list[Verdict], dict[str, float]]:
    """Each cell against its peer, both in training and in inference, one pair at a time; and the peer's products."""
    steps, batch, inputs, hidden = size
    x = torch.randn(batch, steps, inputs)
    verdicts: list[Verdict] = []
    floors: dict[str, float] = {}
    for name in names:
        contestant = CELLS[name]
        mine, peer = Recurrent(contestant.make(inputs, hidden)), contestant.peer(inputs, hidden, batch_first=True)
        for mode, work, most in (
            ("training", training, contestant.training),
            ("inference", inference, contestant.inference),
        ):
            own, other = f"{name} {mode} {size}", f"nn.{contestant.peer.__name__}"
            contestants = {own: work(mine, x), other: work(peer, x), ALONE: products(peer, x, mode == "training")}
            count = max(often(once) for once in (contestants[own], contestants[other]))
            timings = alternate({key: times(once, count) for key, once in contestants.items()}, rounds)
            verdicts += judge([Limit(own, other, most)], timings, counts=True)
            floor = timings.ratio(ALONE, other).median
            console.say(f"{verdicts[-1]}  ({ALONE}: {floor:.3f})")
            floors[own] = floor
    return verdicts, floors


def convolutional(rounds: int) -> list[Verdict]:
    """ConvLSTM against the loop that everybody writes: one convolution of [x, h] a step."""
    x = torch.randn(4, 20, 1, 16, 16)
    layer = Recurrent(ConvLSTM(1, 16))
    convolution = nn.Conv2d(17, 64, 3, padding=1)

    def usual() -> None:
        convolution.zero_grad()
        h, c, outputs = torch.zeros(4, 16, 16, 16), torch.zeros(4, 16, 16, 16), []
        for step in range(x.shape[1]):
            i, f, o, g = convolution(torch.cat([x[:, step], h], 1)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        torch.stack(outputs, 1).sum().backward()

    timings = alternate({"conv-lstm training": training(layer, x), "the usual loop": usual}, rounds)
    return judge([Limit("conv-lstm training", "the usual loop", 0.5)], timings, counts=True)


def first_use() -> float:
    """Seconds that the first training step of a new cell takes beyond the second one."""
    layer, x = Recurrent(PeepholeLSTM(61, 67)), torch.randn(3, 5, 61)
    once = training(layer, x)
    seconds = []
    for _ in range(2):
        begun = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - begun)
    return seconds[0] - seconds[1]


PEAK = """
import pathlib, re, sys, torch
from gatefield.recurrent import LSTM, Recurrent

def kilobytes(key):  # of this process alone; getrusage would tell the parent's peak
    return int(re.search(rf"{key}:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])

x = torch.randn(64, 100, 512)
layer = Recurrent(LSTM(512, 512)) if sys.argv[1] == "mine" else torch.nn.LSTM(512, 512, batch_first=True)
before = kilobytes("VmRSS")
for _ in range(3):
    layer.zero_grad()
    layer(x)[0].sum().backward()
print(kilobytes("VmHWM") - before)
"""


def peak_memory() -> dict[str, float]:
    """MiB that training at (100, 64, 512, 512) adds to a process, for Recurrent(LSTM) and nn.LSTM."""

    def peak(which: str) -> float:
        done = subprocess.run([sys.executable, "-c", PEAK, which], capture_output=True, text=True, check=True)
        return int(done.stdout) / 1024

    return {"mine": peak("mine"), "nn.LSTM": peak("theirs")}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count (default 9)")
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=list(CELLS), help="which cells")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(range(len(SIZES))), help="which sizes, from 0")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the table on stderr")
    options = parser.parse_args()
    console = Console()
    torch.manual_seed(0)
    try:
        for name in options.cells:
            require_equal(name, CELLS[name].make(7, 9))
    except Mismatch as mismatch:
        console.warn(f"nothing is reported: {mismatch}")
        return 1
    path = Recurrent(LSTM(8, 8)).fast_path(torch.zeros(1, 1, 8))
    console.say(f"path: {path}; {torch.get_num_threads()} threads")
    first = first_use()
    verdicts: list[Verdict] = []
    floors: dict[str, float] = {}
    for k in options.sizes:
        measured, beside = measure(SIZES[k], options.cells, options.rounds, console)
        verdicts += measured
        floors |= beside
    verdicts += convolutional(options.rounds)
    console.say(str(verdicts[-1]))
    memory = peak_memory()
    facts = [
        f"first use of a cell beyond the second: {1000 * first:.0f} ms, limit {1000 * FIRST_USE:.0f} ms",
        f"peak memory in training, (100, 64, 512, 512): {memory['mine']:.0f} MiB, nn.LSTM {memory['nn.LSTM']:.0f} MiB",
    ]
    if options.json:
        rows = [dataclasses.asdict(v) | {"products_alone": floors.get(v.limit.mine)} for v in verdicts]
        console.json({"bench": "recurrent", "verdicts": rows, "facts": facts})
    else:
        beside = {v: floors.get(v.limit.mine) for v in verdicts}
        lines = [f"{v}" if floor is None else f"{v}  ({ALONE}: {floor:.3f})" for v, floor in beside.items()]
        console.result("\n".join([*lines, *facts]))
    missed = [v for v in verdicts if v.passed is False]
    return int(bool(missed) or first > FIRST_USE or memory["mine"] > memory["nn.LSTM"])


if __name__ == "__main__":
    sys.exit(main())
