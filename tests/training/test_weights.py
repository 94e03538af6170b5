"""Weights files: safetensors and nothing else, for any memory layout, with tied weights, refused by name."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_training import network
from torch import nn

from gatefield.core.errors import WeightsError
from gatefield.training.weights import load_weights, save_weights


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.output = nn.Linear(3, 5)
        self.output.weight = self.embedding.weight


class Malicious:
    """A pickle that leaves a mark when it is opened."""

    def __init__(self, mark) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_channels_last_weights_come_back_bit_for_bit(tmp_path):
    model = network().to(memory_format=torch.channels_last)
    save_weights(model, tmp_path / "w.safetensors")
    other = network().to(memory_format=torch.channels_last)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    load_weights(other, tmp_path / "w.safetensors")
    for (name, expected), (_, tensor) in zip(model.state_dict().items(), other.state_dict().items()):
        assert torch.equal(tensor, expected), name
        assert tensor.stride() == expected.stride()
    assert all(torch.equal(load_file(tmp_path / "w.safetensors")[k], v) for k, v in model.state_dict().items())


def test_tied_weights_are_saved_once_and_stay_tied(tmp_path):
    model, other = Tied(), Tied()
    save_weights(model, tmp_path / "w.safetensors")
    assert set(load_file(tmp_path / "w.safetensors")) == {"embedding.weight", "output.bias"}
    load_weights(other, tmp_path / "w.safetensors")
    assert other.output.weight is other.embedding.weight
    assert torch.equal(other.output.weight, model.output.weight)
    save_weights(other, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "w.safetensors").read_bytes()


def test_views_of_one_storage_and_empty_tensors_can_be_saved(tmp_path):
    model, whole = nn.Module(), torch.arange(6.0)
    for name, tensor in {"front": whole[:3], "back": whole[3:], "none": torch.zeros(0)}.items():
        model.register_buffer(name, tensor)
    save_weights(model, tmp_path / "w.safetensors")
    assert torch.equal(load_file(tmp_path / "w.safetensors")["back"], whole[3:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("0.bias"), "has no '0.bias'"),
        (lambda state: state.update({"7.weight": torch.zeros(1)}), "has '7.weight', which the model lacks"),
        (lambda state: state.update({"5.bias": torch.zeros(4)}), r"'5.bias' has shape \(4,\), and the model's \(3,\)"),
    ],
)
def test_the_first_difference_is_named_and_nothing_is_loaded(change, message, tmp_path):
    model = network()
    state = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    change(state)
    save_file(state, tmp_path / "w.safetensors")
    before = model[0].weight.clone()
    with pytest.raises(WeightsError, match=message) as caught:
        load_weights(model, tmp_path / "w.safetensors")
    assert "architecture" in caught.value.hint
    assert torch.equal(model[0].weight, before)


def test_a_malicious_pickle_is_refused_and_never_opened(tmp_path):
    mark, path = tmp_path / "pwned", tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Malicious(mark)))
    with pytest.raises(WeightsError, match="a pickle, which may run any program"):
        load_weights(network(), path)
    torch.save({"weights": Malicious(mark)}, path)
    with pytest.raises(WeightsError, match="a pickle, which may run any program"):
        load_weights(network(), path)
    assert not mark.exists()


def test_truncated_empty_and_missing_files_are_named(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match="cannot read the weights"):
        load_weights(network(), path)
    save_weights(network(), path)
    content = path.read_bytes()
    for length in (0, 4, 60, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError, match=r"w\.safetensors is not a safetensors file"):
            load_weights(network(), path)
    with pytest.raises(WeightsError, match="cannot read the weights"):
        load_weights(network(), tmp_path)
