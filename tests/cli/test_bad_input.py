"""Bad input: one sentence naming the thing and the place, a hint, exit code 2, and nothing is lost or overwritten."""

from __future__ import annotations

import gzip
import os
import pathlib
import pickle
import shutil
import struct

import pytest
from command_line import gatefield, refused
from PIL import Image


@pytest.mark.parametrize(
    ("arguments", "thing", "hint"),
    [
        (["digtis"], "digtis", "did you mean 'digits'"),
        (["digits", "modle=mlp"], "modle", "did you mean 'model'"),
        (["digits", "model.wdith=3"], "wdith", "channels"),
        (["digits", "model=lenet6"], "lenet6", "did you mean 'lenet5'"),
        (["digits", "training.epochs=0"], "training.epochs: 0 is outside [1, inf)", "[1, inf)"),
        (["digits", "training.epochs=many"], "'many' is not a whole number", "whole number"),
        (["digits", "training.clip_norm=1", "training.clip_value=1"], "clip_norm and clip_value", "one of the two"),
        (["digits", "training.precision=float12"], "float12", "bfloat16"),
        (["digits", "data.test=1.5"], "1.5 is outside [0, 1)", "[0, 1)"),
        (["digits", "task=image-clasification"], "image-clasification", "did you mean 'image-classification'"),
        (["digits", "nonsense"], "'nonsense' is not a setting", "key=value"),
        (["missing.yaml"], "missing.yaml", "check the path"),
        (["digits", "--device", "cuda:99"], "cuda:99", "available are"),
        (["--resume", "no/such/run"], "no/such/run", "gatefield train"),
        (["--resume"], "--resume", "--out DIR --resume"),
        (["digits", "validation=0", "training.patience=3"], "patience", "validation"),
        (["digits", "test=0.2"], "a test part of their own", "leave 'test' out"),
    ],
)
def test_settings(arguments, thing, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refused("train", *arguments)
    assert thing in message
    assert hint in message
    assert not (tmp_path / "runs").exists()


def test_a_recipe_file_is_cited_with_its_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("task: image-classification\ndata: digits\nmodel:\n  name: mlp\n  hiden: [3]\n")
    message = refused("train", file)
    assert f"{file}, line 5: model.hiden" in message
    assert "did you mean 'hidden'" in message


def test_an_existing_run_folder_is_left_as_it_is(digits_run):
    before = {path: path.stat().st_mtime_ns for path in digits_run.rglob("*")}
    assert str(digits_run) in refused("train", "digits", "--out", digits_run)
    assert {path: path.stat().st_mtime_ns for path in digits_run.rglob("*")} == before


def test_resuming_with_another_recipe_or_seed(digits_run):
    assert "another recipe" in refused("train", "mnist", "--resume", digits_run)
    assert "seed 0" in refused("train", "--resume", digits_run, "--seed", 5)


def folder_of_pictures(path: pathlib.Path, classes=("a", "b"), count=6) -> pathlib.Path:
    for shade, label in enumerate(classes):
        (path / label).mkdir(parents=True)
        for index in range(count):
            Image.new("L", (8, 8), 60 * shade + index).save(path / label / f"{index}.png")
    return path


def train_folder(path: pathlib.Path, out: pathlib.Path, *settings: str) -> list[object]:
    base = ["train", "image-folder", f"data.path={path}", "data.size=8", "model=softmax-regression", "augment=[]"]
    return [*base, "training.epochs=1", *settings, "--out", out]


def test_a_damaged_picture_among_good_ones(tmp_path):
    folder = folder_of_pictures(tmp_path / "pictures")
    bad = folder / "a" / "broken.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0 this is no JPEG")
    message = refused(*train_folder(folder, tmp_path / "run"))
    assert str(bad) in message
    assert "skip_bad" in message
    outcome = gatefield(*train_folder(folder, tmp_path / "run", "data.skip_bad=true"))
    assert outcome.code == 0, outcome.err
    assert "1 " in outcome.err
    assert "broken.jpg" in outcome.err


def test_folders_that_cannot_be_classified(tmp_path):
    (tmp_path / "empty").mkdir()
    assert str(tmp_path / "empty") in refused(*train_folder(tmp_path / "empty", tmp_path / "run"))
    one = folder_of_pictures(tmp_path / "one", classes=("only",))
    assert "only" in refused(*train_folder(one, tmp_path / "run"))
    assert str(tmp_path / "gone") in refused(*train_folder(tmp_path / "gone", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def write_idx(path: pathlib.Path, magic: int, sizes: tuple[int, ...], content: bytes) -> None:
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(f">I{len(sizes)}I", magic, *sizes) + content)


@pytest.fixture
def idx_folder(tmp_path) -> pathlib.Path:
    """Four small idx files in MNIST's names, three classes."""
    folder = tmp_path / "idx"
    folder.mkdir()
    for part, count in (("train", 30), ("t10k", 6)):
        labels = bytes(index % 3 for index in range(count))
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", 0x803, (count, 4, 4), os.urandom(count * 16))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", 0x801, (count,), labels)
    return folder


def train_idx(folder: pathlib.Path, *settings: str) -> list[object]:
    base = ["train", "mnist", "data=idx", f"data.path={folder}", "model=softmax-regression", "training.epochs=1"]
    return [*base, *settings, "--out", folder.parent / "run"]


def test_good_idx_files_train(idx_folder):
    outcome = gatefield(*train_idx(idx_folder))
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("damage", "thing"),
    [
        ("truncated", "train-images"),
        ("magic", "train-images"),
        ("counts", "labels"),
        ("range", "label 7"),
    ],
)
def test_damaged_idx_files(idx_folder, damage, thing):
    images, labels = idx_folder / "train-images-idx3-ubyte.gz", idx_folder / "train-labels-idx1-ubyte.gz"
    settings = []
    if damage == "truncated":
        write_idx(images, 0x803, (30, 4, 4), b"\0" * 100)
    elif damage == "magic":
        write_idx(images, 0xDEADBEEF, (30, 4, 4), b"\0" * 480)
    elif damage == "counts":
        write_idx(labels, 0x801, (29,), bytes(index % 3 for index in range(29)))
    else:
        write_idx(labels, 0x801, (30,), b"\7" + bytes(index % 3 for index in range(29)))
        settings = ["data.classes=[x, y, z]"]
    assert thing in refused(*train_idx(idx_folder, *settings))


class Malicious:
    """Unpickling this makes a file: proof that the program ran."""

    def __init__(self, proof: pathlib.Path) -> None:
        self.proof = proof

    def __reduce__(self):
        return (open, (str(self.proof), "w"))


@pytest.mark.parametrize("place", ["model.safetensors", "weights"])
def test_a_malicious_pickle_is_refused_and_never_run(digits_run, tmp_path, place):
    proof, poison = tmp_path / "proof", tmp_path / "poison.safetensors"
    poison.write_bytes(pickle.dumps(Malicious(proof)))
    if place == "weights":
        message = refused("train", "digits", f"weights={poison}", "--out", tmp_path / "run")
    else:
        run = tmp_path / "copy"
        shutil.copytree(digits_run, run)
        shutil.copy(poison, run / "model.safetensors")
        message = refused("evaluate", run)
    assert "pickle" in message
    assert not proof.exists()


def test_weights_of_another_architecture(digits_run, tmp_path):
    message = refused("train", "digits", "model=lenet5", f"weights={digits_run}", "--out", tmp_path / "run")
    assert "another architecture" in message


def test_a_checkpoint_of_another_architecture(tmp_path):
    settings = ("model=softmax-regression", "training.epochs=1", "data.size=null", "augment=[]")
    for name, change in (("one", ()), ("two", ("model=mlp", "model.hidden=[3]"))):
        assert gatefield("train", "digits", *settings, *change, "--out", tmp_path / name).code == 0
    shutil.copy(tmp_path / "two/checkpoints/last.safetensors", tmp_path / "one/checkpoints/last.safetensors")
    message = refused("train", "--resume", tmp_path / "one")
    assert "last.safetensors" in message


def test_predict_on_what_is_no_picture(digits_run, tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    assert str(text) in refused("predict", digits_run, text)
    assert str(tmp_path / "gone.png") in refused("predict", digits_run, tmp_path / "gone.png")
    (tmp_path / "hollow").mkdir()
    assert str(tmp_path / "hollow") in refused("predict", digits_run, tmp_path / "hollow")


def test_an_unfinished_run_is_named_as_such(digits_run, tmp_path):
    run = tmp_path / "unfinished"
    shutil.copytree(digits_run, run)
    (run / "config.json").unlink()
    assert "--resume" in refused("evaluate", run)
    assert "not a run folder" in refused("evaluate", tmp_path)
