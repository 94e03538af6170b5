"""The verb forecast: tables, JSON, files; and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import pathlib

import pytest
from command_line import gatefield, refused

from gatefield.data.readers.csv_series import CsvSeries


@pytest.fixture(scope="session")
def forecast_run(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("forecast")
    data = CsvSeries.sample(folder / "data").path
    settings = (f"data={{name: csv-series, path: {data}}}", "window=12", "horizon=3", "training.epochs=2")
    outcome = gatefield("train", "forecast", *settings, "model.encoder.hidden=[4]", "--out", folder / "run")
    assert outcome.code == 0, outcome.err
    return folder / "run"


def test_text_and_json_agree(forecast_run):
    text, outcome = gatefield("forecast", forecast_run), gatefield("forecast", forecast_run, "--json")
    assert text.code == outcome.code == 0
    answer = json.loads(outcome.out)
    assert [row["stamp"] for row in answer["forecast"]] == ["2011-01-01", "2011-02-01", "2011-03-01"]
    assert (answer["after"], answer["interval"], answer["coverage"]) == ("2010-12-01", "conformal", 0.9)
    for row in answer["forecast"]:
        assert row["lower"] <= row["value"] <= row["upper"]
        assert {"seasonal-naive", "ar", "arx"} <= set(row)
        assert f"{row['value']:.6g}" in text.out
    assert len(text.out.splitlines()) == 5


def test_the_training_data_need_not_be_there(forecast_run, tmp_path):
    before = gatefield("forecast", forecast_run, "--json").out
    data = forecast_run.parent / "data" / "sales.csv"
    away = data.rename(tmp_path / "sales.csv")
    try:
        assert gatefield("forecast", forecast_run, "--json").out == before
    finally:
        away.rename(data)


def test_another_file_and_stdin(forecast_run, tmp_path, monkeypatch):
    data = forecast_run.parent / "data" / "sales.csv"
    lines = data.read_text().splitlines()
    (tmp_path / "shorter.csv").write_text("\n".join(lines[:-12]) + "\n")
    answer = json.loads(gatefield("forecast", forecast_run, "--data", tmp_path / "shorter.csv", "--json").out)
    assert answer["forecast"][0]["stamp"] == "2010-01-01"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "shorter.csv").read_bytes())))
    assert json.loads(gatefield("forecast", forecast_run, "--data", "-", "--json").out) == answer


def test_a_table_and_a_drawing(forecast_run, tmp_path):
    table, drawing = tmp_path / "ahead.csv", tmp_path / "ahead.png"
    outcome = gatefield("forecast", forecast_run, "--horizon", 5, "--out", table)
    assert (outcome.code, outcome.out) == (0, "")
    assert "measured for 3 steps" in outcome.err
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    answer = json.loads(gatefield("forecast", forecast_run, "--horizon", 5, "--json").out)
    assert [float(row["value"]) for row in rows] == [row["value"] for row in answer["forecast"]]
    assert [row["upper"] == "" for row in rows] == [False] * 3 + [True] * 2
    assert gatefield("forecast", forecast_run, "--out", drawing).code == 0
    assert drawing.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_it_refuses(forecast_run, digits_run, tmp_path):
    (tmp_path / "there.csv").write_text("mine")
    assert "exists already" in refused("forecast", forecast_run, "--out", tmp_path / "there.csv")
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert ".csv for a table" in refused("forecast", forecast_run, "--out", tmp_path / "a.pdf")
    assert "does not forecast" in refused("forecast", digits_run)
    assert "there is no file" in refused("forecast", forecast_run, "--data", tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_text("month,sales\n2001-01,1\n2001-02,lots\n")
    assert "bad.csv, line 3: 'lots'" in refused("forecast", forecast_run, "--data", tmp_path / "bad.csv")
    assert "no run folder" in refused("forecast", tmp_path / "nothing")


def test_predict_and_evaluate_know_series(forecast_run):
    data = forecast_run.parent / "data" / "sales.csv"
    told = gatefield("predict", forecast_run, data)
    assert told.code == 0, told.err
    assert "2011-01-01 sales" in told.out
    measured = gatefield("evaluate", forecast_run)
    assert measured.code == 0
    assert "seasonal naive (12)" in measured.out
