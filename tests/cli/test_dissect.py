"""``gatefield dissect``: a page and figures, the run as it was, and clear answers where something is not there."""

from __future__ import annotations

import importlib
import json
import pathlib

import pytest
import torch
from command_line import gatefield, refused

from gatefield.tasks import sequence_sections
from gatefield.tasks.dissecting import dissect
from gatefield.tasks.picture_sections import SECTIONS
from gatefield.tasks.run import load


@pytest.fixture(scope="module")
def resnet_run(tmp_path_factory) -> pathlib.Path:
    """A small residual net on the bundled digits, trained for two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "resnet"
    settings = ("model=resnet8", "model.width=0.5", "data.size=null", "augment=[]", "training.epochs=2")
    outcome = gatefield("train", "digits", *settings, "--out", folder, "--quiet")
    assert outcome.code == 0, outcome.err
    return folder


@pytest.mark.slow
def test_everything_about_a_residual_net(resnet_run):
    run = load(resnet_run)
    before = {name: values.clone() for name, values in run.task.model.state_dict().items()}
    found = dissect(run, count=100)
    assert list(found.findings) == list(SECTIONS)
    for name, values in run.task.model.state_dict().items():
        assert torch.equal(values, before[name]), name
    assert not any(module._forward_hooks for module in run.task.model.modules())
    page = found.page.read_text()
    assert found.page == resnet_run / "dissect.html"
    for heading in (
        "Codes",
        "Filters",
        "Features by depth",
        "Lesions",
        "Loss landscape",
        "Gradient flow",
        "Histograms",
    ):
        assert f">{heading}</h2>" in page
    lesion, land = found.findings["lesion"], found.findings["landscape"]
    assert len(lesion["without"]) == 3
    assert sum(lesion["paths"]["share"]) == pytest.approx(1)
    assert land["lowest"] <= land["loss"] <= land["highest"]
    codes = found.findings["codes"]
    assert codes["neighbor_purity"] > 0.5
    ends, starts = found.findings["maximize"]["end"], found.findings["maximize"]["start"]
    assert all(ends[name] > starts[name] for name in ends)


def test_the_command_prints_the_page_or_one_json_object(resnet_run, tmp_path):
    out = tmp_path / "page.html"
    outcome = gatefield("dissect", resnet_run, "--what", "flow, filters", "--out", out, "--count", 20)
    assert (outcome.code, outcome.out) == (0, f"{out}\n")
    assert ">Gradient flow</h2>" in out.read_text()
    assert ">Codes</h2>" not in out.read_text()
    outcome = gatefield("dissect", resnet_run, "--what", "flow", "--count", 20, "--json")
    content = json.loads(outcome.out)
    assert content["page"] == str(resnet_run / "dissect.html")
    assert content["flow"]["norm"]["stem.conv"] > 0


def test_a_layer_of_ones_own(resnet_run, tmp_path):
    layer = "stages.stage1.block1"
    outcome = gatefield(
        "dissect", resnet_run, "--what", "features,histograms", "--layer", layer, "--count", 20, "--json"
    )
    content = json.loads(outcome.out)
    # a 3x3 stem and two 3x3 convolutions see 7 x 7
    assert content["features"]["receptive_field"] == [7, 7]
    assert content["features"]["layer"] == layer
    assert list(content["histograms"]["activations"]) == [layer]
    assert "did you mean 'stages.stage1.block1'" in refused(
        "dissect", resnet_run, "--what", "features", "--layer", "stages.stage1.blok1", "--quiet"
    )


def test_a_net_without_maps_leaves_out_what_it_has_not(digits_run, tmp_path):
    outcome = gatefield("dissect", digits_run, "--count", 40, "--out", tmp_path / "page.html", "--json")
    assert outcome.code == 0, outcome.err
    content = json.loads(outcome.out)
    assert set(content) == {"page", "codes", "filters", "maximize", "landscape", "flow", "histograms"}
    assert "features is left out: no layer of this network puts out maps" in outcome.err
    assert "lesion is left out" in outcome.err
    message = refused("dissect", digits_run, "--what", "features", "--quiet")
    assert "no layer of this network puts out maps" in message


def test_what_cannot_be_done_is_said(digits_run, tmp_path):
    assert "did you mean 'codes'" in refused("dissect", digits_run, "--what", "cods")
    assert "not a run folder" in refused("dissect", tmp_path)
    there = tmp_path / "there.html"
    there.write_text("mine")
    assert "overwritten" in refused("dissect", digits_run, "--what", "flow", "--out", there)
    assert "no folder" in refused("dissect", digits_run, "--out", tmp_path / "no" / "page.html")  # before any work
    assert ".html" in refused("dissect", digits_run, "--out", tmp_path / "page.txt")
    assert there.read_text() == "mine"
    assert "5 pictures are too few" in refused("dissect", digits_run, "--count", 5)


def test_the_help_names_every_section():
    command = importlib.import_module("gatefield.cli.commands.dissect").command
    (option,) = (parameter for parameter in command.params if parameter.name == "what")
    pictures, sequences = option.help.removeprefix("Of pictures: ").split(".  [")[0].split(". Of sequences: ")
    assert pictures == ", ".join(SECTIONS)
    assert sequences == ", ".join(sequence_sections.SECTIONS)
