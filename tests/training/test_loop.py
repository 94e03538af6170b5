"""What the loop computes: gradients over groups of batches, clipping, rates, the best epoch."""

from __future__ import annotations

import contextlib
import io

import pytest
import torch
from small_training import TensorBatches, images, network
from torch import nn

from gatefield.core.console import Console
from gatefield.core.errors import ArgumentError, DataError
from gatefield.training import loop
from gatefield.training.checkpoint import Checkpoints, facts_of
from gatefield.training.history import History
from gatefield.training.loop import fit, groups
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.settings import Training
from gatefield.training.weights import parse_tensors

FLOAT64 = torch.float64
SPOILED = {"name": "piecewise", "table": [[3, 1000.0]]}
"""A rate that is far too high after three epochs, so that the best epoch is not the last."""


def train(tmp_path, batch_size=8, validation=None, model=None, count=41, console=None, dtype=FLOAT64, **settings):
    model = model or network(dtype, random_parts=False)
    settings = Training(**{"optimizer": {"name": "sgd", "learning_rate": 0.1}, "epochs": 2, **settings})
    batches = TensorBatches(*images(count, dtype), batch_size)
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    history = fit(model, CrossEntropy(), settings, batches, validation, Checkpoints(folder), console=console)
    return model, history


def held_out(dtype=FLOAT64, **kwargs):
    return TensorBatches(*images(23, dtype, "validation"), 8)


def equal(first: nn.Module, second: nn.Module, tolerance: float) -> bool:
    pairs = zip(first.parameters(), second.parameters())
    return all(torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in pairs)


def test_accumulated_batches_equal_one_large_batch(tmp_path):
    assert equal(train(tmp_path, 5, accumulate=4)[0], train(tmp_path, 20)[0], 1e-12)  # 41: the last group is short


def test_accumulation_over_the_epoch_equals_batch_learning(tmp_path):
    summed, history = train(tmp_path, 6, accumulate="epoch")
    whole, expected = train(tmp_path, 41)
    assert equal(summed, whole, 1e-12)
    for record, other in zip(history.records, expected.records):
        assert record["train_loss"] == pytest.approx(other["train_loss"], rel=1e-12)


def test_the_loop_equals_a_loop_written_out(tmp_path):
    trained, history = train(tmp_path, clip_norm=0.3, schedule="cosine")
    model, batches = network(FLOAT64, random_parts=False), TensorBatches(*images(41, FLOAT64), 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    for epoch in range(2):
        losses = 0.0
        for batch in batches.epoch(epoch):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch.inputs), batch.targets)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.3)
            optimizer.step()
            scheduler.step()
            losses += loss.item() * batch.size
        assert history.records[epoch]["train_loss"] == pytest.approx(losses / 41, rel=1e-12)
    assert equal(trained, model, 1e-12)


def test_clipping_by_value_bounds_each_step(tmp_path):
    start = network(FLOAT64, random_parts=False)
    trained, _ = train(tmp_path, 41, epochs=1, clip_value=1e-3)
    steps = torch.cat([(a - b).abs().flatten() for a, b in zip(trained.parameters(), start.parameters())])
    assert steps.max().item() == pytest.approx(1e-4, rel=1e-9)  # rate 0.1 times 1e-3
    assert (steps > 0.999e-4).double().mean() > 0.5


def test_channels_last_changes_the_layout_only(tmp_path):
    first = train(tmp_path, channels_last=True)[0]
    assert first[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert equal(first, train(tmp_path, channels_last=False)[0], 1e-12)


def test_bfloat16_computes_in_bfloat16_and_keeps_float32_weights(tmp_path):
    seen = set()
    model = network(torch.float32, random_parts=False)
    model[0].register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    trained, history = train(tmp_path, model=model, dtype=torch.float32, precision="bfloat16")
    assert seen == {torch.bfloat16}
    assert {parameter.dtype for parameter in trained.parameters()} == {torch.float32}
    reference, expected = train(tmp_path, dtype=torch.float32)
    assert equal(trained, reference, 0.02)
    assert not equal(trained, reference, 1e-7)
    assert history.records[-1]["train_loss"] == pytest.approx(expected.records[-1]["train_loss"], rel=0.02)


def test_the_weights_in_the_end_are_those_of_the_best_epoch(tmp_path):
    model, history = train(tmp_path, validation=held_out(), epochs=6, schedule=SPOILED)
    losses = history.validation_losses
    assert losses.index(min(losses)) + 1 == history.best_epoch <= 3
    images_, targets = images(23, FLOAT64, "validation")
    assert not model.training
    with torch.no_grad():
        outputs = model(images_)
    assert nn.functional.cross_entropy(outputs, targets).item() == pytest.approx(min(losses), rel=1e-12)
    accuracy = (outputs.argmax(1) == targets).double().mean().item()
    assert history.records[history.best_epoch - 1]["validation_accuracy"] == pytest.approx(accuracy)


def test_without_validation_the_last_weights_stay(tmp_path):
    model, history = train(tmp_path, epochs=3)
    assert history.best_epoch is None
    assert "validation_loss" not in history.records[0]
    assert not equal(model, train(tmp_path, epochs=2)[0], 1e-6)


def test_early_stopping_waits_patience_epochs(tmp_path):
    _, history = train(tmp_path, validation=held_out(), epochs=40, patience=2, schedule=SPOILED)
    assert len(history.records) == history.best_epoch + 2 <= 5


@pytest.mark.parametrize(
    ("monitor", "values", "best"), [("loss", [0.3, 0.2, 0.2, 0.4], 2), ("accuracy", [0.5, 0.9, 0.9, 0.8], 2)]
)
def test_the_first_of_equal_epochs_is_the_best(monitor, values, best):
    history = History(monitor, [{"epoch": i + 1, f"validation_{monitor}": value} for i, value in enumerate(values)])
    assert history.best_epoch == best
    assert not history.improved
    assert history.exhausted(2)
    assert not history.exhausted(3)
    assert not history.exhausted(None)


def test_groups_cover_every_batch_once():
    assert list(groups(7, 3)) == [range(3), range(3, 6), range(6, 7)]
    assert list(groups(7, 3, start=6)) == [range(6, 7)]
    assert list(groups(7, "epoch")) == [range(7)]
    assert list(groups(7, "epoch", start=7)) == []


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"patience": 2}, "patience"), ({"monitor": "accuracy"}, "monitor"), ({"schedule": "plateau"}, "schedule")],
)
def test_settings_that_need_validation_data_say_so(settings, key, tmp_path):
    with pytest.raises(ArgumentError, match=f"'{key}' needs validation data"):
        train(tmp_path, **settings)
    train(tmp_path, validation=held_out(), **settings)


