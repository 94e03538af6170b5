"""Captions: codes as first state, attention over places, a network that stays as it is, and paragraphs."""

from __future__ import annotations

import pytest
import torch
from stepper_contract import StepperContract, cases
from stepper_contract import case as build_case

from gatefield.core.configurable import Spec
from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.layer_outputs import layer_outputs
from gatefield.models.language.captioner import Captioner
from gatefield.models.language.paragraph_captioner import ParagraphCaptioner
from gatefield.models.model import Model

SMALL = {"vocabulary": 9, "embedding": 6, "hidden": 4}


class TestCaptioner(StepperContract):
    @pytest.fixture(params=cases(Captioner))
    def case(self, request):
        return build_case(*request.param)

    def test_weights_of_attention_lie_on_the_picture(self, case):
        if case.model.decoder.attention is None:
            with pytest.raises(ArgumentError, match="no attention"):
                case.model.alignment(*case.source, case.target, case.lengths)
            return
        maps, state = case.model.alignment(*case.source, case.target), case.start()
        assert maps.shape == (4, 5, 2, 2)
        for t in range(5):
            _, state = case.model.step(case.target[:, t : t + 1], state)
            torch.testing.assert_close(state.attention[:, 0], maps[:, t].flatten(1), rtol=1e-9, atol=1e-9)

    def test_the_order_of_places_matters_to_nobody(self, case):
        """Attention and mean are over a set: mixing the places mixes the weights and changes no word."""
        (codes,), mixed = case.source, torch.tensor([2, 0, 3, 1])
        other = codes.flatten(2)[:, :, mixed].view(codes.shape)
        torch.testing.assert_close(case.forward((other,)), case.forward(), rtol=1e-9, atol=1e-9)

    def test_without_teacher_forcing_it_hears_itself(self, case):
        own, state = case.target[:, :1], case.start()
        found = case.model.free_run(*case.source, case.target)
        for t in range(5):
            log_p, state = case.model.step(own, state)
            torch.testing.assert_close(log_p[:, 0], found[:, t].log_softmax(1), rtol=1e-9, atol=1e-9)
            own = log_p.argmax(2)


def test_the_first_state_is_made_of_the_mean_of_the_codes():
    torch.manual_seed(0)
    model = Captioner((3, 2, 2), **SMALL, attention=None, cell="gru").double()
    codes = torch.randn(2, 3, 2, 2, dtype=torch.float64)
    bridge = model.decoder.bridge
    expected = torch.tanh(codes.mean((2, 3)) @ bridge.weight.T + bridge.bias)
    torch.testing.assert_close(model.start(codes).hidden[0].h[:, 0], expected)
    flat = Captioner((3,), **SMALL, attention=None, cell="gru").double()
    flat.load_state_dict(model.state_dict())
    torch.testing.assert_close(flat.start(codes.mean((2, 3))).hidden[0].h[:, 0], expected)


def test_a_network_gives_the_codes_and_is_not_trained():
    torch.manual_seed(0)
    network = Spec.from_config({"name": "resnet20", "dropout": 0.0}, (), Model)
    model = Captioner((3, 16, 16), **SMALL, network=network, layer="stages.stage3")
    images, words = torch.randn(2, 3, 16, 16), torch.ones(2, 3, dtype=torch.int64)
    before = {key: value.clone() for key, value in model.network.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    model.train()
    model(images, words).square().sum().backward()
    optimizer.step()
    assert all(torch.equal(value, before[key]) for key, value in model.network.state_dict().items())
    assert not model.network.training
    codes = layer_outputs(model.network, images, ["stages.stage3"])["stages.stage3"]
    assert torch.equal(model.codes(images), codes)
    alone = Captioner(tuple(codes.shape[1:]), **SMALL)
    alone.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("network.")})
    assert torch.equal(alone.eval()(codes, words), model.eval()(images, words))
    again = Captioner.from_config(model.config())
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval()(images, words), model(images, words))


