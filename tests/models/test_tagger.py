"""The tagger: alignment and delay, letters, constraints, and what each of them is good for."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.crf import LinearChain, viterbi
from gatefield.models.sequence.tagger import Tagger
from gatefield.training.objective import objective_for

LENGTHS = [4, 6, 0, 1]
FORWARD = {"cell": "gru", "hidden": [8], "bidirectional": False}


def build(**arguments) -> Tagger:
    torch.manual_seed(0)
    small = {"vocabulary": 9, "classes": 3, "embedding": 4, "encoder": {"cell": "gru", "hidden": [5]}}
    return Tagger(**small | arguments).double().eval()


def words(rows: int = 4, time: int = 6) -> torch.Tensor:
    return torch.randint(9, (rows, time), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("delay", [1, 3])
def test_a_delayed_label_knows_the_next_words(delay):
    model = build(delay=delay, encoder=FORWARD)
    x = model.embedding(words())
    found = model(words(), LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone = torch.cat([x[row, :length], torch.zeros(delay, 4, dtype=torch.float64)])
        h, _ = model.encoder(alone[None])
        torch.testing.assert_close(found[row, :length], model.classifier(h[0, delay:])[:length])
    x = model.embedding(words()).detach().requires_grad_()
    model.classifier(model._read(x, None, torch.full((4,), 6)))[0, 1].sum().backward()
    assert x.grad[0].any(1).nonzero().flatten().tolist() == list(range(2 + delay))


@pytest.mark.parametrize("encoder", [{"name": "convolution", "kernel_sizes": [2, 3], "channels": 3}, "bidirectional"])
def test_letters_are_read_word_by_word(encoder):
    readout = "last" if encoder == "bidirectional" else "max"
    model = build(letters=5, characters={"embedding": 3, "encoder": encoder, "readout": readout})
    letters = torch.randint(1, 5, (4, 6, 7), generator=torch.Generator().manual_seed(2))
    sizes = torch.randint(0, 8, (4, 6), generator=torch.Generator().manual_seed(3))
    letters = letters.masked_fill(torch.arange(7) >= sizes[:, :, None], 0)
    found = model.characters(letters)
    for row in range(4):
        for place in range(6):
            word = letters[row, place, : sizes[row, place]]
            alone = model.characters.reader(model.characters.embedding(word[None]))
            torch.testing.assert_close(found[row, place], alone[0])
    wider = F.pad(letters, (0, 2))
    torch.testing.assert_close(model(words(), LENGTHS, wider), model(words(), LENGTHS, letters))


def test_letters_tell_what_an_unknown_word_is():
    """Words that end in the letter 2 have label 1; at test time all words are unknown."""
    generator = torch.Generator().manual_seed(0)
    letters = torch.randint(1, 5, (60, 8, 5), generator=generator)
    labels = (letters[:, :, -1] == 2).long()
    known = torch.randint(2, 9, (60, 8), generator=generator)
    characters = {"embedding": 4, "encoder": {"name": "recurrent", "cell": "gru", "hidden": [8]}, "readout": "last"}
    torch.manual_seed(0)
    model = Tagger(9, 2, 4, FORWARD, letters=5, characters=characters)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(known[:50], None, letters[:50]).flatten(0, 1), labels[:50].flatten()).backward()
        optimizer.step()
    found = model(torch.ones_like(known[50:]), None, letters[50:]).argmax(2)
    assert (found == labels[50:]).double().mean() > 0.95


def test_dropped_words_are_unknown_in_training_only():
    model, seen = build(word_dropout=0.3), []
    model.embedding.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    given = torch.randint(2, 9, (50, 40), generator=torch.Generator().manual_seed(4))
    model(given)
    model.train()(given)
    in_evaluation, in_training = seen
    assert torch.equal(in_evaluation, given)
    dropped = in_training != given
    assert (in_training[dropped] == 1).all()
    assert abs(float(dropped.double().mean()) - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 2000)


def test_a_delay_lets_a_forward_net_see_what_follows():
    """The label of a word is the next word; without delay nothing better than chance is possible."""
    x = torch.randint(4, (128, 12), generator=torch.Generator().manual_seed(0))
    labels, right = x.roll(-1, 1), []
    for delay in (0, 1):
        torch.manual_seed(0)
        model = Tagger(4, 4, 8, {**FORWARD, "hidden": [16]}, delay=delay)
        optimizer = torch.optim.Adam(model.parameters(), 0.02)
        for _ in range(80):
            optimizer.zero_grad()
            F.cross_entropy(model(x[:64])[:, :-1].flatten(0, 1), labels[:64, :-1].flatten()).backward()
            optimizer.step()
        right.append((model(x[64:]).argmax(2) == labels[64:])[:, :-1].double().mean().item())
    assert right[1] > 0.99
    assert right[0] < 0.4  # of 4 labels


def test_a_chain_gives_what_its_constraints_allow():
    tags = ["O", "B-x", "I-x"]
    model = build(output="crf", bio_tags=tags)
    chain = model(words(), LENGTHS)
    assert isinstance(chain, LinearChain)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([0.0, -5.0, 5.0]))  # wants I-x everywhere
    best, _ = viterbi(model(words(), LENGTHS))
    for row, length in enumerate(LENGTHS):
        sentence = best[row, :length].tolist()
        assert all(tag != 2 or before in (1, 2) for before, tag in zip([0, *sentence], sentence))
    free = build(output="crf")
    with torch.no_grad():
        free.classifier.bias.copy_(torch.tensor([0.0, -5.0, 5.0]))
    assert (viterbi(free(words(), LENGTHS))[0][1] == 2).all()


def test_a_chain_learns_what_a_softmax_cannot():
    """Two readings of the same words, wholly 0 1 0 1 or wholly 1 0 1 0: the chain's best is one of them."""
    x = torch.ones(40, 6, dtype=torch.int64)
    labels = (torch.arange(6) % 2)[None].repeat(40, 1)
    labels[::2] = 1 - labels[::2]
    losses = {}
    for output in ("softmax", "crf"):
        torch.manual_seed(0)
        model = Tagger(2, 2, 4, FORWARD, output=output)
        objective, optimizer = objective_for(output), torch.optim.Adam(model.parameters(), 0.05)
        for _ in range(60):
            optimizer.zero_grad()
            loss = objective.loss(model(x), labels)
            loss.backward()
            optimizer.step()
        losses[output] = loss.item()
    best, _ = viterbi(model(x))
    assert (best[:, 1:] != best[:, :-1]).all()
    bit = math.log(2)
    assert losses["softmax"] >= bit - 1e-6  # one bit for every word, and no way around it
    assert bit / 6 <= losses["crf"] < bit / 3  # one bit for the whole sentence is the least there is


