"""A state handed from mini-batch to mini-batch: truncated back-propagation through time in the training loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import torch
from small_training import TensorBatch
from torch import Tensor, nn
from torch.nn import functional

from gatefield.core.errors import ArgumentError
from gatefield.training.carried import map_tensors, rebuilt, started_anew, tensors_in
from gatefield.training.checkpoint import Checkpoints
from gatefield.training.forward import Forward
from gatefield.training.loop import fit
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.settings import Training

STEPS = 5


class Reader(nn.Module):
    """A small recurrent network over symbols."""

    returns_state = True

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.recurrent, self.output = (
            nn.Embedding(4, 3),
            nn.LSTM(3, 6, batch_first=True),
            nn.Linear(6, 4),
        )

    def forward(self, tokens: Tensor, state=None):
        h, state = self.recurrent(self.embedding(tokens), state)
        return self.output(h), state


class Streams:
    """Two rows of symbols, read a few steps at a time."""

    carries, unit = True, "symbol"

    def __init__(self, count: int, stop: int | None = None) -> None:
        text = torch.randint(4, (2, count * STEPS + 1), generator=torch.Generator().manual_seed(3))
        self.inputs, self.targets = text[:, :-1].split(STEPS, 1), text[:, 1:].split(STEPS, 1)
        self.stop = stop

    def sizes(self, epoch: int) -> list[int]:
        return [part.numel() for part in self.inputs]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[TensorBatch]:
        for number in range(start, len(self.inputs)):
            if number == self.stop and epoch == 1:
                raise KeyboardInterrupt
            part = self.inputs[number]
            yield TensorBatch((part,), self.targets[number], torch.arange(2), part.numel(), 1.0)


def train(folder, batches: Streams, validation: Streams | None = None, **settings):
    folder.mkdir(exist_ok=True)
    model = Reader()
    training = Training(epochs=2, optimizer={"name": "sgd", "learning_rate": 0.5}, checkpoint_seconds=0, **settings)  # type: ignore[arg-type]
    history = fit(model, CrossEntropy(), training, batches, validation, Checkpoints(folder))
    return model, history


def by_hand() -> Reader:
    """The same two epochs, written out."""
    model, streams = Reader(), Streams(7)
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for _ in range(2):
        state = None
        for x, t in zip(streams.inputs, streams.targets):
            optimizer.zero_grad()
            z, state = model(x, state)
            functional.cross_entropy(z.flatten(0, 1), t.flatten()).backward()
            state = tuple(part.detach() for part in state)
            optimizer.step()
    return model


def test_the_state_goes_on_and_starts_anew_each_epoch(tmp_path):
    model, history = train(tmp_path, Streams(7))
    for parameter, expected in zip(model.parameters(), by_hand().parameters()):
        torch.testing.assert_close(parameter, expected, rtol=1e-6, atol=1e-7)
    assert len(history.records) == 2


def test_a_run_interrupted_within_an_epoch_goes_on_to_the_same_bits(tmp_path):
    unbroken, _ = train(tmp_path / "unbroken", Streams(7))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", Streams(7, stop=4))
    resumed, _ = train(tmp_path / "broken", Streams(7))
    for parameter, expected in zip(resumed.parameters(), unbroken.parameters()):
        assert torch.equal(parameter, expected)


def test_validation_carries_a_state_of_its_own(tmp_path):
    model, history = train(tmp_path, Streams(3), Streams(4))
    streams = Streams(4)
    with torch.no_grad():
        z, _ = model(torch.cat(streams.inputs, 1))
        expected = functional.cross_entropy(z.flatten(0, 1), torch.cat(streams.targets, 1).flatten())
    best = history.records[history.best_epoch - 1]
    assert best["validation_loss"] == pytest.approx(expected.item(), rel=1e-6)


class Looped(nn.Module):
    """A recurrent network with an initial state that is learned, its rows first."""

    returns_state = True

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embedding, self.recurrent, self.output = nn.Embedding(4, 5), nn.Linear(5, 5), nn.Linear(5, 4)
        self.initial = nn.Parameter(torch.randn(5))

    def forward(self, tokens: Tensor, state=None):
        (h,) = state or (self.initial.expand(len(tokens), -1),)
        outputs = [h.new_zeros(len(tokens), 0, 4)]
        for x in self.embedding(tokens).unbind(1):
            h = torch.tanh(x + self.recurrent(h))
            outputs.append(self.output(h)[:, None])
        return torch.cat(outputs, 1), (h,)


class Restarted(NamedTuple):
    inputs: tuple[Tensor, ...]
    targets: Tensor
    indices: Tensor
    size: int
    share: float
    fresh: Tensor


FRESH = [[False, True], [True, False], [False, False], [True, True], [False, True]]


class Restarting(Streams):
    """The same, and in some mini-batches a row starts anew."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Restarted]:  # type: ignore[override]
        for number, batch in enumerate(super().epoch(epoch, start), start):
            yield Restarted(*batch, torch.tensor(FRESH[number]))


def fit_restarting(folder, batches: Streams) -> Looped:
    folder.mkdir(exist_ok=True)
    model = Looped()
    training = Training(epochs=2, optimizer={"name": "sgd", "learning_rate": 0.5}, checkpoint_seconds=0)  # type: ignore[arg-type]
    fit(model, CrossEntropy(), training, batches, None, Checkpoints(folder))
    return model