@pytest.mark.parametrize("arguments", [{"layer": "stages"}, {"network": "lenet5"}])
def test_network_and_layer_go_together(arguments):
    with pytest.raises(ArgumentError, match="go together") as caught:
        Captioner((3, 32, 32), **SMALL, **arguments)
    assert caught.value.path == ("layer",)


def test_codes_of_another_shape():
    with pytest.raises(InputError, match=r"codes have shape \(1, 4, 2, 2\)") as caught:
        Captioner((3, 2, 2), **SMALL).start(torch.zeros(1, 4, 2, 2))
    assert "3, 2, 2" in caught.value.hint


@pytest.mark.parametrize("attention", [None, "additive"])
def test_learns_to_name_what_it_sees(attention):
    """Each place shows one of four symbols; the caption reads the picture row by row."""
    torch.manual_seed(0)
    model = Captioner((4, 2, 2), vocabulary=6, embedding=16, hidden=48, attention=attention, cell="gru")
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    places = torch.eye(4)  # with attention the codes know their places, as those of a network with padding do

    def draw(rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y = torch.randint(0, 2, (rows, 4))
        codes = (places * (2 * y[:, :, None] - 1)).transpose(1, 2).view(rows, 4, 2, 2)
        return codes, torch.cat([torch.full((rows, 1), 5), y[:, :-1]], 1), y

    for _ in range(120):
        codes, words, y = draw(32)
        loss = torch.nn.functional.cross_entropy(model(codes, words).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    codes, words, y = draw(100)
    assert (model.eval().free_run(codes, words).argmax(2) == y).all(1).double().mean() > 0.95


def paragraphs() -> tuple[ParagraphCaptioner, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = ParagraphCaptioner((3, 2, 2), vocabulary=9, sentences=3, embedding=6, hidden=4).double().eval()
    source = torch.Generator().manual_seed(0)
    codes = torch.randn(2, 3, 2, 2, generator=source, dtype=torch.float64)
    words = torch.randint(1, 9, (2, 3, 4), generator=source)
    return model, codes, words, torch.tensor([[4, 2, 1], [3, 1, 0]])


def test_a_paragraph_is_its_equations():
    model, codes, words, _ = paragraphs()
    logits = model(codes, words).view(2, 3, 4, 9)
    v = model.pool(codes.flatten(2).transpose(1, 2)).amax(1)
    cell, decoder = model.plan.directions[0].cell, model.decoder
    state = (torch.zeros(2, 4, dtype=torch.float64),) * 2
    for s in range(3):
        state = cell.step(v, state)
        topic = torch.relu(model.topic[2](torch.relu(model.topic[0](state[0]))))
        word_state = torch.tanh(decoder.bridge(topic)).chunk(2, 1)
        for t in range(4):
            word_state = decoder.recurrent.directions[0].cell.step(decoder.embedding(words[:, s, t]), word_state)
            torch.testing.assert_close(logits[:, s, t], decoder.output(word_state[0]))


def test_steps_of_a_paragraph():
    """Every sentence is a row of its own for decoding."""
    model, codes, words, lengths = paragraphs()
    expected = model(codes, words, lengths).view(6, 4, 9)
    state = model.start(codes)
    for t in range(4):
        log_p, state = model.step(words.flatten(0, 1)[:, t : t + 1], state)
        here = lengths.flatten() > t
        torch.testing.assert_close(log_p[here, 0], expected[here, t].log_softmax(1))
    assert not expected[5].any()
    wide = model.reorder(state, torch.tensor([1, 4]), torch.zeros(2, 3, dtype=torch.int64))
    assert wide.hidden[0].h.shape == (2, 3, 4)
    torch.testing.assert_close(wide.hidden[0].h[1, 2], state.hidden[0].h[4, 0])


def test_too_many_sentences():
    model, codes, _, _ = paragraphs()
    with pytest.raises(InputError, match="4 sentences, this model plans 3"):
        model(codes, torch.ones(2, 4, 2, dtype=torch.int64))
