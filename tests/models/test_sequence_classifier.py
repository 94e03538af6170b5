"""The classifier of sequences: its read-outs, and what it learns."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError, InputError
from gatefield.models.sequence.sequence_classifier import SequenceClassifier

LENGTHS = [4, 7, 0, 1]


def build(**arguments) -> SequenceClassifier:
    torch.manual_seed(0)
    small = {"classes": 3, "vocabulary": 6, "embedding": 4, "encoder": {"cell": "gru", "hidden": [5]}}
    return SequenceClassifier(**small | arguments).double().eval()


def texts() -> torch.Tensor:
    return torch.randint(6, (4, 7), generator=torch.Generator().manual_seed(1))


def test_readouts_are_their_equations():
    for readout in ("last", "mean", "max", "attention"):
        model, tokens = build(readout=readout), texts()
        found = model(tokens, LENGTHS)
        reader = model.reader
        for row, length in enumerate(LENGTHS):
            h = reader.encoder(model.embedding(tokens[row : row + 1, :length]))[0][0]
            if length == 0:
                vector = torch.zeros(5, dtype=torch.float64)
            elif readout == "last":
                vector = h[-1]
            elif readout == "mean":
                vector = sum(h) / length
            elif readout == "max":
                vector = torch.stack([h[:, unit].max() for unit in range(5)])
            else:
                scores = [reader.v.weight[0] @ torch.tanh(reader.V.weight @ h_t + reader.V.bias) for h_t in h]
                weights = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
                vector = sum(a * h_t for a, h_t in zip(weights, h))
            expected = model.classifier.weight @ vector + model.classifier.bias
            torch.testing.assert_close(found[row], expected)


def test_the_last_step_of_both_directions():
    model, tokens = build(encoder={"cell": "gru", "hidden": [5], "bidirectional": True}), texts()
    x = model.embedding(tokens)
    forward, backward = (direction.cell for direction in model.reader.encoder.layer.directions)
    for row, length in enumerate(LENGTHS):
        ends = []
        for cell, steps in ((forward, range(length)), (backward, reversed(range(length)))):
            h = torch.zeros(1, 5, dtype=torch.float64)
            for t in steps:
                (h,) = cell.step(x[row : row + 1, t], (h,))
            ends.append(h[0])
        expected = model.classifier(torch.cat(ends))
        torch.testing.assert_close(model(tokens, LENGTHS)[row], expected)


def test_the_maximum_of_negative_features_is_not_that_of_padding():
    model = build(readout="max")
    with torch.no_grad():
        for parameter in model.reader.encoder.parameters():
            parameter.fill_(-1.0)
        model.embedding.weight.fill_(1.0)
    h = model.reader(model.embedding(texts()), LENGTHS)
    assert (h[[0, 1, 3]] < 0).all()
    assert not h[2].any()


def test_kims_network_finds_a_word_anywhere():
    """A class that depends on whether the pair 3, 4 stands in a text is learned by filters of two words."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, 6, (400, 12), generator=generator)
    lengths = torch.randint(2, 13, (400,), generator=generator)
    within = torch.arange(11) + 1 < lengths[:, None]
    answers = ((tokens[:, :-1] == 3) & (tokens[:, 1:] == 4) & within).any(1).long()
    torch.manual_seed(0)
    encoder = {"name": "convolution", "kernel_sizes": [2], "channels": 16}
    model = SequenceClassifier(2, vocabulary=6, embedding=8, encoder=encoder, readout="max")
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(model(tokens[:300], lengths[:300]), answers[:300]).backward()
        optimizer.step()
    right = model(tokens[300:], lengths[300:]).argmax(1) == answers[300:]
    assert right.double().mean() > 0.95
    assert 0.2 < answers.double().mean() < 0.8


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"features": 3}, "vocabulary"),
        ({"vocabulary": None}, "vocabulary"),
        ({"readout": "sum"}, "readout"),
        ({"encoder": "no such"}, "encoder"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_wrong_arguments(arguments, path):
    with pytest.raises(ArgumentError) as caught:
        build(**arguments)
    assert caught.value.path[0] == path
    assert caught.value.hint


def test_wrong_input():
    vectors = build(vocabulary=None, features=3)
    for call in (
        lambda: build()(texts()[0]),
        lambda: build()(texts() + 1),
        lambda: build()(texts(), [1, 2, 3, 8]),
        lambda: vectors(torch.zeros(2, 5, 4, dtype=torch.float64)),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint


def test_no_steps_at_all():
    for readout in ("last", "mean", "max", "attention"):
        model = build(readout=readout)
        found = model(torch.zeros(2, 0, dtype=torch.int64))
        torch.testing.assert_close(found, model.classifier.bias.expand(2, -1))
