"""The recognizer: its front, and what it learns without an alignment."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.ctc_paths import collapse
from gatefield.models.sequence.ctc_recognizer import CTCRecognizer
from gatefield.training.objective import objective_for


def build(**arguments) -> CTCRecognizer:
    torch.manual_seed(0)
    small = {"features": 3, "classes": 4, "encoder": {"cell": "gru", "hidden": [4]}, "channels": 5}
    return CTCRecognizer(**small | arguments).double().eval()


@pytest.mark.parametrize(("strides", "kernel"), [([], 5), ([2], 3), ([2, 3], 5), ([4], 1)])
def test_the_front_leaves_one_frame_of_several(strides, kernel):
    model = build(strides=strides, kernel_size=kernel)
    source = torch.Generator().manual_seed(1)
    for n in range(1, 12):
        h = torch.randn(1, 3, n, generator=source, dtype=torch.float64)
        found = model(h.transpose(1, 2))
        for conv, stride in zip(model.front, strides):
            h = F.relu(F.conv1d(h, conv.weight, conv.bias, stride, kernel // 2))
        assert found.lengths.tolist() == [h.shape[2]]
        expected = model.classifier(model.encoder(h.transpose(1, 2))[0]).log_softmax(2)
        torch.testing.assert_close(found.log_probabilities, expected)


def test_outputs_are_distributions_and_the_blank_is_one_of_them():
    found = build()(torch.randn(2, 5, 3, dtype=torch.float64), [5, 2])
    torch.testing.assert_close(found.log_probabilities.exp().sum(2), torch.ones(2, 5, dtype=torch.float64))
    assert found.log_probabilities.shape == (2, 5, 4)
    assert found.lengths.tolist() == [5, 2]


def test_learns_where_nobody_told_it_what_is_when():
    """Each symbol sounds for a few frames, with silence between; the labels say only which, in which order."""
    generator = torch.Generator().manual_seed(0)
    count, longest = 60, 4
    sizes = torch.randint(1, longest + 1, (count,), generator=generator)
    labels = torch.randint(1, 4, (count, longest), generator=generator)
    labels = labels.masked_fill(torch.arange(longest) >= sizes[:, None], -100)
    sounds = []
    for row, size in enumerate(sizes.tolist()):
        frames = [torch.zeros(1)]
        for label in labels[row, :size].tolist():
            spans = torch.randint(2, 5, (2,), generator=generator).tolist()
            frames += [torch.full((spans[0],), label), torch.zeros(spans[1] - 1)]
        sounds.append(F.one_hot(torch.cat(frames).long(), 4).float()[:, 1:])
    lengths = torch.tensor([len(sound) for sound in sounds])
    x = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
    x = x + 0.1 * torch.randn(x.shape, generator=generator)

    torch.manual_seed(0)
    model = CTCRecognizer(3, 4, {"cell": "gru", "hidden": [24]})
    objective, optimizer = objective_for(model.output), torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(80):
        optimizer.zero_grad()
        objective.loss(model(x[:50], lengths[:50]), labels[:50]).backward()
        optimizer.step()
    log_y, frames = model(x[50:], lengths[50:])
    said = [collapse(row[:end].tolist()) for row, end in zip(log_y.argmax(2), frames.tolist())]
    wanted = [labels[row, : sizes[row]].tolist() for row in range(50, count)]
    assert sum(one == other for one, other in zip(said, wanted)) >= 9  # of 10 that it has not heard


@pytest.mark.parametrize(
    ("arguments", "path"),
    [({"kernel_size": 4}, "kernel_size"), ({"strides": [0]}, "strides"), ({"classes": 0}, "classes")],
)
def test_wrong_arguments(arguments, path):
    with pytest.raises(ArgumentError) as caught:
        build(**arguments)
    assert caught.value.path[0] == path
    assert caught.value.hint


def test_wrong_input():
    for call in (
        lambda: build()(torch.zeros(2, 5, 2, dtype=torch.float64)),
        lambda: build()(torch.zeros(5, 3, dtype=torch.float64)),
        lambda: build()(torch.zeros(2, 5, 3, dtype=torch.float64), [6, 1]),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint


def test_no_frames():
    for strides in ([], [2, 2]):
        found = build(strides=strides)(torch.zeros(2, 0, 3, dtype=torch.float64))
        assert found.log_probabilities.shape == (2, 0, 4)
        assert found.lengths.tolist() == [0, 0]
