"""Folders of trained networks, and published ones."""

from __future__ import annotations

import hashlib
import json
import pickle

import pytest
import torch

from gatefield.core.errors import DataError, RunFolderError, UnknownName, WeightsError
from gatefield.data.preparation import Preparation
from gatefield.models.conversion import torchvision
from gatefield.models.vision.resnet import ResNet
from gatefield.tasks import pretrained
from gatefield.tasks.pretrained import Pretrained, fetch_pretrained, from_pretrained, from_torchvision, save_pretrained

X = torch.randn(3, 3, 20, 20, generator=torch.Generator().manual_seed(0))


def network() -> Pretrained:
    torch.manual_seed(0)
    model = ResNet((3, 20, 20), 3, [1, 1], stem="cifar", width=0.25, block="bottleneck", cardinality=2, widening=2)
    with torch.no_grad():
        model(X)  # statistics that are not the first ones
    return Pretrained(model.eval(), Preparation((3, 20, 20), [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), ["cat", "dog", "Größe"])


def test_what_is_saved_is_what_is_loaded(tmp_path):
    saved = network()
    save_pretrained(saved, tmp_path / "new" / "folder", about="Trained on nothing.")
    loaded = from_pretrained(tmp_path / "new" / "folder")
    assert torch.equal(loaded.model(X), saved.model(X))
    assert not loaded.model.training
    assert loaded.model.config() == saved.model.config()
    assert loaded.preparation.config() == saved.preparation.config()
    assert list(loaded.classes) == saved.classes
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]


def test_the_card_says_what_it_is(tmp_path):
    save_pretrained(network(), tmp_path, about="Trained on nothing.")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    count = sum(parameter.numel() for parameter in network().model.parameters())
    for text in ("# resnet", "Trained on nothing.", f"{count:,} parameters", "| cardinality | 2 |", "cat, dog, Größe"):
        assert text in card


def test_a_model_alone(tmp_path):
    model = network().model
    save_pretrained(model, tmp_path)
    loaded = from_pretrained(tmp_path)
    assert (loaded.preparation, list(loaded.classes)) == (None, [])
    assert torch.equal(loaded.model(X), model(X))


def test_the_network_of_a_run(tmp_path):
    """A run folder's config.json says more, and serves as well."""
    saved = network()
    save_pretrained(saved, tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    content |= {"task": "image-classification", "objective": {"name": "cross_entropy"}}
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert torch.equal(from_pretrained(tmp_path).model(X), saved.model(X))


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def test_nothing_is_unpickled(tmp_path):
    save_pretrained(network(), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(WeightsError, match="a pickle"):
        from_pretrained(tmp_path)


def test_incomplete_folders(tmp_path):
    with pytest.raises(RunFolderError, match=r"config\.json is missing"):
        from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RunFolderError, match="names no model"):
        from_pretrained(tmp_path)
    save_pretrained(network(), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="cannot read"):
        from_pretrained(tmp_path)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A folder into which "resnet18" was fetched: thin weights under true names, and a true checksum in its own."""
    thin = ResNet((3, 224, 224), 4, [1], width=1 / 16)
    theirs = {"conv1.weight": thin.stem.conv.weight, "fc.weight": thin.classifier.output.weight}
    source, folder = tmp_path / "source.pth", tmp_path / "server"
    torch.save(theirs, source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
    folder.mkdir()
    file = f"resnet18-{digest}.pth"
    source.rename(folder / file)
    monkeypatch.setitem(torchvision.PUBLISHED, "resnet18", file)
    return folder, file, theirs


def test_published_weights_are_converted(published, monkeypatch, tmp_path):
    folder, _, theirs = published
    asked = []

    def answer(architecture, state):
        asked.append((architecture, state))
        return network()

    monkeypatch.setattr(pretrained, "from_torchvision", answer)
    assert fetch_pretrained("resnet18", folder).model.name == "resnet"
    ((architecture, state),) = asked
    assert architecture == "resnet18"
    assert all(torch.equal(state[key], value) for key, value in theirs.items())


def test_published_weights_with_another_checksum_are_not_opened(published, monkeypatch):
    folder, file, _ = published
    (folder / file).write_bytes(pickle.dumps(Bomb()))
    asked = []

    def answer(request, timeout):
        asked.append(request.full_url)
        raise ConnectionError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", answer)
    with pytest.raises(DataError, match="could not fetch resnet18-"):
        fetch_pretrained("resnet18", folder)
    assert asked[0] == f"https://download.pytorch.org/models/{file}"


def test_a_published_pickle_runs_no_program(published, monkeypatch):
    folder, file, _ = published
    bomb = pickle.dumps(Bomb(), protocol=2)
    (folder / file).unlink()
    name = f"resnet18-{hashlib.sha256(bomb).hexdigest()[:8]}.pth"
    (folder / name).write_bytes(bomb)
    monkeypatch.setitem(torchvision.PUBLISHED, "resnet18", name)
    with pytest.raises(WeightsError, match="cannot be read"):
        fetch_pretrained("resnet18", folder)


def test_names_and_weights_that_do_not_exist(tmp_path):
    with pytest.raises(UnknownName, match="resnet19"):
        fetch_pretrained("resnet19", tmp_path)
    with pytest.raises(WeightsError, match=r"no place for 'nonsense\.bias'"):
        from_torchvision("resnet18", {"nonsense.bias": torch.zeros(3)})
