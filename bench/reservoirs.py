"""Echo state networks against reservoirpy: set-up, fit and 2,000 free-running steps, alternating in one process.

    python bench/reservoirs.py SERIES                 SERIES: text, one value a line (MackeyGlass_t17.txt)
    python bench/reservoirs.py SERIES --units 300     one size
    python bench/reservoirs.py SERIES --json          the same as one line for programs

Both learn 2,000 steps and run freely for as many. Before anything is timed, states are compared for equal weights.
reservoirpy is at its defaults but for the spectral radius, leak and ridge, which are ours; its recurrent matrix has one
link in ten, as it advises, ours 10 links a unit, as the guide of Lukosevicius does.

Threads are those of the environment (OMP_NUM_THREADS), and printed with the ratios.

Exit status: 0 measured and within every limit, 1 states differ or a limit was missed, 2 reservoirpy is not installed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy
import torch
from alternate import alternate
from limits import Limit, judge

from gatefield.core.console import Console
from gatefield.models.reservoir.diagnosis import horizon_error
from gatefield.models.reservoir.echo_state_network import EchoStateNetwork
from gatefield.recurrent.cells.echo_state import EchoState

TRAIN, FREE, LEAK, RADIUS, BETA = 2000, 2000, 0.3, 1.25, 1e-8
LIMITS = {300: 0.5, 1000: 0.35, 3000: 0.1}
MOST_DIFFERENT = 1e-6  # states, for equal weights


def ours(series: torch.Tensor, units: int) -> EchoStateNetwork:
    net = EchoStateNetwork(1, 1, units, leak=LEAK, spectral_radius=RADIUS, beta=BETA)
    state = net.fit(series[None, :TRAIN], series[None, 1 : TRAIN + 1])
    net.generate(FREE, state)
    return net


def theirs(series: numpy.ndarray, units: int) -> None:
    from reservoirpy.nodes import Reservoir, Ridge

    model = Reservoir(units, lr=LEAK, sr=RADIUS) >> Ridge(ridge=BETA)
    model.fit(series[:TRAIN], series[1 : TRAIN + 1], warmup=100)
    y = series[TRAIN]
    for _ in range(FREE):
        y = model.step(y)


def largest_difference(series: numpy.ndarray) -> float:
    """Of the states of both, for equal weights."""
    from reservoirpy.nodes import Reservoir

    cell = EchoState(1, 200, LEAK, RADIUS).double()
    peer = Reservoir(lr=LEAK, W=cell.recurrent().numpy(), Win=cell.W.numpy(), bias=cell.b.numpy(), input_dim=1)
    mine = cell.reservoir().drive(series[:1000, :, None], numpy.zeros((200, 1)))[:, :, 0]
    return float(numpy.abs(mine - peer.run(series[:1000])).max())


def threads() -> dict[str, int]:
    """Threads of torch, and of the library behind NumPy's products: both sides compute with the latter."""
    from threadpoolctl import threadpool_info

    own = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {"torch": torch.get_num_threads(), "blas": max(own, default=1)}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("series", help="text file, one value a line")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default 5)")
    parser.add_argument("--units", type=int, nargs="+", choices=list(LIMITS), default=list(LIMITS), help="sizes")
    parser.add_argument("--seeds", type=int, default=5, help="networks for the error at step 84 (default 5; 0: none)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the table on stderr")
    options = parser.parse_args()
    console = Console()
    try:
        import reservoirpy  # noqa: F401
    except ModuleNotFoundError:
        console.warn("reservoirpy is not installed: pip install reservoirpy")
        return 2
    array = numpy.loadtxt(options.series)[:, None]
    series = torch.from_numpy(array)
    torch.manual_seed(0)
    difference = largest_difference(array)
    if not difference < MOST_DIFFERENT:
        console.warn(f"nothing is reported: states differ by {difference:.2g}, and may by {MOST_DIFFERENT:g}")
        return 1
    used = threads()
    told = ", ".join(f"{name} {count}" for name, count in used.items())
    head = f"threads: {told}; largest difference of states {difference:.1e}, limit {MOST_DIFFERENT:g}"
    console.say(head)
    verdicts = []
    for units in options.units:
        names = f"ours, {units} units", f"reservoirpy, {units}"
        timings = alternate(
            {names[0]: lambda n=units: ours(series, n), names[1]: lambda n=units: theirs(array, n)},
            options.rounds,
            console.say,
        )
        verdicts += judge([Limit(*names, LIMITS[units])], timings, counts=True)
        console.say(str(verdicts[-1]))
    errors = []
    for seed in range(options.seeds):
        torch.manual_seed(seed)
        errors.append(horizon_error(ours(series, 1000), series[TRAIN : TRAIN + 6000]))
        console.say(f"seed {seed}: NRMSE 84 {errors[-1]:.5f}")
    median = float(numpy.median(errors)) if errors else None
    if options.json:
        found = [dataclasses.asdict(verdict) for verdict in verdicts]
        content = {"bench": "reservoirs", "threads": used, "difference": difference, "verdicts": found}
        console.json(content | {"nrmse84": median})
    else:
        facts = [] if median is None else [f"NRMSE 84 of 1000 units, median of {len(errors)} seeds: {median:.5f}"]
        columns = f"{'time of ours / theirs':48}  {'median':>6}  {'range':>10}  limit"
        console.result("\n".join([head, columns, *map(str, verdicts), *facts]))
    return int(any(verdict.passed is False for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
