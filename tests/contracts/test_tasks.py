"""What every task keeps: it trains on its sample, can be asked after loading, and its recipe builds it again."""

from __future__ import annotations

import json
import pathlib
from typing import NamedTuple

import pytest

from gatefield import load, train
from gatefield.core.discovery import family
from gatefield.core.errors import InputError
from gatefield.tasks.attacking import attack, attackable
from gatefield.tasks.attacking_page import describe
from gatefield.tasks.recipes import recipe_from, task_from
from gatefield.tasks.run import Run
from gatefield.tasks.task import Session, Task

TASKS = family(Task).classes


@pytest.fixture(params=TASKS, ids=lambda cls: cls.name)
def task(request, tmp_path) -> Task:
    (tmp_path / "data").mkdir()
    return request.param.sample(tmp_path / "data")


class Trained(NamedTuple):
    """A run, and the folder in which its data lie."""

    run: Run
    data: pathlib.Path

    @property
    def folder(self) -> pathlib.Path:
        return self.run.folder.path


@pytest.fixture(scope="module", params=TASKS, ids=lambda cls: cls.name)
def trained(request, tmp_path_factory) -> Trained:
    """Trained once for all tests that only look at it."""
    folder = tmp_path_factory.mktemp(request.param.name)
    (folder / "data").mkdir()
    return Trained(train(request.param.sample(folder / "data"), out=folder / "run", seed=3), folder / "data")


def test_recipe_round_trip(task):
    recipe = recipe_from(task)
    assert recipe_from(task_from(recipe)).values == recipe.values
    assert recipe.values["task"] == task.name


def test_trains_measures_and_loads(trained):
    run = trained.run
    metrics = run.evaluate()
    assert {"split", "count", "loss"} <= set(metrics)
    assert metrics["count"] > 0
    json.dumps(metrics)
    assert str(metrics["count"]) in run.task.describe(metrics)
    loaded = load(trained.folder)
    assert loaded.session.seed == 3
    assert loaded.evaluate() == metrics
    assert (trained.folder / "report.html").stat().st_size > 1000
    require_attackable(loaded)


def require_attackable(run: Run) -> None:
    """Its own data can be attacked; an attack that may change nothing changes nothing, and any is told as JSON."""
    offered = attackable(run.task, [], 3)
    assert len(offered.names) <= 3
    (usual,) = (each for each in offered.able() if each.name == offered.method)
    nothing = attack(run, method={"name": usual.name, usual.budget: 0}, count=3).to_dict()
    told = "accuracy" if "accuracy" in nothing else "error"
    assert nothing[told] == nothing[f"{told}_attacked"]
    attacked = attack(run, count=3)
    assert json.loads(json.dumps(attacked.to_dict()))["count"] == len(offered.names)
    assert describe(attacked).startswith(attacked.title())


def test_same_seed_same_bits_and_another_seed_others(task, tmp_path):
    def weights(name: str, seed: int) -> bytes:
        fresh = task_from(recipe_from(task))
        return train(fresh, out=tmp_path / name, seed=seed, report=False).folder.weights.read_bytes()

    first = weights("first", 1)
    assert weights("second", 1) == first
    assert weights("third", 2) != first


def test_loading_needs_no_training_data(trained):
    there = any(trained.data.rglob("*"))
    elsewhere = trained.data.rename(trained.data.with_name("elsewhere"))
    try:
        loaded = load(trained.folder)
        assert sum(parameter.numel() for parameter in loaded.task.model.parameters()) > 0
        if not there:  # its data are computed
            assert loaded.evaluate()["count"] > 0
            return
        with pytest.raises(InputError, match=str(trained.data)):
            loaded.evaluate()
    finally:
        elsewhere.rename(trained.data)


def test_unfinished_or_untrained_says_so(task, tmp_path):
    with pytest.raises(InputError, match="not trained"):
        next(iter(task.predict(Session(), [b""])))
    with pytest.raises(InputError):
        load(tmp_path)


def test_run_folder_holds_nothing_that_must_be_unpickled(trained):
    for path in trained.folder.rglob("*"):
        if path.is_file():
            assert path.suffix in {".yaml", ".json", ".jsonl", ".safetensors", ".html"} or "tfevents" in path.name
            assert path.suffix == ".safetensors" or path.read_bytes()[:1] != b"\x80"
