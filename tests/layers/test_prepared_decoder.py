"""Products made once, against making them at every step; and that changed weights are seen."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest
import torch

from gatefield.decoding import Beam
from gatefield.layers import prepared_decoder
from gatefield.models.language.encoder_decoder import EncoderDecoder
from gatefield.recurrent import native

KINDS = {
    "gru": {},
    "lstm, two levels": {"cell": "lstm", "levels": 2},
    "no attention": {"attention": None},
    "tied": {"tied": True, "embedding": 6},
    "input feeding": {"input_feeding": True},
    "bahdanau": {"attention": "additive", "order": "bahdanau"},
    "summary": {"attention": None, "summary": True},
}


def model_of(arguments) -> EncoderDecoder:
    torch.manual_seed(0)
    model = EncoderDecoder(
        **{"source_vocabulary": 9, "target_vocabulary": 11, "embedding": 5, "hidden": 6, **arguments}
    )
    with torch.no_grad():
        model.decoder.output.bias.normal_()
    return model.eval()


def walked(model: EncoderDecoder, steps: int = 5, n: int = 3, w: int = 4) -> list[torch.Tensor]:
    """Scores of a walk in which hypotheses are put in order, and one sentence leaves."""
    draw = torch.Generator().manual_seed(1)
    state = model.start((torch.randint(9, (n, 4), generator=draw), torch.tensor([4, 2, 3])))
    found = []
    for step in range(steps):
        kept = torch.arange(n) if step < 3 else torch.tensor([0, 2])
        count = state.hidden[0][0].shape[1]
        rows = kept if len(state.hidden[0][0]) == n else torch.arange(2)
        state = model.reorder(state, rows, torch.randint(count, (len(rows), w), generator=draw))
        scores, state = model.scores(torch.randint(11, (len(rows), w), generator=draw), state)
        found.append(scores)
    return found


@pytest.fixture
def eager(monkeypatch) -> None:
    """Bind as soon as can be."""
    monkeypatch.setattr(prepared_decoder, "WORTH", -(1 << 20))
    monkeypatch.setattr(prepared_decoder, "ROWS", 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_scores(kind, eager):
    model = model_of(KINDS[kind])
    expected = [scores.detach() for scores in walked(model)]  # with gradients: nothing is prepared
    assert model.decoder._prepared is None
    with torch.no_grad():
        for _ in range(2):
            for mine, other in zip(walked(model), expected):
                torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)
    prepared = model.decoder._prepared
    assert prepared is not None
    if prepared._stepper is not None:
        assert model.decoder.hears_symbols_only
        assert prepared._stepper.embedding is not None
    else:
        assert not model.decoder.hears_symbols_only or not prepared._may_bind


def test_the_recurrence_is_bound_where_native_code_is(eager):
    if native.library() is None:
        pytest.skip("there is no native code here")
    model = model_of({})
    with torch.no_grad():
        walked(model)
    assert model.decoder._prepared is not None
    assert model.decoder._prepared._stepper is not None


def test_changed_weights_are_seen(eager):
    model = model_of({})
    with torch.no_grad():
        walked(model)
        before = model.decoder._prepared
        walked(model)
        assert model.decoder._prepared is before
        for parameter in model.decoder.parameters():
            parameter.mul_(0.5)
        found = walked(model)
    assert model.decoder._prepared is not before
    for mine, other in zip(found, walked(model)):
        torch.testing.assert_close(mine, other.detach(), atol=1e-5, rtol=1e-5)


def test_nothing_is_prepared_in_training_or_for_gradients(eager):
    model = model_of({})
    walked(model)
    assert model.decoder._prepared is None
    with torch.no_grad():
        walked(model.train())
        assert model.decoder._prepared is None
        walked(model.eval())
    assert model.decoder._prepared is not None


def test_a_copy_prepares_its_own(eager):
    model = model_of({})
    with torch.no_grad():
        expected = walked(model)
        for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert again.decoder._prepared is None
            for mine, other in zip(walked(again), expected):
                torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)
    assert not any("prepared" in name for name in model.state_dict())


def test_few_steps_bind_nothing():
    model = model_of({})
    with torch.no_grad():
        walked(model)
    assert model.decoder._prepared is not None
    assert model.decoder._prepared._stepper is None


def test_two_threads_do_not_disturb_each_other(eager):
    model = model_of({})
    with torch.no_grad():
        expected = walked(model, steps=30)
    wrong = []

    def walk() -> None:
        with torch.no_grad():
            for _ in range(4):
                for mine, other in zip(walked(model, steps=30), expected):
                    if not torch.allclose(mine, other, atol=1e-5):
                        wrong.append(mine)

    threads = [threading.Thread(target=walk) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_beam_finds_the_same(eager):
    model = model_of({"target_vocabulary": 150})
    source = torch.randint(9, (6, 5), generator=torch.Generator().manual_seed(3))
    beam = Beam(5, 3)

    class Plain:
        """The same model by its steps, without scores."""

        start, reorder = model.start, model.reorder

        def step(self, tokens, state):
            readout, state = model.decoder._advance(model.decoder.embedding(tokens), state)
            return model.decoder.output(readout).log_softmax(2), state

    with torch.no_grad():
        mine = beam.decode(model, model.start((source, None)), 2, 3, 9)
        other = beam.decode(Plain(), model.start((source, None)), 2, 3, 9)
    for row, expected in zip(mine, other):
        assert [h.tokens for h in row] == [h.tokens for h in expected]
        for one, another in zip(row, expected):
            assert one.score == pytest.approx(another.score, abs=1e-5)
            assert one.log_probabilities == pytest.approx(another.log_probabilities, abs=1e-5)


def test_a_step_can_still_be_exported(eager):
    """What is prepared lies in the memory of one model and has no place in a program for others."""
    model = model_of({"attention": None})
    with torch.no_grad():
        state = model.start((torch.zeros(2, 1, dtype=torch.int64), None))

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = model.decoder

        def forward(self, tokens: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
            return self.decoder.scores(tokens, state._replace(hidden=[type(state.hidden[0])(h)]))[0]

    tokens, h = torch.tensor([[3], [4]]), torch.randn(2, 1, 6)
    with torch.no_grad():
        walked(model)
        program = torch.export.export(Step(), (tokens, h))
        torch.testing.assert_close(program.module()(tokens, h), Step()(tokens, h), atol=1e-5, rtol=1e-5)
