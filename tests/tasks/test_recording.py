"""What ``training.record`` notes after every epoch: the same over a resume, nothing where it is not asked for."""

from __future__ import annotations

import functools
import json

import pytest
import torch

from gatefield import train
from gatefield.core.errors import ArgumentError, InputError
from gatefield.core.run_folder import RunFolder
from gatefield.explain.gradient_flow import equal_pieces, gradient_by_layer, state_gradient_by_lag
from gatefield.functional.layer_outputs import layer_inputs
from gatefield.tasks.dissecting import dissect
from gatefield.tasks.language_modelling import LanguageModelling
from gatefield.tasks.network_sections import GRID, LINE
from gatefield.tasks.task import Session
from gatefield.tasks.text_classification import TextClassification
from gatefield.tasks.translation import Translation
from gatefield.training.batches import IGNORED
from gatefield.training.history import History
from gatefield.training.recorders import Measured, WeightsLog
from gatefield.training.weights import parse_tensors, read_content

ALL = ["gradient-by-layer", "gradient-by-lag", "trajectory"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def _task(data, record, task=TextClassification, epochs=3, **settings):
    config = task.sample(data).config()
    return task.from_config(config | {"training": {"epochs": epochs, "record": record}} | settings)


def _trained(data, out, record, task=TextClassification, epochs=3):
    return train(_task(data, record, task, epochs), out=out, report=False)


@pytest.fixture(scope="module")
def recorded(data, tmp_path_factory):
    return _trained(data, tmp_path_factory.mktemp("runs") / "recorded", ALL)


def _weights(path):
    return parse_tensors(read_content(path), str(path))[0]


def test_every_epoch_says_its_gradients(recorded, data):
    """Of the weights after that epoch, on the first mini-batch, by the functions of the library."""
    task, records = recorded.task, recorded.metrics
    assert len(records) == 3
    trained = task.batches(task.parts.train, task.training.batch_size, True, Session())
    batch = next(iter(trained.epoch(0)))
    layer = task.model.get_submodule("reader.encoder.layer")
    kept = {name: values.clone() for name, values in task.model.state_dict().items()}
    for epoch, record in enumerate(records, 1):
        task.model.load_state_dict(_weights(recorded.folder.path / "trajectory" / f"epoch-{epoch:04d}.safetensors"))

        def loss(model):
            return task.objective(model).loss(model(*batch.inputs), batch.targets)

        assert record["gradient_by_layer"] == pytest.approx(gradient_by_layer(task.model.eval(), loss), rel=1e-4)
        x = layer_inputs(task.model, batch.inputs, "reader.encoder.layer")
        pieces = equal_pieces([x[i : i + 1, :n] for i, n in enumerate(batch.inputs[1].tolist())], 60, 16)
        found = state_gradient_by_lag(layer, pieces).norm.quantile(0.5, dim=1)
        assert list(record["gradient_by_lag"]) == ["reader.encoder.layer"]
        assert record["gradient_by_lag"]["reader.encoder.layer"] == pytest.approx(found.tolist(), rel=1e-3)
    task.model.load_state_dict(kept)


def test_recording_changes_nothing_else(recorded, data, tmp_path):
    plain = _trained(data, tmp_path / "plain", [])
    for (name, ours), theirs in zip(recorded.task.model.named_parameters(), plain.task.model.parameters()):
        assert torch.equal(ours, theirs), name
    assert not any(key.startswith("gradient") for record in plain.metrics for key in record)
    assert not (plain.folder.path / "trajectory").exists()
    same = {"epoch", "train_loss", "validation_loss", "validation_accuracy", "learning_rate"}
    for ours, theirs in zip(recorded.metrics, plain.metrics):
        assert {key: ours[key] for key in same & ours.keys()} == {key: theirs[key] for key in same & theirs.keys()}


def test_a_report_draws_them_where_there_are_some(recorded, data, tmp_path):
    text = recorded.report().read_text()
    assert "Gradient over training" in text
    assert "Gradient by time lag" in text
    assert "Gradient over training" not in _trained(data, tmp_path / "plain", []).report().read_text()


def test_the_way_of_training_is_dissected(recorded, data, tmp_path):
    found = dissect(recorded, ["landscape"], out=tmp_path / "page.html").findings["landscape"]
    assert len(found["way"]["coordinates"]) == 4  # before the first epoch and after each of three
    best = History(recorded.task.training.monitor, recorded.metrics).best_epoch or 3
    assert found["way"]["coordinates"][best] == pytest.approx([0, 0], abs=1e-5)
    assert sum(found["way"]["explained"]) <= 1 + 1e-6
    assert "way of training, from before" in (tmp_path / "page.html").read_text()
    for line in found["profiles"].values():
        assert len(line) == LINE
        assert line[LINE // 2] == found["loss"]
        assert [line[0], line[-1]] != [found["loss"]] * 2
    ends = [found["surface"][GRID // 2][k] for k in (0, -1)]
    assert [found["profiles"]["first direction"][k] for k in (0, -1)] == pytest.approx(ends)
    plain = _trained(data, tmp_path / "plain", [])
    found = dissect(plain, ["landscape"], out=tmp_path / "other.html").findings["landscape"]
    assert "way" not in found
    assert "not drawn" in (tmp_path / "other.html").read_text()


def test_a_language_model_carries_its_state_and_is_recorded_too(tmp_path):
    (tmp_path / "data").mkdir()
    run = _trained(tmp_path / "data", tmp_path / "run", ALL[:2], LanguageModelling, epochs=2)
    for record in run.metrics:
        assert list(record["gradient_by_lag"]) == ["encoder.layer"]
        assert all(norm >= 0 for norm in record["gradient_by_lag"]["encoder.layer"])
        assert json.dumps(record)


def test_a_run_that_is_taken_up_again_says_the_same(data, tmp_path):
    def fitted(folder, *epochs):
        for count in epochs:
            torch.manual_seed(0)
            task = _task(data, ALL, epochs=count)
            task.prepare(Session())
            task.fit(Session(), folder)
        return folder.read_metrics()

    unbroken = fitted(RunFolder.create(tmp_path / "unbroken"), 4)
    resumed = fitted(RunFolder.create(tmp_path / "resumed"), 2, 4)
    for ours, theirs in zip(resumed, unbroken, strict=True):
        assert ours["gradient_by_layer"] == theirs["gradient_by_layer"]
        assert ours["gradient_by_lag"] == theirs["gradient_by_lag"]
    ways = [sorted((tmp_path / name / "trajectory").iterdir()) for name in ("unbroken", "resumed")]
    assert [path.read_bytes() for path in ways[0]] == [path.read_bytes() for path in ways[1]]
    assert len(ways[0]) == 5


def test_a_decoder_is_cut_by_the_lengths_that_it_is_told_itself(tmp_path):
    (tmp_path / "data").mkdir()
    run = _trained(tmp_path / "data", tmp_path / "run", ["gradient-by-lag"], Translation, epochs=1)
    task = run.task
    batch = next(iter(task.batches(task.parts.train, task.training.batch_size, True, Session()).epoch(0)))
    ends = (batch.targets != IGNORED).sum(1)
    norms = run.metrics[0]["gradient_by_lag"]["decoder.recurrent"]
    assert len(norms) == min(60, int(ends.max()))
    assert norms[0] > 0


def test_what_cannot_be_recorded(data, tmp_path):
    with pytest.raises(ArgumentError, match="gradient-by-lags") as caught:
        _task(data, ["gradient-by-lags"])
    assert "did you mean 'gradient-by-lag'" in caught.value.hint
    both = {"name": "recurrent", "hidden": [4], "bidirectional": True}
    task = _task(data, ["gradient-by-lag"], model={"name": "sequence-classifier", "embedding": 4, "encoder": both})
    with pytest.raises(InputError, match="reads from the past alone"):
        train(task, out=tmp_path / "run")


# ------------------------------------------------------------------------------------------------- the recorders alone


def test_what_was_measured_is_not_measured_again():
    values = iter(range(10))
    measured = Measured("value", functools.partial(next, values))
    history = History()
    measured.update(history)  # training begins
    history.records.append({"epoch": 1})
    measured.update(history)
    measured.update(history)  # taken up again in the middle of the second epoch
    history.records.append({"epoch": 2})
    measured.update(history)
    assert [record["value"] for record in history.records] == [0, 1]


def test_weights_of_each_epoch_are_written_once(tmp_path):
    folder = RunFolder.create(tmp_path / "run").path / "trajectory"
    model, history = torch.nn.Linear(2, 1), History()
    log = WeightsLog(model, folder)
    for epoch in range(3):
        log.update(history)
        before = {name: values.clone() for name, values in model.state_dict().items()}
        with torch.no_grad():
            model.weight.add_(1)
        log.update(history)  # in the middle of the next epoch
        written = _weights(folder / f"epoch-{epoch:04d}.safetensors")
        assert all(torch.equal(written[name], values) for name, values in before.items())
        history.records.append({"epoch": epoch + 1})
    assert [path.name for path in sorted(folder.iterdir())] == [f"epoch-{n:04d}.safetensors" for n in range(3)]
