"""The language model: the net of the decks, torch's own layers, the continuous cache, streams, and what it learns."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.target_likelihood import TargetLikelihood
from gatefield.models.language.language_model import LanguageModel
from gatefield.training.objective import objective_for

HELO = {"vocabulary": 4, "embedding": None, "encoder": {"cell": "elman", "hidden": [3]}}
"""Catalogue 26: symbols h, e, l, o, one of n each; 4-3-4 units."""

HIDDEN = [[0.3, -0.1, 0.9], [1.0, 0.3, 0.1], [0.1, -0.5, -0.3], [-0.3, 0.9, 0.7]]
LOGITS = [[1.0, 2.2, -3.0, 4.1], [0.5, 0.3, -1.0, 1.2], [0.1, 0.5, 1.9, -1.1], [0.2, -1.5, -0.1, 2.2]]
"""The slide: hidden units and outputs after h, he, hel and hell; the greatest are 4.1 o, 1.2 o, 1.9 l and 2.2 o."""

HELLO = torch.tensor([[0, 1, 2, 2, 3]])


def build(**arguments) -> LanguageModel:
    torch.manual_seed(0)
    small = {"vocabulary": 5, "embedding": 4, "encoder": {"cell": "gru", "hidden": [4]}}
    return LanguageModel(**small | arguments).double().eval()


def texts(rows: int = 3, time: int = 7, vocabulary: int = 5) -> torch.Tensor:
    return torch.randint(vocabulary, (rows, time), generator=torch.Generator().manual_seed(1))


# ------------------------------------------------------------------------------------------------- the decks' "hello"


def net_of_the_slide() -> LanguageModel:
    """The weights that give the numbers of the slide: as many equations as unknowns.

    h_t = tanh(W x_t + U h_(t-1)) holds for "h", "he" and "hel" whatever U is, by the columns of W; "hell" then asks
    U (h_3 - h_2) = atanh(h_4) - atanh(h_3), which a U of rank one answers. y_t = V h_t + c are four equations for the
    three weights and the bias of each output.
    """
    model = build(**HELO)
    h = torch.tensor(HIDDEN, dtype=torch.float64).clamp(-1 + 1e-9, 1 - 1e-9)  # the slide rounds: tanh is below 1
    before = torch.atanh(h)
    difference = h[2] - h[1]
    U = torch.outer(before[3] - before[2], difference) / difference.dot(difference)
    cell = model.encoder.layer.directions[0].cell
    with torch.no_grad():
        cell.b.zero_()
        cell.U.copy_(U)
        cell.W[:, 0] = before[0]
        cell.W[:, 1] = before[1] - U @ h[0]
        cell.W[:, 2] = before[2] - U @ h[1]
        solved = torch.linalg.solve(F.pad(h, (0, 1), value=1.0), torch.tensor(LOGITS, dtype=torch.float64))
        model.weight.copy_(solved[:3].T)
        model.bias.copy_(solved[3])
    return model


def learn(model: LanguageModel, steps: int, rate: float) -> torch.Tensor:
    """The symbols foretold after h, he, hel, hell once trained on "hello", updates summed over the text."""
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        logits, _ = model(HELLO[:, :-1])
        F.cross_entropy(logits[0], HELLO[0, 1:], reduction="sum").backward()
        optimizer.step()
    return model(HELLO[:, :-1])[0][0].argmax(1)


def test_the_net_of_the_slide_is_wrong_twice_and_right_twice():
    model = net_of_the_slide()
    h, _ = model.encoder(model.embedding(HELLO[:, :-1]))
    torch.testing.assert_close(h[0], torch.tensor(HIDDEN, dtype=torch.float64), rtol=0, atol=1e-6)
    logits, _ = model(HELLO[:, :-1])
    torch.testing.assert_close(logits[0], torch.tensor(LOGITS, dtype=torch.float64), rtol=0, atol=1e-6)
    assert logits[0].max(1).values.tolist() == pytest.approx([4.1, 1.2, 1.9, 2.2])
    foretold = logits[0].argmax(1)
    assert foretold.tolist() == [3, 3, 2, 3]
    assert (foretold == HELLO[0, 1:]).tolist() == [False, False, True, True]


def test_the_net_of_the_slide_learns_hello():
    assert learn(net_of_the_slide(), 300, 0.05).tolist() == [1, 2, 2, 3]


@pytest.mark.parametrize("seed", range(3))
def test_a_fresh_net_learns_hello(seed):
    torch.manual_seed(seed)
    model = LanguageModel(**HELO)
    assert learn(model, 300, 0.05).tolist() == [1, 2, 2, 3]
    # and says it, one symbol after the other
    stream, symbol, said = model.eval().stream(), 0, [0]
    for _ in range(4):
        symbol = int(stream.step(symbol).argmax())
        said.append(symbol)
    assert said == HELLO[0].tolist()


# ------------------------------------------------------------------------------------------------ what it computes


@pytest.mark.parametrize("tied", [False, True])
def test_is_torch_lstm_between_embedding_and_output(tied):
    model = build(encoder={"cell": "lstm", "hidden": [6, 4]}, tied=tied)
    layers = [nn.LSTM(4, 6, batch_first=True).double(), nn.LSTM(6, 4, batch_first=True).double()]
    h = F.embedding(texts(), model.embedding.weight)
    for layer, direction in zip(layers, model.encoder.layer.directions):
        cell = direction.cell
        weights = zip(layer.all_weights[0], (cell.W, cell.U, cell.b, torch.zeros_like(cell.b)))
        with torch.no_grad():
            for theirs, ours in weights:
                theirs.copy_(ours)
        h, _ = layer(h)
    weight = model.embedding.weight if tied else model.weight
    torch.testing.assert_close(model(texts())[0], h @ weight.T + model.bias)


def test_tied_weights_are_the_same_parameter_in_file_and_gradient():
    model = build(tied=True)
    assert [name for name in model.state_dict() if "weight" in name] == ["embedding.weight"]
    logits, _ = model(texts())
    logits.square().sum().backward()
    unread = sorted(set(range(5)) - set(texts()[:, :-1].flatten().tolist()))
    assert model.embedding.weight.grad[unread].any(1).all()  # what is never read still learns where it is foretold


def test_one_of_n_is_an_embedding_by_unit_vectors():
    model, dense = build(embedding=None), build(embedding=5)
    dense.load_state_dict({**model.state_dict(), "embedding.weight": torch.eye(5)})
    torch.testing.assert_close(model(texts())[0], dense(texts())[0])
    assert "embedding.weight" not in model.state_dict()


def test_a_prefix_stands_before_the_first_step():
    model = build()
    tokens, lengths = texts(), torch.tensor([3, 0, 6])
    state = model.start(tokens, lengths)
    log_p, _ = model.step(tokens[:, :1], state)
    for row, length in enumerate(lengths.tolist()):
        text = torch.cat([tokens[row : row + 1, :length], tokens[row : row + 1, :1]], 1)
        torch.testing.assert_close(log_p[row, 0], model(text)[0][0, -1].log_softmax(0))


@pytest.mark.parametrize(
    "arguments",
    [
        {"encoder": {"cell": "lstm", "hidden": [6, 6]}},
        {"encoder": {"cell": "gru", "hidden": [4], "initial_state": "learned"}, "tied": True},
        {"embedding": None},
        {"encoder": {"name": "transformer", "width": 4, "heads": 2, "context": 4}},
        {"encoder": {"name": "tcn", "channels": [4, 4]}, "cache": {"size": 3}},
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_stream_says_what_forward_says(arguments, batch):
    model = build(**arguments).float()
    tokens = texts(batch)
    expected, _ = model(tokens)
    stream = model.stream(batch)
    for _ in range(2):
        found = [stream.step(int(t) if batch == 1 else t).clone() for t in tokens.unbind(1)]
        torch.testing.assert_close(torch.stack(found, 1), expected.log_softmax(-1), rtol=1e-4, atol=1e-5)
        stream.reset()


def test_dropout_acts_in_training_only():
    model = build(dropout=0.5)
    assert torch.equal(model(texts())[0], model(texts())[0])
    model.train()
    assert not torch.equal(model(texts())[0], model(texts())[0])
    with pytest.raises(InputError, match="dropout"):
        model.step(texts(2, 1), model.start(texts(2, 0)))


# ------------------------------------------------------------------------------------------------ training by samples


@pytest.mark.parametrize("tied", [False, True])
def test_samples_of_everything_train_as_the_whole_softmax_does(tied):
    sampled, whole = build(samples=10**7, tied=tied), build(tied=tied)
    whole.load_state_dict(sampled.state_dict())
    targets = texts(3, 7).roll(-1, 1).masked_fill(torch.arange(7) >= torch.tensor([[7], [0], [4]]), -100)
    losses = []
    for model in (sampled, whole):
        outputs, _ = model.train()(texts())
        losses.append(objective_for(model.output).loss(outputs, targets))
        losses[-1].backward()
    torch.testing.assert_close(*losses)
    for one, other in zip(sampled.parameters(), whole.parameters()):
        torch.testing.assert_close(one.grad, other.grad)


def test_samples_change_training_alone():
    sampled, whole = build(samples=2), build()
    whole.load_state_dict(sampled.state_dict())
    assert torch.equal(sampled(texts())[0], whole(texts())[0])
    assert torch.equal(sampled.stream().step(3), whole.stream().step(3))
    assert isinstance(sampled.train()(texts())[0], TargetLikelihood)


# -------------------------------------------------------------------------------------------------- continuous cache


@pytest.mark.parametrize("size", [1, 3, 100])
@torch.no_grad()
def test_the_cache_is_that_of_the_paper(size):
    """Grave, Joulin and Usunier (2017), equations 2 and 3, word by word."""
    theta, weight = 0.7, 0.3
    cache = {"size": size, "flatness": theta, "weight": weight}
    model, tokens = build(), texts(1, 9)
    plain = model(tokens)[0][0].softmax(1)
    h = model.encoder(model.embedding(tokens))[0][0]
    found = build(cache=cache)(tokens)[0][0]
    for t in range(9):
        p_cache = torch.zeros(5, dtype=torch.float64)
        for i in range(max(0, t - size), t):  # pairs (h_i, x_(i+1)) that have been read
            p_cache[tokens[0, i + 1]] += math.exp(theta * h[t].dot(h[i]))
        expected = plain[t]
        if t:
            expected = (1 - weight) * plain[t] + weight * p_cache / p_cache.sum()
        torch.testing.assert_close(found[t].exp(), expected)


def test_the_cache_goes_on_and_training_has_none():
    model = build(cache={"size": 4})
    tokens = texts()
    whole, end = model(tokens)
    first, state = model(tokens, [2, 0, 5])
    rest = torch.stack([tokens[row].roll(-n) for row, n in enumerate((2, 0, 5))])
    second, state = model(rest, [5, 7, 2], state)
    for row, n in enumerate((2, 0, 5)):
        torch.testing.assert_close(torch.cat([first[row, :n], second[row, : 7 - n]]), whole[row])
    for one, other in zip(state.cache, end.cache):
        torch.testing.assert_close(one, other)
    assert not torch.equal(model.train()(tokens)[0], whole)
    assert model(tokens)[1].cache is None


def test_the_cache_helps_a_text_that_repeats_itself():
    tokens = torch.tensor([[1, 4, 2, 0, 3] * 8])
    losses = []
    for cache in (None, {"size": 20, "flatness": 20.0, "weight": 0.5}):
        logits, _ = build(cache=cache)(tokens)
        losses.append(F.cross_entropy(logits[0, :-1], tokens[0, 1:]).item())
    assert losses[1] < 0.7 * losses[0]


# -------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "path", "message"),
    [
        ({"encoder": "bidirectional"}, "encoder", "foretells"),
        ({"encoder": {"name": "convolution"}}, "encoder", "foretells"),
        ({"embedding": 3, "tied": True}, "tied", "4 wide and the embedding 3"),
        ({"embedding": None, "tied": True}, "tied", "embedding None"),
        ({"samples": 0}, "samples", "outside"),
        ({"cache": {"size": 0}}, "cache", "outside"),
        ({"cache": {"weight": 1.0}}, "cache", "outside"),
        ({"vocabulary": 0}, "vocabulary", "outside"),
        ({"encoder": {"hiden": [3]}}, "encoder", "no argument 'hiden'"),
    ],
)
def test_wrong_arguments(arguments, path, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        build(**arguments)
    assert caught.value.path[0] == path
    assert caught.value.hint


def test_wrong_input():
    model = build()
    for call in (
        lambda: model(texts()[0]),
        lambda: model(texts().float()),
        lambda: model(torch.full((2, 3), 5)),
        lambda: model(torch.full((2, 3), -1)),
        lambda: model(texts(), [1, 2]),
        lambda: model.step(texts()[:, 0], model.start(texts())),
        lambda: model.step(texts(3, 2), model.start(texts())),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint


# ---------------------------------------------------------------------------------------------------------- real data


@pytest.mark.slow
def test_learns_more_than_pairs_of_characters(data_folder):
    """Trained on Shakespeare for seconds, it beats the best model of character pairs on held-out text."""
    folder = data_folder / "tinyshakespeare"
    files = sorted(folder.rglob("*.txt")) if folder.is_dir() else []
    if not files:
        pytest.skip("no tinyshakespeare")
    text = max(files, key=lambda path: path.stat().st_size).read_text(encoding="utf-8")[:400_000]
    symbols = {symbol: number for number, symbol in enumerate(sorted(set(text)))}
    ids = torch.tensor([symbols[symbol] for symbol in text])
    train, held = ids[:-20_000], ids[-20_000:]
    n = len(symbols)
    pairs = torch.bincount(train[:-1] * n + train[1:], minlength=n * n).reshape(n, n).double() + 0.1
    bigram = -(pairs / pairs.sum(1, keepdim=True)).log()[held[:-1], held[1:]].mean().item()

    torch.manual_seed(0)
    model = LanguageModel(n, 32, {"cell": "gru", "hidden": [128]})
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    rows = train[: len(train) // 32 * 32].reshape(32, -1)
    state, losses = None, []
    for step in range(200):
        piece = rows[:, 50 * step : 50 * step + 51]
        logits, state = model(piece[:, :-1], state=state)
        state = state._replace(encoder=[type(level)(*(part.detach() for part in level)) for level in state.encoder])
        loss = F.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        found = F.cross_entropy(model.eval()(held[None, :-1])[0][0], held[1:]).item()
    assert found < bigram - 0.2