def test_float16_needs_cuda(tmp_path):
    with pytest.raises(ArgumentError, match="needs a CUDA device"):
        train(tmp_path, precision="float16")


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_norm": 1.0, "clip_value": 1.0},
        {"batch_size": "all", "accumulate": 2},
        {"batch_size": "all", "accumulate": "epoch"},
        {"batch_size": 0},
        {"epochs": 0},
        {"clip_norm": -1.0},
        {"precision": "float8"},
        {"accumulate": "never"},
        {"optimizer": "adma"},
    ],
)
def test_nonsense_settings_are_refused(settings):
    with pytest.raises(ArgumentError) as caught:
        Training(**settings)
    assert caught.value.hint


def test_a_frozen_model_is_refused(tmp_path):
    model = network(FLOAT64).requires_grad_(False)
    with pytest.raises(ArgumentError, match="no trainable parameter"):
        train(tmp_path, model=model)


def test_frozen_layers_stay(tmp_path):
    model = network(FLOAT64, random_parts=False)
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    trained, _ = train(tmp_path, model=model, optimizer="adam")
    assert torch.equal(trained[0].weight, before)


def test_the_console_tells_of_each_epoch(tmp_path):
    told = io.StringIO()
    train(tmp_path, validation=held_out(), console=Console(stderr=told))
    lines = told.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert "validation loss" in lines[0]
    assert "samples/s" in lines[0]


def test_empty_sets_are_refused(tmp_path):
    with pytest.raises(DataError, match="the training set is empty"):
        train(tmp_path, count=0)
    with pytest.raises(DataError, match="the validation set is empty"):
        train(tmp_path, validation=TensorBatches(*images(0, FLOAT64), 8))


def test_the_bar_counts_the_samples_of_all_epochs_and_those_done_before(tmp_path):
    class Watching(Console):
        def __init__(self) -> None:
            super().__init__(quiet=True)
            self.bars = []

        @contextlib.contextmanager
        def progress(self, title, total, unit="step", done=0):
            self.bars.append([total, unit, done])
            yield self

        def advance(self, steps=1, note=""):
            self.bars[-1][2] += steps

    console, checkpoints = Watching(), Checkpoints(tmp_path)
    for epochs in (1, 3):
        batches = TensorBatches(*images(41), 8)
        fit(
            network(),
            CrossEntropy(),
            Training(epochs=epochs, accumulate=2),
            batches,
            None,
            checkpoints,
            console=console,
        )
    assert console.bars == [[41, "sample", 41], [123, "sample", 123]]


def test_float16_scales_its_loss_and_resumes_bit_for_bit(tmp_path, monkeypatch):
    """On the processor, where float16 is slow and therefore refused to users, but computes the same way."""
    monkeypatch.setattr(loop, "compute_type", lambda precision, device: torch.float16)

    def run(folder, epochs):
        folder.mkdir(exist_ok=True)
        model = network(random_parts=False)
        batches, settings = TensorBatches(*images(41), 8), Training(epochs=epochs, clip_norm=1.0)
        fit(model, CrossEntropy(), settings, batches, None, Checkpoints(folder))
        facts = facts_of(parse_tensors((folder / "last.safetensors").read_bytes(), "")[1], "")
        return model, facts["scaler"]

    whole, scaler = run(tmp_path / "whole", 3)
    assert scaler["scale"] >= 1.0
    assert scaler["_growth_tracker"] > 0
    run(tmp_path / "parts", 1)
    parts, other = run(tmp_path / "parts", 3)
    assert other == scaler
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters()))
    plain, _ = train(tmp_path, dtype=torch.float32, epochs=3, clip_norm=1.0, optimizer="adam")
    assert equal(whole, plain, 0.02)
