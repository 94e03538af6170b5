"""Each verb does its job on a real run, and what it prints is true."""

from __future__ import annotations

import io
import json
import re

import pytest
from command_line import gatefield
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support

from gatefield import load


def test_train_leaves_a_complete_run_folder(digits_run):
    names = {path.name for path in digits_run.iterdir()}
    wanted = {"recipe.yaml", "config.json", "environment.json", "model.safetensors", "metrics.jsonl", "report.html"}
    assert wanted <= names
    assert not [name for name in names if name.endswith(".tmp")]
    records = [json.loads(line) for line in (digits_run / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2]
    assert records[1]["train_loss"] < records[0]["train_loss"]
    environment = json.loads((digits_run / "environment.json").read_text())
    assert environment["seed"] == 0
    assert environment["threads"] >= 1


def test_evaluate_agrees_with_scikit_learn(digits_run):
    outcome = gatefield("evaluate", digits_run, "--json")
    assert outcome.code == 0, outcome.err
    metrics = json.loads(outcome.out)
    run = load(digits_run)
    test = run.task.splits.test
    outputs = run.task.trained.outputs_of(test, run.session.console)
    probabilities, labels = outputs.double().softmax(1).numpy(), test.labels.numpy()
    predicted = probabilities.argmax(1)
    assert metrics["split"] == "test"
    assert metrics["count"] == len(labels)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert metrics["loss"] == pytest.approx(log_loss(labels, probabilities), rel=1e-5)
    assert metrics["confusion"] == confusion_matrix(labels, predicted).tolist()
    precision, recall, f1, support = precision_recall_fscore_support(labels, predicted)
    for row, p, r, f, n in zip(metrics["per_class"], precision, recall, f1, support):
        assert (row["precision"], row["recall"], row["f1"]) == pytest.approx((p, r, f))
        assert row["count"] == n


def test_evaluate_on_another_split_and_as_text(digits_run):
    outcome = gatefield("evaluate", digits_run, "--split", "train")
    assert outcome.code == 0
    assert re.match(r"train: 1294 images, accuracy \d\d\.\d\d%", outcome.out)
    assert "confusion (row: true, column: predicted)" in outcome.out


def test_predict_files_folders_and_stdin_agree(digits_run, pictures, monkeypatch):
    by_folder = [json.loads(line) for line in gatefield("predict", digits_run, pictures, "--json").out.splitlines()]
    assert len(by_folder) == 10
    hits = sum(answer["input"].endswith(f"-{answer['label']}.png") for answer in by_folder)
    assert hits >= 8
    first = by_folder[0]
    by_file = json.loads(gatefield("predict", digits_run, first["input"], "--json", "--top", 3).out)
    assert by_file["label"] == first["label"]
    assert by_file["probability"] == pytest.approx(first["probability"])
    likeliest = [item["probability"] for item in by_file["top"]]
    assert likeliest == sorted(likeliest, reverse=True)
    assert len(likeliest) == 3
    with open(first["input"], "rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read())))
    by_stdin = json.loads(gatefield("predict", digits_run, "-", "--json").out)
    assert by_stdin["label"] == first["label"]
    assert by_stdin["probability"] == pytest.approx(first["probability"])


def test_prediction_sees_the_pixels_that_training_saw(digits_run, pictures):
    """A picture written to a file and read back gives the probabilities of the data set's own pixels."""
    run = load(digits_run)
    test = run.task.splits.test
    outputs = run.task.trained.outputs(test.images[:10]).softmax(1)
    answers = sorted(run.predict(pictures), key=lambda answer: answer["input"])
    for answer, row in zip(answers, outputs):
        assert answer["probability"] == pytest.approx(float(row.max()), abs=1e-6)


def test_report_is_one_page_without_requests(digits_run):
    outcome = gatefield("report", digits_run)
    assert outcome.out == f"{digits_run / 'report.html'}\n"
    page = (digits_run / "report.html").read_text()
    for heading in ("Learning", "Worst mistakes", "Calibration", "Architecture", "Recipe and environment"):
        assert heading in page
    assert not re.search(r"(src|href)=\"https?:", page)


def test_a_page_that_is_not_wanted_is_not_drawn(tmp_path):
    outcome = gatefield(
        "train", "digits", "model=softmax-regression", "training.epochs=1", "--no-report", "--out", tmp_path / "run"
    )
    assert outcome.code == 0, outcome.err
    assert not (tmp_path / "run" / "report.html").exists()
    assert gatefield("train", "--resume", tmp_path / "run", "--no-report").code == 0
    assert not (tmp_path / "run" / "report.html").exists()
    assert gatefield("report", tmp_path / "run").code == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_show_a_model_and_a_run(digits_run):
    shown = json.loads(gatefield("show", "lenet5-1998", "--json").out)
    assert (shown["name"], shown["parameters"]) == ("lenet5-1998", 60_000)
    assert shown["layers"][0]["output_shape"] == [6, 28, 28]
    assert shown["layers"][0]["receptive_field"] == [5, 5]
    assert "61,706" in gatefield("show", "lenet5").out
    assert json.loads(gatefield("show", "vgg16", "--json").out)["parameters"] == 138_357_544
    assert json.loads(gatefield("show", "resnet20", "--json").out)["input_shape"] == [3, 32, 32]
    tcn = json.loads(gatefield("show", "tcn", "--json").out)
    assert tcn["layers"][-1]["receptive_field"] == tcn["input_shape"][:1] == [1 + 2 * 6 * 255]
    assert json.loads(gatefield("show", "tcn", "--input", "50x3", "--json").out)["input_shape"] == [50, 3]
    for name, message in (("language-model", "numbers alone"), ("sequence-predictor", "recurrent layers")):
        refused = gatefield("show", name)
        assert refused.code == 2
        assert message in refused.err
        assert "hint:" in refused.err
    run = json.loads(gatefield("show", digits_run, "--json").out)
    assert run["parameters"] == 64 * 10 + 10
    mlp = json.loads(gatefield("show", "mlp", "hidden=[7,5]", "--input", "1x2x3", "--classes", 4, "--json").out)
    assert mlp["parameters"] == (6 * 7 + 7) + (7 * 5 + 5) + (5 * 4 + 4)


def test_list_names_everything():
    found = json.loads(gatefield("list", "--json").out)
    assert {"digits", "mnist", "fashion-mnist", "image-folder"} <= set(found["recipes"])
    assert {"lenet5", "lenet5-1998", "mlp", "softmax-regression"} <= set(found["models"])
    assert all(summary for family in found.values() for summary in family.values())


def test_data_counts_and_draws(tmp_path):
    sheet = tmp_path / "sheet.png"
    outcome = gatefield("data", "digits", "--json", "--picture", sheet)
    assert outcome.code == 0, outcome.err
    described = json.loads(outcome.out)
    assert sum(part["count"] for part in described["parts"].values()) == 1797
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert "bundled" in gatefield("data").out


def test_doctor_finds_what_is_installed():
    findings = json.loads(gatefield("doctor", "--json").out)
    import torch

    assert findings["versions"]["torch"] == torch.__version__
    assert findings["processor"]["threads"] == torch.get_num_threads()
    assert "cpu" in findings["devices"]


def test_print_recipe_round_trips(tmp_path):
    printed = gatefield(
        "train", "digits", "model=mlp", "model.hidden=[5, 4]", "training.schedule=step", "--print-recipe"
    )
    assert printed.code == 0, printed.err
    file = tmp_path / "again.yaml"
    file.write_text(printed.out)
    again = gatefield("train", file, "--print-recipe")
    assert again.out == printed.out
    assert "hidden:\n  - 5\n  - 4\n" in printed.out
