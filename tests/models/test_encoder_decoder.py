"""The recurrent encoder-decoder: its equations, its steps, scheduled sampling, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from stepper_contract import PairContract, StepperCase, cases
from stepper_contract import case as build_case

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError
from gatefield.models.language.encoder_decoder import EncoderDecoder
from gatefield.models.model import Model, SequenceExample
from gatefield.models.pairs import random_pairs

SMALL = {"source_vocabulary": 11, "target_vocabulary": 9, "embedding": 6, "hidden": 4}

#: Options on top of those that the examples have, so that each meets each way of running.
OPTIONS = [
    {"cell": {"name": "jordan", "output_size": 5}},
    {"cell": {"name": "jordan", "output_size": 5}, "attention": None, "bidirectional": False, "handover": "copied"},
    {"attention": {"name": "subset", "size": 2}, "order": "bahdanau", "tied": True},
    {"attention": "sparsemax", "input_feeding": True, "cell": "peephole-lstm"},
    {"attention": {"name": "local", "window": 2}, "levels": 2},
    {"attention": "dot", "bidirectional": False, "reverse_source": True},
    {"attention": None, "summary": True, "tied": True, "levels": 2},
    {"decoder_cell": "bi-scale"},
]


def build(**options) -> StepperCase:
    return build_case(EncoderDecoder, SequenceExample({**SMALL, **options}, random_pairs(11, 9)))


def name(options: dict) -> str:
    return "-".join(str(value["name"] if isinstance(value, dict) else value) for value in options.values())


class TestEncoderDecoder(PairContract):
    @pytest.fixture(params=[*cases(EncoderDecoder), *(pytest.param(o, id=name(o)) for o in OPTIONS)])
    def case(self, request):
        return build_case(*request.param) if isinstance(request.param, tuple) else build(**request.param)

    def test_teacher_forcing_of_every_step_is_the_whole(self, case):
        """The loop of scheduled sampling at rate 1 computes what one call over all time does."""
        state = case.start()
        logits, weights = case.model.decoder._sampled(case.target, state, case.lengths, 1.0)
        torch.testing.assert_close(logits, case.forward(), rtol=1e-9, atol=1e-9)
        if weights is not None:
            expected = case.model.alignment(*case.source, case.target, case.lengths)
            inside = torch.arange(case.target.shape[1]) < case.lengths[:, None]
            torch.testing.assert_close(weights[inside], expected[inside], rtol=1e-9, atol=1e-9)

    def test_without_teacher_forcing_it_hears_itself(self, case):
        """By the rate in training and by `free_run`, what follows is what greedy steps find."""
        case.model.train().teacher_forcing = 0.0
        trained = case.forward()
        case.model.eval()
        torch.testing.assert_close(trained, case.model.free_run(*case.source, case.target, case.lengths))
        state, own = case.start(), case.target[:, :1]
        for t in range(case.target.shape[1]):
            log_p, state = case.model.step(own, state)
            here = case.lengths > t
            torch.testing.assert_close(log_p[here, 0], trained[here, t].log_softmax(1), rtol=1e-9, atol=1e-9)
            own = log_p.argmax(2)

    def test_weights_of_attention_come_with_the_step(self, case):
        if case.model.decoder.attention is None:
            with pytest.raises(ArgumentError, match="no attention"):
                case.model.alignment(*case.source, case.target)
            return
        expected, state = case.model.alignment(*case.source, case.target), case.start()
        for t in range(case.target.shape[1]):
            _, state = case.model.step(case.target[:, t : t + 1], state)
            torch.testing.assert_close(state.attention[:, 0], expected[:, t], rtol=1e-9, atol=1e-9)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def gru(w: dict[str, np.ndarray], place: str, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The GRU of the decks, one row."""
    H = len(h)
    W, U, b = (w[f"{place}.cell.{letter}"] for letter in "WUb")
    a = W @ x + b
    r, z = sigmoid(a[:H] + U[:H] @ h), sigmoid(a[H : 2 * H] + U[H : 2 * H] @ h)
    n = np.tanh(a[2 * H :] + U[2 * H :] @ (r * h))
    return (1 - z) * h + z * n


