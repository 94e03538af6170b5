"""``explain`` and ``attack`` on a real run: what they write, print and refuse."""

from __future__ import annotations

import io
import json
import re

import numpy
import pytest
import torch
from command_line import gatefield, refused
from PIL import Image

from gatefield import load
from gatefield.explain.attacks.fgsm import FGSM
from gatefield.explain.gradient_input import GradientInput
from gatefield.tasks.attacked.pictures import victim_of
from gatefield.tasks.attacking import attack
from gatefield.tasks.exhibits import Text
from gatefield.tasks.explainable import Explainable, ExplainableInput
from gatefield.tasks.explaining import explain, explainable, page


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A run of a small convolutional network on the bundled digits."""
    folder = tmp_path_factory.mktemp("runs") / "lenet"
    outcome = gatefield("train", "digits", "training.epochs=3", "augment=[]", "--out", folder)
    assert outcome.code == 0, outcome.err
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_explain_writes_a_page_and_prints_its_path(network, pictures, here):
    outcome = gatefield("explain", network, pictures)
    assert (outcome.code, outcome.out) == (0, "explain.html\n"), outcome.err
    text = (here / "explain.html").read_text()
    assert text.count("data:image/png") + text.count("<svg") >= 10
    assert "Explained is" in text
    assert "features.s4" in text
    assert not re.search(r"(src|href)=\"https?:", text)
    assert gatefield("explain", network, pictures).out == "explain-2.html\n"  # nothing is overwritten


def test_explain_as_json_says_what_predict_says(network, pictures, here):
    answers = [json.loads(line) for line in gatefield("predict", network, pictures, "--json").out.splitlines()]
    outcome = gatefield("explain", network, pictures, "--json", "--quiet", "--method", "gradient-input")
    found = [json.loads(line) for line in outcome.out.splitlines()]
    assert [row["input"] for row in found] == [row["input"] for row in answers]
    for row, answer in zip(found, answers):
        assert row["label"] == row["target"] == answer["label"]
        assert row["probability"] == pytest.approx(answer["probability"], rel=1e-5)
        assert row["out"] == "explain.html"
        (only,) = row["maps"]
        assert (only["method"], only["layer"]) == ("gradient-input", None)
        assert all(0 <= place < 8 for place in only["peak"])


def test_the_map_is_that_of_the_library(network, pictures, here):
    run, file = load(network), sorted(pictures.iterdir())[0]
    (explanation,) = explain(run, [file], ["gradient-input"], target="7")
    trained = run.task.trained
    x = trained.preparation(trained.preparation.from_file(file))
    expected = GradientInput().attribute(trained.model, x, trained.classes.index("7"))[0].sum(0)
    torch.testing.assert_close(explanation.maps[0].heat, expected)
    assert explanation.answer.target == "7"


def test_one_map_is_drawn_at_the_pictures_own_size(network, here):
    """A wide colour picture: the network sees its centre, and only there the map lies."""
    wide = numpy.full((30, 90, 3), 200, numpy.uint8)
    wide[10:20, 40:50] = (255, 0, 0)
    Image.fromarray(wide).save(here / "wide.png")
    outcome = gatefield("explain", network, "wide.png", "--method", "occlusion", "--out", "why.png", "--json")
    assert outcome.code == 0, outcome.err
    with Image.open(here / "why.png") as picture:
        drawn = numpy.asarray(picture.convert("RGB")).astype(int)
    assert drawn.shape == (30, 90, 3)
    left, centre = drawn[:, :30], drawn[:, 30:60]
    assert (left == left[0, 0]).all()  # outside: the picture, faded
    assert left[0, 0].min() > 200
    assert (centre.max(2) != centre.min(2)).any()  # inside: colour
    row, column = json.loads(outcome.out)["maps"][0]["peak"]
    assert 30 <= column < 60
    assert 0 <= row < 30


def test_compare_shows_all_methods_that_the_network_allows(network, pictures, here):
    files = sorted(pictures.iterdir())[:2]
    outcome = gatefield("explain", network, *files, "--compare", "--out", "all.png", "--json")
    assert outcome.code == 0, outcome.err
    assert "cam is left out: CAM needs" in outcome.err  # LeNet-5 does not end in global average pooling
    methods = [found["method"] for found in json.loads(outcome.out.splitlines()[0])["maps"]]
    assert {"grad-cam", "grad-cam-plus-plus", "gradient", "integrated-gradients", "occlusion"} <= set(methods)
    assert "cam" not in methods
    with Image.open(here / "all.png") as sheet:
        width, height = sheet.size
    assert width / height == pytest.approx(1.6 * (len(methods) + 1) / (2.1 * 2), rel=0.01)


def test_explain_reads_stdin(network, pictures, here, monkeypatch):
    content = sorted(pictures.iterdir())[0].read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    outcome = gatefield("explain", network, "-", "--out", "why.html")
    assert (outcome.code, outcome.out) == (0, "why.html\n"), outcome.err


def test_explain_refuses(network, digits_run, pictures, here):
    file = sorted(pictures.iterdir())[0]
    assert "did you mean 'grad-cam'" in refused("explain", network, file, "--method", "gradcam")
    assert "features.c3" in refused("explain", network, file, "--layer", "features.s3")
    assert "no layer 'features.s3'" in refused("explain", network, file, "--compare", "--layer", "features.s3")
    assert "class '12'" in refused("explain", network, file, "--target", "12")
    assert "give one of the two" in refused("explain", network, file, "--compare", "--method", "cam")
    assert "leave the layer out" in refused("explain", network, file, "--method", "gradient", "--layer", "features.c1")
    assert ".html or .png" in refused("explain", network, file, "--out", "why.jpg")
    assert "no folder" in refused("explain", network, file, "--out", "no/such/why.png")
    assert "integrated-gradients" in refused("explain", digits_run, file)  # a linear model maps no layer
    assert "means of the maps" in refused("explain", network, file, "--method", "cam")
    (here / "taken.html").write_text("mine")
    assert "overwritten" in refused("explain", network, file, "--out", "taken.html")
    assert (here / "taken.html").read_text() == "mine"
    assert refused("explain", network, here / "missing.png")
    assert not (here / "explain.html").exists()


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    """A run of a network whose convolutions have weights and inputs of one bit."""
    folder = tmp_path_factory.mktemp("runs") / "binary"
    model = "model={name: resnet, blocks: [1], block: xnor, stem: cifar, width: 0.25}"
    outcome = gatefield("train", "digits", model, "data.size=null", "augment=[]", "training.epochs=1", "--out", folder)
    assert outcome.code == 0, outcome.err
    return folder


def test_a_network_whose_gradients_are_no_derivatives(binary, pictures, here):
    file = sorted(pictures.iterdir())[0]
    for method in ("gradient", "integrated-gradients", "smooth-grad", "gradient-input"):
        message = refused("explain", binary, file, "--method", method)
        assert "surrogate for its gradient" in message
        assert "choose occlusion" in message
    outcome = gatefield("explain", binary, file, "--method", "occlusion", "--json")
    assert outcome.code == 0, outcome.err
    outcome = gatefield("explain", binary, file, "--compare", "--json")
    assert "gradient is left out" in outcome.err
    assert "occlusion" in {each["method"] for each in json.loads(outcome.out)["maps"]}


def test_a_picture_has_one_answer(network, pictures, here):
    file = sorted(pictures.iterdir())[0]
    assert "leave the position out" in refused("explain", network, file, "--position", 1)


def test_another_task_takes_part_by_one_method(network, here):
    """A task that offers symbols: its page shows a strip of them for each method."""

    class Words(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors = torch.nn.Embedding(5, 2)

        def forward(self, x):
            return self.vectors(x).sum(1)

    class Task:
        name = "words"

        def explainable(self, files):
            given = ExplainableInput("a file", torch.tensor([[1, 2, 4]]), Text(["not", "so", "good"]))
            return Explainable(Words().eval(), ["bad", "fine"], lambda outputs: outputs.softmax(1), iter([given]))

    run = load(network)
    run.task = Task()
    assert explainable(run.task, []).classes == ["bad", "fine"]
    explanations = list(explain(run, ["x"], ["integrated-gradients", "grad-cam"], target="bad"))
    maps = explanations[0].maps
    assert [found.heat.shape for found in maps] == [(3,), (3,)]
    text = page(run, explanations).html()
    assert all(word in text for word in ("not", "so", "good", "integrated-gradients"))


# ------------------------------------------------------------------------------------------------------------ attack


def test_attack_tells_accuracy_before_and_after(network, here):
    outcome = gatefield("attack", network, "--epsilon", 16, "--json", "--count", 100)
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    run = load(network)
    _, images = run.task.part(None)
    chosen = torch.linspace(0, len(images) - 1, 100).round().long()
    raw, labels = images.batch(chosen), images.labels[chosen]
    victim = victim_of(run.task.trained, raw)
    changed = FGSM(16)(victim, raw, labels)
    assert told["attack"] == {"name": "fgsm", "epsilon": 16.0}
    assert told["count"] == 100
    assert told["accuracy"] == pytest.approx(float((victim.predictions(raw.float()) == labels).double().mean()))
    assert told["accuracy_attacked"] == pytest.approx(float((victim.predictions(changed) == labels).double().mean()))
    assert told["accuracy_rounded"] == told["accuracy_attacked"]  # 16 grey levels are whole already
    assert told["accuracy_attacked"] < told["accuracy"]
    assert told["largest_change"] == pytest.approx(16)
    curve = {point["epsilon"]: point["accuracy"] for point in told["curve"]}
    assert curve[0] == told["accuracy"]
    assert curve[16] == told["accuracy_attacked"]
    assert told["accuracy_attacked"] < told["accuracy_of_noise"]
    assert [len(row) for row in told["moved"]] == [5] * 5
    assert told["moved"][2][2] == pytest.approx(told["accuracy"])  # not moved at all
    text = gatefield("attack", network, "--epsilon", 16, "--count", 100).out
    assert f"accuracy {told['accuracy']:.2%} -> {told['accuracy_attacked']:.2%}" in text
    assert not list(here.iterdir())  # no page without --out


def test_attack_without_a_budget_changes_nothing(network):
    told = json.loads(gatefield("attack", network, "--epsilon", 0, "--json").out)
    assert told["accuracy"] == told["accuracy_attacked"] == told["accuracy_rounded"]
    assert told["changed_answers"] == 0
    assert told["largest_change"] == 0
    assert told["mean_l2"] is None


def test_attack_files_towards_a_class_and_write_a_page(network, pictures, here):
    files = sorted(pictures.iterdir())[:2]
    arguments = ("--method", "minimum-norm", "--target", "5", "--out", "attack.html", "--json")
    outcome = gatefield("attack", network, *files, *arguments)
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told["split"] is None
    assert "accuracy" not in told
    assert [row["attacked"] for row in told["inputs"]] == ["5", "5"]
    assert told["out"] == "attack.html"
    text = (here / "attack.html").read_text()
    assert "what was added" in text
    assert not re.search(r"(src|href)=\"https?:", text)
    first = told["inputs"][0]
    assert all(0.1 < first[key] <= 1 for key in ("probability", "attacked_probability", "noise_probability"))
    assert first["noise"] == first["label"]  # as long, in a direction that means nothing
    same = f"{first['label']} ({first['probability']:.1%})"
    assert gatefield("attack", network, files[0], "--epsilon", 0).out == f"{files[0]}: {same} -> {same}\n"


def test_arguments_of_a_method(network, pictures, here):
    picture = sorted(pictures.iterdir())[0]

    def heat(*settings):
        arguments = [part for setting in settings for part in ("--set", setting)]
        outcome = gatefield("explain", network, picture, "--method", "grad-cam", *arguments, "--out", "map.png")
        assert outcome.code == 0, outcome.err
        content = (here / "map.png").read_bytes()
        (here / "map.png").unlink()
        return content

    assert heat("mean=false") == heat("mean=true") == heat()  # 1/Z is one number for all of a map, scaled to its peak
    assert heat("relu=false") != heat()
    explain_it = ("explain", network, picture, "--method", "grad-cam")
    assert "did you mean 'mean'" in refused(*explain_it, "--set", "meen=false")
    assert "command line, mean=7: 7 is not true or false" in refused(*explain_it, "--set", "mean=7")
    assert "'mean' is not a setting" in refused(*explain_it, "--set", "mean")
    assert "--method" in refused("explain", network, picture, "--set", "mean=false")
    assert not list(here.iterdir())
    told = json.loads(gatefield("attack", network, "--set", "epsilon=2", "--count", 20, "--json").out)
    assert told["attack"] == {"name": "fgsm", "epsilon": 2.0}
    assert "given twice" in refused("attack", network, "--set", "epsilon=2", "--epsilon", 3)


def test_without_1_over_z_a_map_is_z_times_as_large(network, pictures):
    picture = sorted(pictures.iterdir())[0]
    methods = [{"name": "grad-cam", "mean": mean, "enlarge": False} for mean in (True, False)]
    (explanation,) = explain(load(network), [picture], methods, layer="features.s4")
    with_it, without = (each.heat for each in explanation.maps)
    assert with_it.max() > 0
    torch.testing.assert_close(without, with_it.numel() * with_it)


def test_attack_refuses(network, pictures, here):
    assert "did you mean 'fgsm'" in refused("attack", network, "--method", "fgms")
    message = refused("attack", network, "--method", "deep-fool", "--epsilon", 3)
    assert "it has no epsilon" in message
    assert "choose of: fgsm, pgd" in message
    assert "cannot be told" in refused("attack", network, "--method", "deep-fool", "--target", "3")
    for wrong in (-1, "nan", "inf"):
        assert f"epsilon is {wrong}" in refused("attack", network, "--epsilon", wrong)
    assert "class 'seven'" in refused("attack", network, "--target", "seven")
    assert ".html" in refused("attack", network, "--out", "attack.png")
    assert not list(here.iterdir())


def test_attack_from_python(digits_run):
    attacked = attack(load(digits_run), method="pgd", epsilon=6, count=40)
    assert max(float(r.abs().max()) for r in attacked.added) <= 6 + 1e-4
    assert attacked.labels.shape == attacked.answers.label.shape == (40,)
