"""Training stops at the first loss that is not finite and names where it came from."""

from __future__ import annotations

import pytest
import torch
from small_training import TensorBatches, images, network
from torch import Tensor, nn

from gatefield.core.errors import DivergenceError
from gatefield.training.checkpoint import Checkpoints
from gatefield.training.loop import fit
from gatefield.training.nan_watch import LossSum
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.settings import Training


class Faulty(nn.Module):
    """Passes its input through, but gives NaN for batch number ``limit``, also when that comes again."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit, self.inputs = limit, []

    def forward(self, x: Tensor) -> Tensor:
        if not any(torch.equal(x, seen) for seen in self.inputs):
            self.inputs.append(x.detach().clone())
        return x * torch.nan if torch.equal(x, self.inputs[-1]) and len(self.inputs) >= self.limit else x


class BadBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):  # pyright: ignore[reportIncompatibleMethodOverride]
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):  # pyright: ignore[reportIncompatibleMethodOverride]
        return gradient * torch.inf


def train(tmp_path, model, spoil=None, validation=None, epochs=2, seed=3, **settings):
    inputs, targets = images(41)
    if spoil is not None:
        inputs[spoil] = torch.inf
    batches = TensorBatches(inputs, targets, 8)
    settings = Training(epochs=epochs, **settings)
    return fit(model, CrossEntropy(), settings, batches, validation, Checkpoints(tmp_path), seed=seed)


@pytest.mark.parametrize(("accumulate", "first_batch"), [(1, 3), (2, 3), ("epoch", 1)])
def test_the_module_is_named_and_nothing_was_applied(accumulate, first_batch, tmp_path):
    model = nn.Sequential(nn.Identity(), Faulty(3), nn.Flatten(), nn.Linear(36, 3))
    start = model[3].weight.detach().clone()
    expected = rf"the output of module '1' \(Faulty\) is not finite in epoch 1, mini-batch {first_batch}\n"
    with pytest.raises(DivergenceError, match=expected) as caught:
        train(tmp_path, model, accumulate=accumulate, optimizer={"name": "sgd", "learning_rate": 1e-3})
    assert "clip_norm" in caught.value.hint
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert torch.equal(model[3].weight, start) == (first_batch == 1)


class Unlucky(nn.Module):
    """Divides by zero about one time in three, as the global generator has it."""

    def forward(self, x: Tensor) -> Tensor:
        return x / (torch.rand(()) > 0.3)


def test_random_layers_repeat_their_draw_when_looking_again(tmp_path):
    for seed in range(5):
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3), Unlucky())
        with pytest.raises(DivergenceError, match=r"module '2' \(Unlucky\)"):
            train(tmp_path, model, epochs=20, seed=seed)


def test_the_loss_itself_may_be_at_fault(tmp_path):
    class Broken(CrossEntropy):
        def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return super().loss(outputs, targets) / 0

    batches = TensorBatches(*images(41), 8)
    with pytest.raises(DivergenceError, match=r"the loss 'cross-entropy' is not finite .* though the outputs are"):
        fit(network(), Broken(), Training(), batches, None, Checkpoints(tmp_path))


def test_an_input_that_is_not_finite_is_named(tmp_path):
    with pytest.raises(DivergenceError, match=r"the input is not finite in epoch 1, .*: samples \[17\]"):
        train(tmp_path, network(), spoil=17)


def test_a_parameter_that_is_not_finite_is_named(tmp_path):
    model = network()
    with torch.no_grad():
        model[0].bias[1] = torch.nan
    with pytest.raises(DivergenceError, match=r"'0.bias' is not finite in epoch 1, mini-batch 1"):
        train(tmp_path, model)


def test_a_bad_gradient_shows_in_the_next_update_and_spoils_no_checkpoint(tmp_path):
    class Exploding(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return BadBackward.apply(x)  # pyright: ignore[reportReturnType]

    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3), Exploding())
    with pytest.raises(DivergenceError, match=r"'1.weight' is not finite in epoch 1"):
        train(tmp_path, model, checkpoint_seconds=0)
    assert not list(tmp_path.iterdir())


def test_a_validation_loss_that_is_not_finite_is_named(tmp_path):
    inputs, targets = images(20, stream="validation")
    inputs[4] = torch.nan
    with pytest.raises(
        DivergenceError, match=r"the input is not finite in the validation after epoch 1: samples \[4\]"
    ):
        train(tmp_path, network(), validation=TensorBatches(inputs, targets, 8))


def test_the_last_good_checkpoint_stays(tmp_path):
    train(tmp_path, network(), epochs=1)
    before = (tmp_path / "last.safetensors").read_bytes()
    with pytest.raises(DivergenceError):
        train(tmp_path, network(), spoil=3, epochs=2)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_an_accelerator_looks_at_every_sixteenth_sum():
    losses = LossSum(torch.device("meta"))
    assert losses.every == 16
    losses = LossSum(torch.device("cpu"), start=1.5)
    assert losses.add(torch.tensor(2.0), 4)
    assert losses.value == 9.5
    assert not losses.add(torch.tensor(torch.nan), 4)
    losses = LossSum(torch.device("cpu"))
    losses._sum, losses.every = torch.zeros((), dtype=torch.float64), 16  # as on an accelerator
    looked = [losses.add(torch.tensor(torch.nan if step == 3 else 1.0), 1) for step in range(16)]
    assert looked == [True] * 15 + [False]