@pytest.mark.parametrize(
    ("arguments", "path", "message"),
    [
        ({"bio_tags": ["O", "B-x", "I-x"]}, "bio_tags", "for a CRF"),
        ({"output": "crf", "bio_tags": ["O"]}, "bio_tags", "1 names for 3"),
        ({"vocabulary": 1, "word_dropout": 0.1}, "word_dropout", "no unknown word"),
        ({"output": "crf", "bio_tags": ["O", "B-x", "I-y"]}, "bio_tags", "never begins"),
        ({"characters": {"embedding": 3}}, "letters", "no alphabet"),
        ({"characters": {"colour": 3}, "letters": 4}, "characters", "colour"),
        ({"delay": -1}, "delay", "outside"),
        ({"output": "linear"}, "output", "not a choice"),
    ],
)
def test_wrong_arguments(arguments, path, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        build(**arguments)
    assert caught.value.path[0] == path
    assert caught.value.hint


def test_wrong_input():
    model, reading = build(), build(letters=4, characters={"embedding": 2})
    letters = torch.zeros(4, 6, 3, dtype=torch.int64)
    for call in (
        lambda: model(words()[0]),
        lambda: model(words(), [7, 1, 1, 1]),
        lambda: model(words() + 9),
        lambda: model(words(), LENGTHS, letters),
        lambda: reading(words(), LENGTHS),
        lambda: reading(words(), LENGTHS, letters[:, :5]),
        lambda: reading(words(), LENGTHS, letters[:, :, 0]),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint
