"""A run folder is made once, never over something, and says what is wrong with its files."""

from __future__ import annotations

import pytest

from gatefield.core.errors import RunFolderError, StorageError
from gatefield.core.run_folder import RunFolder


def test_create_makes_parents_and_the_checkpoint_folder(tmp_path):
    folder = RunFolder.create(tmp_path / "runs" / "a")
    assert [path.name for path in folder.path.iterdir()] == ["checkpoints"]


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_create_leaves_what_is_there_as_it_is(tmp_path, kind):
    path = tmp_path / "run"
    if kind == "folder":
        path.mkdir()
        (path / "precious.txt").write_text("mine")
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunFolderError) as caught:
        RunFolder.create(path)
    assert caught.value.message == f"{path} exists already and was left as it is"
    assert caught.value.hint == "choose another folder with --out, or go on with an unfinished run by --resume"
    assert caught.value.exit_code == 2
    if kind == "folder":
        assert [(file.name, file.read_text()) for file in path.iterdir()] == [("precious.txt", "mine")]
    elif kind == "file":
        assert path.read_text() == "mine"
    else:
        assert not (tmp_path / "nowhere").exists()


def test_create_below_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError) as caught:
        RunFolder.create(tmp_path / "file" / "run")
    assert caught.value.hint.startswith("a part of this path is a file")
    assert (tmp_path / "file").read_text() == "mine"


def test_open(tmp_path):
    with pytest.raises(RunFolderError, match="there is no run folder") as caught:
        RunFolder.open(tmp_path / "no")
    assert "gatefield train" in caught.value.hint
    with pytest.raises(RunFolderError, match=r"is not a run folder: it has no recipe.yaml"):
        RunFolder.open(tmp_path)
    (tmp_path / "recipe.yaml").touch()
    assert RunFolder.open(str(tmp_path)).path == tmp_path


def test_json_round_trip(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    content = {"classes": ["größe", "→"], "nested": {"a": [1, 2.5, None]}}
    folder.write_json(folder.config, content)
    assert folder.read_json(folder.config) == content
    assert "größe" in folder.config.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        (b"{", "is not JSON: "),
        (b"[1]", "does not hold a JSON object"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"", "is not JSON: "),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    folder = RunFolder.create(tmp_path / "run")
    if content is not None:
        folder.config.write_bytes(content)
    with pytest.raises(RunFolderError) as caught:
        folder.read_json(folder.config)
    assert caught.value.message.startswith(f"{folder.config} {message}")
    assert caught.value.hint


def test_a_folder_where_a_file_belongs(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    folder.config.mkdir()
    with pytest.raises(RunFolderError, match="cannot read"):
        folder.read_json(folder.config)


def test_metrics(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    assert folder.read_metrics() == []
    records = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    folder.write_metrics(records)
    assert folder.read_metrics() == records
    folder.metrics.write_text('{"epoch": 1}\n\n{"epo', encoding="utf-8")
    with pytest.raises(RunFolderError) as caught:
        folder.read_metrics()
    assert caught.value.message.startswith(f"{folder.metrics}, line 3 is not JSON")