def softmax(e: np.ndarray) -> np.ndarray:
    powers = np.exp(e - e.max())
    return powers / powers.sum()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"input_feeding": True},
        {"order": "bahdanau", "attention": "additive"},
        {"attention": None},
        {"attention": None, "summary": True, "bidirectional": False},
        {"attention": None, "reverse_source": True, "bidirectional": False, "handover": "copied"},
    ],
    ids=["luong", "input-feeding", "bahdanau", "no-attention", "cho", "sutskever"],
)
def test_is_its_equations(options):
    """A transcription in NumPy, sentence by sentence and step by step."""
    case = build(**options)
    w = {key: value.numpy() for key, value in case.model.state_dict().items()}
    (source, ends), logits = case.source, case.forward().numpy()
    attention, both = options.get("attention", "general"), options.get("bidirectional", True)
    for row in range(len(source)):
        tokens = source[row, : ends[row]].tolist()
        if options.get("reverse_source"):
            tokens = tokens[::-1]
        x = [w["embedding.weight"][token] for token in tokens]
        states = []
        for direction in range(1 + both):
            h, found = np.zeros(4), []
            for e in x[::-1] if direction else x:
                h = gru(w, f"encoder.levels.0.directions.{direction}", e, h)
                found.append(h)
            states.append(found[::-1] if direction else found)
        memory = np.concatenate(states, 1)
        last = np.concatenate([found[0 if direction else -1] for direction, found in enumerate(states)])
        c = None
        if options.get("summary"):
            c = last = np.tanh(w["summary.weight"] @ last + w["summary.bias"])
        s = last
        if options.get("handover") != "copied":
            s = np.tanh(w["decoder.bridge.weight"] @ last + w["decoder.bridge.bias"])
        fed = np.zeros(4)

        def look(s, memory=memory):
            if attention == "additive":
                W, U, v = (w[f"decoder.attention.{name}"] for name in ("W_a.weight", "U_a.weight", "v"))
                return softmax(np.array([v @ np.tanh(W @ s + U @ m) for m in memory])) @ memory
            return softmax(memory @ w["decoder.attention.W_a.weight"].T @ s) @ memory

        for t in range(case.lengths[row]):
            e = w["decoder.embedding.weight"][case.target[row, t]]
            if options.get("order") == "bahdanau":
                c = look(s)
            heard = [e] + [c] * (c is not None and attention != "general") + [fed] * ("input_feeding" in options)
            s = gru(w, "decoder.recurrent.levels.0.directions.0", np.concatenate(heard), s)
            if attention == "general":
                c = look(s)
                r = fed = np.tanh(w["decoder.readout.weight"] @ np.concatenate([s, c]) + w["decoder.readout.bias"])
            elif c is not None:
                r = w["decoder.readout.weight"] @ np.concatenate([s, e, c]) + w["decoder.readout.bias"]
                r = np.maximum(r[0::2], r[1::2])
            else:
                r = s
            expected = w["decoder.output.weight"] @ r + w["decoder.output.bias"]
            np.testing.assert_allclose(logits[row, t], expected, atol=1e-10)


def test_output_recurrence_passes_on_outputs_only():
    """Catalogue 170: with the Jordan cell the state of the decoder is y, and W y_{t-1} is all that h_t hears of it."""
    case = build(cell={"name": "jordan", "output_size": 5}, attention=None)
    assert [tuple(level._fields) for level in case.start().hidden] == [("y",)]
    assert case.start().hidden[0].y.shape[2] == 5