def test_a_row_that_starts_anew_starts_from_the_initial_state_and_trains_it(tmp_path):
    model, streams = Looped(), Streams(5)
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for _ in range(2):
        states: list[Tensor | None] = [None, None]
        for x, t, fresh in zip(streams.inputs, streams.targets, FRESH):
            optimizer.zero_grad()
            rows = []
            for row in range(2):  # each row by itself: anew is without a state
                state = states[row]
                z, (h,) = model(x[row : row + 1], None if state is None or fresh[row] else (state,))
                states[row] = h.detach()
                rows.append(z)
            functional.cross_entropy(torch.cat(rows).flatten(0, 1), t.flatten()).backward()
            optimizer.step()
    found = fit_restarting(tmp_path, Restarting(5))
    for parameter, expected in zip(found.parameters(), model.parameters()):
        torch.testing.assert_close(parameter, expected, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(fit_restarting(tmp_path / "never", Streams(5)).initial, found.initial, atol=1e-3)


def test_a_run_with_rows_that_start_anew_resumes_to_the_same_bits(tmp_path):
    unbroken = fit_restarting(tmp_path / "unbroken", Restarting(5))
    with pytest.raises(KeyboardInterrupt):
        fit_restarting(tmp_path / "broken", Restarting(5, stop=4))
    resumed = fit_restarting(tmp_path / "broken", Restarting(5))
    for parameter, expected in zip(resumed.parameters(), unbroken.parameters()):
        assert torch.equal(parameter, expected)


def test_a_state_that_grows_cannot_start_anew():
    with pytest.raises(ArgumentError, match="grows") as caught:
        started_anew(torch.tensor([True]), [torch.zeros(1, 0, 3)], [torch.zeros(1, 7, 3)])
    assert "reset_rate" in caught.value.hint


def test_targets_of_padding_do_not_count():
    z = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([[1, 2, -100], [0, -100, -100]])
    kept = functional.cross_entropy(torch.stack([z[0, 0], z[0, 1], z[1, 0]]), torch.tensor([1, 2, 0]))
    objective = CrossEntropy()
    torch.testing.assert_close(objective.loss(z, t), kept)
    z[0, 0, 1] = z[0, 1, 2] = 9.0
    z[1, 0, 1] = 9.0
    assert objective.correct(z, t).item() == pytest.approx(2 / 3)


class Outputs(NamedTuple):
    logits: Tensor
    lengths: Tensor


class Unjudged(CrossEntropy):
    """A loss of outputs in a named tuple, without right and wrong."""

    def loss(self, outputs, targets):
        assert isinstance(outputs, Outputs)
        return super().loss(outputs.logits, targets[0])

    def correct(self, outputs, targets):
        return None


class Named(Reader):
    returns_state = False

    def forward(self, tokens: Tensor, lengths: Tensor):
        return Outputs(super().forward(tokens)[0], lengths)


class Several(Streams):
    carries = False

    def epoch(self, epoch: int, start: int = 0) -> Iterator[TensorBatch]:
        for batch in super().epoch(epoch, start):
            yield batch._replace(inputs=(*batch.inputs, torch.tensor([5, 5])), targets=(batch.targets,))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_named_outputs_reach_the_objective_whole_and_in_float32(precision):
    forward = Forward(Named(), Unjudged(), torch.device("cpu"), precision)
    loss, outputs, targets = forward(next(iter(Several(2).epoch(0))))
    assert outputs.logits.dtype == torch.float32
    assert outputs.lengths.dtype == torch.int64
    expected = functional.cross_entropy(outputs.logits.flatten(0, 1), targets[0].flatten())
    torch.testing.assert_close(loss, expected)


def test_an_objective_without_accuracy_cannot_choose_by_it(tmp_path):
    settings = Training(epochs=1, monitor="accuracy")
    with pytest.raises(ArgumentError, match="has no accuracy") as caught:
        fit(Named(), Unjudged(), settings, Several(2), Several(2), Checkpoints(tmp_path))
    assert "loss" in caught.value.hint
    history = fit(Named(), Unjudged(), Training(epochs=1), Several(2), Several(2), Checkpoints(tmp_path))
    assert "validation_accuracy" not in history.records[0]


def test_before_update_sees_the_progress_of_every_update(tmp_path):
    seen = []
    fit(
        Reader(), CrossEntropy(), Training(epochs=2), Streams(4), None, Checkpoints(tmp_path),
        before_update=lambda progress: seen.append(progress.epoch),
    )  # fmt: skip
    assert seen == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]


def test_tensors_in_any_structure_are_found_and_put_back():
    tree = [Outputs(torch.ones(2), torch.zeros(3)), {"a": (torch.full((1,), 7.0), None)}]
    tensors = list(tensors_in(tree))
    assert [len(tensor) for tensor in tensors] == [2, 3, 1]
    again = rebuilt(map_tensors(torch.zeros_like, tree), tensors)
    assert isinstance(again[0], Outputs)
    assert again[1]["a"][1] is None
    assert torch.equal(again[1]["a"][0], torch.tensor([7.0]))
    with pytest.raises(ValueError, match="fit"):
        rebuilt(tree, tensors[:2])
