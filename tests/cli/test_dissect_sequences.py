"""``gatefield dissect`` of runs on sequences: gates, units, attention, gradients by lag."""

from __future__ import annotations

import json

import pytest
import torch
from command_line import gatefield, refused, trained_sample

from gatefield import load, train
from gatefield.explain.gates import gate_traces
from gatefield.functional.layer_outputs import layer_outputs
from gatefield.tasks.direction_tagging import DirectionTagging
from gatefield.tasks.dissecting import dissect
from gatefield.tasks.forecasting import Forecasting
from gatefield.tasks.frame_prediction import FramePrediction
from gatefield.tasks.language_modelling import LanguageModelling
from gatefield.tasks.memory_problems import MemoryProblem
from gatefield.tasks.sequence_sections import SECTIONS
from gatefield.tasks.tagging import Tagging
from gatefield.tasks.text_classification import TextClassification
from gatefield.tasks.translation import Translation
from gatefield.training.settings import Training


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    return trained_sample(tmp_path_factory, LanguageModelling)


@pytest.fixture(scope="module")
def translation(tmp_path_factory):
    return trained_sample(tmp_path_factory, Translation)


def _without_hooks(model) -> bool:
    return not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_language_model_over_a_text_of_ones_own(language, tmp_path):
    text = "7 sheep went over"
    out = tmp_path / "page.html"
    outcome = gatefield("dissect", language.folder.path, text, "--what", "gates,units,lags", "--out", out, "--json")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    model, task = language.task.model, language.task
    reading = task.reading(text)
    (traces,) = gate_traces(model, reading.inputs)
    assert set(told["gates"]) == {"encoder.layer"}
    shares = told["gates"]["encoder.layer"]
    assert set(shares) == {"i", "f", "o"}  # the candidate g is no gate
    assert shares["f"]["open"] == pytest.approx(float((traces["f"] > 0.9).double().mean()))
    layer = told["units"]["layer"]
    activity = layer_outputs(model, reading.inputs, [layer])[layer][0].detach()
    symbols = reading.exhibit.tokens
    for unit, contexts in told["units"]["units"].items():
        place = int(activity[:, int(unit)].argmax())
        assert contexts[0]["value"] == pytest.approx(float(activity[place, int(unit)]))
        assert contexts[0]["symbol"] == symbols[place]
        assert contexts[0]["before"] == "".join(symbols[max(place - 24, 0) : place])
        assert contexts[0]["after"] == ""  # it reads forward only
    for curve in told["lags"].values():
        assert curve["lag"][0] == 0
        assert max(curve["share"]) <= 1
        assert curve["share"][0] > curve["share"][-1] >= 0  # two epochs: the past fades
    page = out.read_text()
    assert all(f">{heading}</h2>" in page for heading in ("Gates", "What excites a unit most", "Gradient by time lag"))
    assert ">Loss landscape</h2>" not in page


@pytest.mark.slow
def test_everything_about_a_translator(translation):
    run = load(translation.folder.path)
    before = {name: values.clone() for name, values in run.task.model.state_dict().items()}
    found = dissect(run, count=6)
    assert list(found.findings) == list(SECTIONS)
    assert found.findings["attention"]["maps"] > 0
    assert found.findings["landscape"]["lowest"] <= found.findings["landscape"]["loss"]
    for name, values in run.task.model.state_dict().items():
        assert torch.equal(values, before[name]), name
    assert _without_hooks(run.task.model)
    page = found.page.read_text()
    for heading in ("Where it looks", "Loss landscape", "Gradient flow", "Histograms"):
        assert f">{heading}</h2>" in page


def test_contexts_do_not_reach_into_the_sentence_before(tmp_path_factory):
    run = trained_sample(tmp_path_factory, Tagging)
    found = dissect(run, ["units"]).findings["units"]
    sentences = [" ".join(item.words) for item in run.task.part(None)[1]]
    for contexts in found["units"].values():
        for context in contexts:
            seen = f"{context['before']} {context['symbol']} {context['after']}".strip()
            assert any(seen in sentence for sentence in sentences)