def test_half_of_teacher_forcing_draws_for_each_row_and_step():
    """Where the right symbol is never the model's own, a row has heard only right ones with chance 1/2 a step."""
    model, batch = build().model, 1000
    source = torch.ones(batch, 2, dtype=torch.int64)
    target = torch.ones(1, 4, dtype=torch.int64)
    for t in range(3):
        own = model(source[:1], None, target)[0, t].argmax()
        target[0, t + 1] = (own + 1) % 9
    forced = model(source[:1], None, target)
    model.train().teacher_forcing = 0.5
    torch.manual_seed(0)
    logits = model(source, None, target.expand(batch, 4))
    shares = (logits - forced).abs().amax(2).lt(1e-9).double().mean(0)
    torch.testing.assert_close(shares, torch.tensor([1, 0.5, 0.25, 0.125], dtype=torch.float64), atol=0.06, rtol=0)


def test_the_fast_default_runs_whole(monkeypatch):
    """No loop over steps in Python: the decoder's recurrence is one call."""
    case = build()
    calls = []
    original = type(case.model.decoder.recurrent).forward

    def counted(self, *args, **kwargs):
        calls.append(1)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(type(case.model.decoder.recurrent), "forward", counted)
    case.forward()
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"reverse_source": True}, "reverse_source"),
        ({"handover": "copied"}, "handover"),
        ({"handover": "copied", "bidirectional": False, "decoder_cell": "lstm"}, "handover"),
        ({"attention": None, "input_feeding": True}, "input_feeding"),
        ({"order": "bahdanau", "input_feeding": True}, "input_feeding"),
        ({"attention": None, "order": "bahdanau"}, "order"),
        ({"summary": True}, "summary"),
        ({"attention": None, "tied": True}, "tied"),
        ({"teacher_forcing": 1.5}, "teacher_forcing"),
    ],
)
def test_options_that_exclude_one_another(options, path):
    with pytest.raises(ArgumentError) as caught:
        EncoderDecoder(**{**SMALL, **options})
    assert caught.value.path[0] == path
    assert caught.value.hint


def test_a_symbol_that_is_none():
    case = build()
    with pytest.raises(InputError, match="no symbol 11"):
        case.model.start((torch.tensor([[11]]), None))


def test_presets_build_the_nets_of_their_papers():
    def preset(name: str) -> EncoderDecoder:
        entry = family(Model).find(name)
        return entry.cls(**{**SMALL, **entry.arguments})

    assert preset("cho2014").summary is not None
    assert preset("cho2014").decoder.attention is None
    sutskever = preset("sutskever2014")
    assert len(sutskever.encoder.directions) == len(sutskever.decoder.recurrent.directions) == 4
    assert (sutskever.decoder.bridge, sutskever.reverse_source) == (None, True)
    assert preset("bahdanau2015").decoder.feeds_back
    assert preset("luong2015").decoder.input_feeding
    assert preset("chung2016").decoder.recurrent.directions[0].cell.name == "bi-scale"
    assert preset("chung2016").encoder.directions[0].cell.name == "gru"


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="luong"),
        pytest.param({"order": "bahdanau", "attention": "additive"}, marks=SLOW, id="bahdanau"),
        pytest.param({"input_feeding": True, "teacher_forcing": 0.5}, marks=SLOW, id="scheduled-sampling"),
        pytest.param({"attention": {"name": "subset", "size": 2}}, marks=SLOW, id="subset"),
        pytest.param({"attention": "sparsemax"}, marks=SLOW, id="sparsemax"),
        pytest.param({"attention": None, "cell": "lstm"}, marks=SLOW, id="no-attention"),
    ],
)
def test_learns_to_reverse(options):
    """Whole sequences, which it has never seen, at its own hands."""
    symbols, time, source = 8, 4, torch.Generator().manual_seed(0)

    def draw(rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = torch.randint(2, symbols, (rows, time), generator=source)
        y = x.flip(1)
        return x, torch.cat([torch.ones_like(y[:, :1]), y[:, :-1]], 1), y

    torch.manual_seed(0)
    model = EncoderDecoder(source_vocabulary=symbols, target_vocabulary=symbols, embedding=16, hidden=32, **options)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(250):
        x, target_in, y = draw(64)
        loss = F.cross_entropy(model(x, None, target_in).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    x, target_in, y = draw(300)
    with torch.no_grad():
        assert (model.free_run(x, None, target_in).argmax(2) == y).all(1).double().mean() > 0.9
