"""The problems that need a memory: what is drawn, what a network without one reaches, and that others solve them."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
import torch

from gatefield import load, train
from gatefield.core.errors import ArgumentError, InputError
from gatefield.data.synthetic.adding_problem import adding_problem
from gatefield.tasks.memory_problems import MemoryProblem
from gatefield.tasks.memory_sequences import PROBLEMS, DrawnBatches
from gatefield.tasks.task import Session
from gatefield.training.objective import objective_for
from gatefield.training.settings import Training

NAMES = list(PROBLEMS)
GRU = {"name": "recurrent", "cell": "gru", "hidden": [16]}
ADAM = {"name": "adam", "learning_rate": 0.02}


def problem(name: str, **settings) -> MemoryProblem:
    given = {"length": 12, "samples": 64, "encoder": GRU, "training": Training(epochs=1, batch_size=16), **settings}
    return MemoryProblem(name, **given)  # type: ignore[arg-type]


def batches(name: str, rows: int = 10, batch_size: int = 4, **settings) -> Any:
    return DrawnBatches(name, 12, rows, batch_size, **{"seed": 3, "fresh": True, **settings})


@pytest.mark.parametrize("name", NAMES)
def test_batches_depend_on_seed_epoch_and_step_alone(name):
    first, again = list(batches(name).epoch(2)), list(batches(name).epoch(2, start=1))
    assert [len(batch.indices) for batch in first] == [4, 4, 2]
    assert [batch.size for batch in first] == batches(name).sizes(2)
    assert torch.cat([batch.indices for batch in first]).tolist() == list(range(10))
    for one, other in zip(first[1:], again):
        assert torch.equal(one.inputs[0], other.inputs[0])
        assert torch.equal(one.targets, other.targets)
    others = [first[1], *batches(name).epoch(3), *batches(name, seed=4).epoch(2)]
    assert not any(torch.equal(first[0].inputs[0], other.inputs[0][:4]) for other in others)
    fixed = [next(batches(name, fresh=False).epoch(epoch)).inputs[0] for epoch in (0, 5)]
    assert torch.equal(*fixed)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("world", [2, 5])
def test_processes_share_a_batch(name, world):
    whole = list(batches(name, rows=6).epoch(0))
    parts = [list(batches(name, rows=6, rank=rank, world=world).epoch(0)) for rank in range(world)]
    for step, batch in enumerate(whole):
        mine = [part[step] for part in parts]
        assert sum(part.share for part in mine) == pytest.approx(1)
        counted = [part for part in mine if part.share]
        assert torch.equal(torch.cat([part.inputs[0] for part in counted]), batch.inputs[0])
        assert torch.equal(torch.cat([part.targets for part in counted]), batch.targets)
        assert torch.equal(torch.cat([part.indices for part in counted]), batch.indices)
        assert all(len(part.indices) for part in mine)  # a process without a part takes one that does not count


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_a_memory_reaches_the_baseline(name):
    """The best constant answer, or guess, measured by the objective itself on many sequences."""
    wanted = PROBLEMS[name]
    drawn = wanted.draw(20_000, 12, 5)
    if name == "adding":
        outputs = torch.ones_like(drawn.targets)
    else:
        outputs = torch.zeros(*drawn.targets.shape, wanted.answers)
        if name == "copy":  # blanks until the end, then one of the eight symbols
            outputs[:, :-10] = torch.tensor([0.0] + [-40.0] * 9)
            outputs[:, -10:] = torch.tensor([-40.0] + [0.0] * 8 + [-40.0])
    loss = float(objective_for(wanted.output).loss(outputs, drawn.targets))
    assert loss == pytest.approx(wanted.baseline(12), rel=0.02)


def test_the_objective_counts_the_asked_step_alone():
    """Half the mean squared error of the last step, whatever is said before."""
    x, y = adding_problem(7, 12, seed=1)
    drawn = PROBLEMS["adding"].draw(7, 12, 1)
    assert torch.equal(drawn.inputs, x)
    said = torch.randn(7, 12, 1, requires_grad=True)
    loss = objective_for("linear").loss(said, drawn.targets)
    errors = (said.detach()[:, -1, 0] - y).numpy()
    assert loss.item() == pytest.approx(numpy.mean(errors**2) / 2, rel=1e-5)
    loss.backward()
    assert said.grad is not None
    assert not said.grad[:, :-1].any()
    assert said.grad[:, -1].all()


@pytest.mark.parametrize("name", NAMES)
def test_metrics_by_hand(name, tmp_path):
    run = train(problem(name), out=tmp_path / "run", report=False)
    metrics = run.evaluate()
    own: Any = run.task
    inputs, targets = [], []
    for batch in own.batches(own.part("test")[1], 1000, False, Session(seed=9)).epoch(0):
        inputs.append(batch.inputs[0])
        targets.append(batch.targets)
    # another size of batches draws other sequences of the same kind: compare what both measure on these
    (x,), (t,) = inputs, targets
    with torch.inference_mode():
        z = own.model(x)[0]
    if name == "adding":
        expected = float((z[:, -1, 0] - t[:, -1, 0]).square().mean())
        assert metrics["mean_squared_error"] == pytest.approx(expected, rel=0.15)
        assert metrics["loss"] == pytest.approx(metrics["mean_squared_error"] / 2)
    else:
        k = 10 if name == "copy" else 1
        assert metrics["accuracy"] == pytest.approx(float((z.argmax(2) == t)[:, -k:].float().mean()), abs=0.06)
        log_p = z.log_softmax(2)
        mine = log_p[:, -1:].gather(2, t[:, -1:, None]) if k == 1 else log_p.gather(2, t[:, :, None])
        assert metrics["loss"] == pytest.approx(-float(mine.mean()), rel=0.1)
    assert load(run.folder.path).evaluate() == metrics


def test_every_seed_is_measured_on_the_same_sequences():
    def measured(items: Any, seed: int) -> Any:
        return next(problem("copy").batches(items, 8, False, Session(seed=seed)).epoch(0)).targets

    parts = problem("copy", samples=70).parts
    assert parts.test is not None
    assert parts.validation is not None
    assert parts.test == problem("copy").parts.test
    assert torch.equal(measured(parts.test, 1), measured(parts.test, 2))
    assert not torch.equal(measured(parts.test, 1), measured(parts.validation, 1))


def test_a_gru_learns_the_order_of_two_symbols(tmp_path):
    training = Training(epochs=8, batch_size=32, optimizer=ADAM)  # type: ignore[arg-type]
    run = train(problem("temporal-order", samples=640, training=training), out=tmp_path / "run", report=False)
    metrics = run.evaluate()
    assert metrics["accuracy"] > 0.9
    assert metrics["loss"] < 0.5 * metrics["without_memory"] == 0.5 * math.log(4)
    answers = list(run.predict([str(number) for number in range(20)]))
    assert sum(answer["answer"] == answer["right"] for answer in answers) > 15
    assert {answer["right"] for answer in answers} == {"XX", "XY", "YX", "YY"}


def test_refuses_what_cannot_be(tmp_path):
    run = train(problem("copy"), out=tmp_path / "run", report=False)
    for given in ("one", "-1", "1.5", b"\xff"):
        with pytest.raises(InputError, match="no whole number") as caught:
            next(run.predict([given]))
        assert caught.value.hint
    with pytest.raises(ArgumentError) as short:
        problem("adding", length=5)
    assert short.value.path == ("length",)