def test_a_forecaster_has_gates_and_lags_but_no_symbols(tmp_path_factory):
    run = trained_sample(tmp_path_factory, Forecasting)
    outcome = gatefield("dissect", run.folder.path, "--json", "--count", 8)
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert set(told) == {"page", "gates", "lags", "landscape", "flow", "histograms"}
    assert "units is left out: the steps of these inputs have no symbols" in outcome.err
    # the loss in the middle of the landscape is that of the untouched network on the same windows
    assert told["landscape"]["loss"] == pytest.approx(_loss(run, 8), rel=1e-5)


def test_a_decoder_that_is_called_step_by_step_leaves_the_encoder_to_look_at(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecaster")
    (folder / "data").mkdir()
    task = Forecasting.sample(folder / "data")
    encoder = {"name": "recurrent", "cell": "gru", "hidden": [4]}
    model = {"name": "forecaster", "encoder": encoder, "strategy": "encoder-decoder"}
    run = train(
        Forecasting(task.data, model=model, window=12, horizon=3, training=Training(epochs=1)),  # type: ignore[arg-type]
        out=folder / "run",
        report=False,
    )
    found = dissect(run, ["gates", "lags"], count=4).findings
    assert [name.startswith("network.encoder") for name in found["gates"]] == [True]
    assert {"input"} < set(found["lags"])


@pytest.mark.parametrize("task", [DirectionTagging, FramePrediction, MemoryProblem], ids=lambda task: task.name)
def test_tasks_whose_inputs_have_no_names(task, tmp_path_factory):
    run = trained_sample(tmp_path_factory, task)
    found = dissect(run, count=4).findings
    assert {"gates", "lags", "landscape", "flow", "histograms"} <= set(found)
    assert _without_hooks(run.task.model)
    assert refused("dissect", run.folder.path, "a text", "--quiet")


def _loss(run, count: int) -> float:
    from gatefield.data.windows import Windows, inputs_of, relative

    trained = run.task.trained
    table = trained.frame.table(run.task.series)
    windows = Windows(table.values, table.covariates, trained.window, trained.horizon, *run.task.division.part("test"))
    batch = windows.batch(torch.linspace(0, len(windows) - 1, min(count, len(windows))).round().long())
    counted, _ = relative(batch, 1, trained.level)
    with torch.no_grad():
        return float(trained.objective.loss(trained.model(*inputs_of(counted)), counted.targets))


def test_a_network_without_gates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tcn")
    (folder / "data").mkdir()
    task = TextClassification.sample(folder / "data")
    model = {"name": "sequence-classifier", "embedding": 4, "encoder": {"name": "tcn", "channels": [4]}}
    run = train(TextClassification(task.data, model=model, training=task.training), out=folder / "run", report=False)  # type: ignore[arg-type]
    found = dissect(run)
    assert "gates" not in found.findings
    assert {"units", "lags", "flow", "histograms"} <= set(found.findings)
    assert "no recurrent layer" in refused("dissect", run.folder.path, "--what", "gates", "--quiet")


def test_what_cannot_be_done_is_said(language, digits_run, tmp_path):
    path = language.folder.path
    assert "did you mean 'gates'" in refused("dissect", path, "--what", "gate")
    assert "nothing called 'codes'" in refused("dissect", path, "--what", "codes")
    message = refused("dissect", path, "--what", "gates", "--layer", "encoder.layr", "--quiet")
    assert "encoder.layer" in message
    message = refused("dissect", path, "--what", "units", "--layer", "encoder.layr", "--quiet")
    assert "did you mean 'encoder.layer'" in message
    assert "right answers" in refused(
        "dissect", path, "a sheep", "--what", "flow", "--quiet", "--out", tmp_path / "x.html"
    )
    (tmp_path / "empty.txt").write_text("")
    assert "nothing to look at" in refused("dissect", path, tmp_path / "empty.txt", "--quiet")
    (tmp_path / "empty.txt").unlink()
    assert "leave the inputs out" in refused("dissect", digits_run, "a.png", "--quiet")
    assert not list(tmp_path.iterdir())
