"""The contract of encoders, over all that are discovered, and each against another implementation."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gatefield.core.configurable import Spec
from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError
from gatefield.layers.encoders.convolution import ConvolutionEncoder
from gatefield.layers.encoders.encoder import Encoder, map_state
from gatefield.layers.encoders.recurrent import RecurrentEncoder
from gatefield.layers.encoders.transformer import TransformerEncoder, sinusoids

CLASSES = family(Encoder).classes
CASES = [
    pytest.param(cls, example.arguments, id=f"{cls.name}-{number}")
    for cls in CLASSES
    for number, example in enumerate(cls.examples())
]
TIME, LENGTHS = 7, [4, 7, 0, 1, 6]


def build(cls, arguments) -> Encoder:
    """In float64, at a generic point, for evaluation."""
    torch.manual_seed(0)
    encoder = cls(**arguments).double().eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return encoder


def sequences(encoder: Encoder, time: int = TIME) -> torch.Tensor:
    source = torch.Generator().manual_seed(2)
    return torch.randn(len(LENGTHS), time, encoder.features, generator=source, dtype=torch.float64)


# ------------------------------------------------------------------------------------------------------- the contract


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_is_documented(cls):
    assert cls.examples()
    assert cls.reference
    assert "Source:" in cls.__doc__
    assert "Departs from the" in cls.__doc__
    assert [key for key in cls.signature() if f"{key}: " not in cls.__doc__] == []


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_each_argument_refuses_nonsense(cls):
    for key in cls.signature():
        for nonsense in (object(), b"no", -3, [object()], "no such thing"):
            if key == "initial_state" and nonsense == -3:
                continue  # any number will do
            with pytest.raises(ArgumentError) as caught:
                cls(**{**cls.examples()[0].arguments, key: nonsense})
            assert caught.value.path[:1] == (key,)
            assert caught.value.hint


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_config_rebuilds_it(cls, arguments):
    encoder = build(cls, arguments)
    again = Encoder.from_config(json.loads(json.dumps(encoder.config())))
    assert again.config() == encoder.config()
    again.double().eval().load_state_dict(encoder.state_dict())
    x = sequences(encoder)
    assert torch.equal(again(x, LENGTHS)[0], encoder(x, LENGTHS)[0])


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_rows_of_any_length_are_as_if_alone(cls, arguments):
    encoder = build(cls, arguments)
    x = sequences(encoder)
    for row, length in enumerate(LENGTHS):
        x[row, length:] = torch.nan
    output, state = encoder(x, LENGTHS)
    assert output.shape == (len(LENGTHS), TIME, encoder.width)
    summary = encoder.summary(output, torch.tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        alone, ended = encoder(x[row : row + 1, :length])
        torch.testing.assert_close(output[row, :length], alone[0], rtol=1e-10, atol=1e-10)
        assert not output[row, length:].any()
        torch.testing.assert_close(summary[row], encoder.summary(alone, torch.tensor([length]))[0])
        if length == 0:
            assert not summary[row].any()
        if encoder.causal:  # both go on in the same way
            more = sequences(encoder)[row : row + 1, :3]
            after = encoder(more, None, map_state(lambda part, row=row: part[row : row + 1], state))[0]
            torch.testing.assert_close(after, encoder(more, None, ended)[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_padding_has_no_gradient(cls, arguments):
    encoder = build(cls, arguments)
    x = sequences(encoder).requires_grad_()
    (encoder(x, LENGTHS)[0] * torch.rand(TIME, 1, dtype=torch.float64)).sum().backward()
    assert x.grad is not None
    for row, length in enumerate(LENGTHS):
        assert x.grad[row, :length].isfinite().all()
        assert not x.grad[row, length:].any()
    silent = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_gradients(cls, arguments):
    encoder = build(cls, arguments)
    x = sequences(encoder)[:3, :5].requires_grad_()
    names = [name for name, _ in encoder.named_parameters()]

    def compute(x, *values):
        return torch.func.functional_call(encoder, dict(zip(names, values)), (x, [3, 5, 0]))[0]

    assert torch.autograd.gradcheck(compute, [x, *encoder.parameters()], fast_mode=True)


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_a_causal_encoder_goes_on_where_it_stopped(cls, arguments):
    encoder = build(cls, arguments)
    x = sequences(encoder)
    whole, _ = encoder(x)
    if not encoder.causal:
        with pytest.raises(ArgumentError, match="step by step"):
            encoder.step(x[:, 0])
        return
    for cut in (0, 1, 3, TIME):
        first, state = encoder(x[:, :cut])
        second, _ = encoder(x[:, cut:], None, state)
        torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-10, atol=1e-10)
    state, outputs = None, []
    for x_t in x.unbind(1):
        y_t, state = encoder.step(x_t, state)
        outputs.append(y_t)
    torch.testing.assert_close(torch.stack(outputs, 1), whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_only_an_encoder_that_is_not_causal_looks_ahead(cls, arguments):
    encoder = build(cls, arguments)
    x = sequences(encoder)
    later = x.clone()
    later[:, 4:] += 1
    before, after = encoder(x)[0][:, :4], encoder(later)[0][:, :4]
    assert torch.equal(before, after) == encoder.causal


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_rows_of_a_state_can_be_chosen(cls, arguments):
    encoder = build(cls, arguments)
    if not encoder.causal:
        pytest.skip("cannot go on")
    x = sequences(encoder)
    _, state = encoder(x, LENGTHS)
    rows = torch.tensor([4, 1, 1, 2])
    expected = encoder.step(x[:, 0], state)[0][rows]
    chosen = encoder.step(x[rows, 0], map_state(lambda part: part[rows], state))[0]
    torch.testing.assert_close(chosen, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_no_rows_and_no_steps(cls, arguments):
    encoder = build(cls, arguments)
    x = sequences(encoder)
    assert encoder(x[:0])[0].shape == (0, TIME, encoder.width)
    assert encoder(x[:0], [])[0].shape == (0, TIME, encoder.width)
    empty = encoder(x[:, :0])[0]
    assert empty.shape == (len(LENGTHS), 0, encoder.width)
    assert not encoder.summary(empty, torch.zeros(len(LENGTHS), dtype=torch.int64)).any()


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_wrong_input(cls, arguments):
    encoder = build(cls, arguments)
    x = sequences(encoder)
    calls = [
        lambda: encoder(x[0]),
        lambda: encoder(torch.cat([x, x], 2)),
        lambda: encoder(x, [1, 2]),
        lambda: encoder(x, [8, 1, 1, 1, 1]),
        lambda: encoder(x, [0.5, 1.0, 1.0, 1.0, 1.0]),
    ]
    if encoder.causal:
        _, state = encoder(x)
        calls += [lambda: encoder.step(x), lambda: encoder(x[:2], None, state)]
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint


# ------------------------------------------------------------------------------------------------ recurrent encoders


def test_recurrent_is_torch_lstm_in_both_directions():
    encoder = RecurrentEncoder(3, hidden=[5, 4], bidirectional=True).double()
    first, second = nn.LSTM(3, 5, bidirectional=True).double(), nn.LSTM(10, 4, bidirectional=True).double()
    with torch.no_grad():
        for number, theirs in enumerate((first, second)):
            for ours, suffix in zip(encoder.layer.directions[2 * number : 2 * number + 2], ("", "_reverse")):
                getattr(theirs, f"weight_ih_l0{suffix}").copy_(ours.cell.W)
                getattr(theirs, f"weight_hh_l0{suffix}").copy_(ours.cell.U)
                getattr(theirs, f"bias_ih_l0{suffix}").copy_(ours.cell.b)
                getattr(theirs, f"bias_hh_l0{suffix}").zero_()
    x = sequences(encoder)
    expected, _ = second(first(x.transpose(0, 1))[0])
    torch.testing.assert_close(encoder(x)[0], expected.transpose(0, 1))


def test_a_recurrent_encoder_knows_each_row_from_both_ends():
    encoder = build(RecurrentEncoder, {"features": 2, "hidden": [3], "bidirectional": True})
    x, ends = sequences(encoder), torch.tensor(LENGTHS)
    output, state = encoder(x, LENGTHS)
    expected = torch.cat([state[0].h, state[1].h], 1).masked_fill((ends == 0)[:, None], 0)
    torch.testing.assert_close(encoder.summary(output, ends), expected)


def test_width_is_what_the_cell_emits():
    cell = {"name": "jordan", "output_size": 2}
    encoder = build(RecurrentEncoder, {"features": 3, "cell": cell, "hidden": [4, 4]})
    assert encoder.width == encoder(sequences(encoder))[0].shape[2] == 2


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"hidden": []}, "cell"),
        ({"cell": ["lstm", "gru"], "hidden": [3]}, "cell"),
        ({"cell": {"name": "conv-lstm", "input_channels": 3, "hidden_channels": 2, "kernel_size": 3}}, "cell"),
        ({"hidden": [3], "dropout": 0.5}, "dropout"),
        ({"hidden": [3], "residual": True}, "residual"),
        ({"hidden": [3, 3], "variational": True}, "variational"),
    ],
)
def test_a_recurrent_encoder_ignores_no_option(arguments, path):
    with pytest.raises(ArgumentError) as caught:
        RecurrentEncoder(3, **arguments)
    assert caught.value.path[:1] == (path,)
    assert caught.value.hint


def test_the_preset_reads_both_ways():
    encoder = Spec.from_config({"name": "bidirectional", "hidden": [3]}, (), Encoder).build(features=2)
    assert encoder.width == 6
    assert not encoder.causal


# -------------------------------------------------------------------------------------------------------- the others


def test_convolution_sees_its_window_only():
    encoder = ConvolutionEncoder(1, [4], 2).double()
    x = torch.rand(1, 9, 1, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        encoder.filters[0].weight.abs_()
        encoder.filters[0].bias.zero_()
    encoder(x)[0][0, 4].sum().backward()
    assert x.grad[0, :, 0].nonzero().flatten().tolist() == [3, 4, 5, 6]
    weight, bias = encoder.filters[0].weight, encoder.filters[0].bias
    windows = x[0, :, 0].unfold(0, 4, 1)
    torch.testing.assert_close(encoder(x)[0][0, 1:7], F.relu(windows @ weight[:, 0].T + bias))


@pytest.mark.parametrize("causal", [True, False])
def test_transformer_is_that_of_torch(causal):
    ours = build(TransformerEncoder, {"features": 3, "width": 8, "heads": 2, "layers": 2, "causal": causal})
    layer = nn.TransformerEncoderLayer(8, 2, 32, 0.0, F.gelu, batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False).double().eval()
    names = {"input.weight": "self_attn.in_proj_weight", "input.bias": "self_attn.in_proj_bias"}
    names |= {f"output.{part}": f"self_attn.out_proj.{part}" for part in ("weight", "bias")}
    names |= {f"feedforward.{i}.{part}": f"linear{i // 2 + 1}.{part}" for i in (0, 2) for part in ("weight", "bias")}
    weights = {f"norm.{part}": getattr(ours.norm, part) for part in ("weight", "bias")}
    for number, block in enumerate(ours.blocks):
        for name, value in block.state_dict().items():
            weights[f"layers.{number}.{names.get(name, name)}"] = value
    theirs.load_state_dict(weights)

    x = sequences(ours)
    h = ours.embedding(x) + sinusoids(torch.arange(TIME), 8)
    mask = torch.ones(TIME, TIME, dtype=torch.bool).triu(1) if causal else None
    beyond = torch.arange(TIME) >= torch.tensor(LENGTHS)[:, None]
    beyond[2] = False  # a row of nothing but padding has no value in torch
    expected = theirs(h, mask=mask, src_key_padding_mask=beyond)
    output, _ = ours(x, LENGTHS)
    within = torch.arange(TIME) < torch.tensor(LENGTHS)[:, None]
    torch.testing.assert_close(output[within], expected[within], rtol=1e-10, atol=1e-10)


def test_positions_are_those_of_the_paper():
    p = sinusoids(torch.tensor([[0, 5]]), 6)[0]
    torch.testing.assert_close(p[0], torch.tensor([0.0, 1, 0, 1, 0, 1], dtype=torch.float64))
    for i in range(3):
        angle = torch.tensor(5 / 10000 ** (2 * i / 6), dtype=torch.float64)
        torch.testing.assert_close(p[1, 2 * i : 2 * i + 2], torch.stack([angle.sin(), angle.cos()]))


def test_a_context_bounds_what_is_seen_and_kept():
    encoder = build(TransformerEncoder, {"features": 3, "width": 8, "heads": 2, "layers": 1, "context": 3})
    x = sequences(encoder).requires_grad_()
    output, state = encoder(x)
    output[0, 5].sum().backward()
    assert x.grad[0].any(1).nonzero().flatten().tolist() == [3, 4, 5]
    assert state.keys.shape == (len(LENGTHS), 2, 1, 8)
    assert state.position.tolist() == [TIME] * len(LENGTHS)
    for arguments in ({"heads": 3}, {"width": 7, "heads": 7}, {"causal": False, "context": 2}):
        with pytest.raises(ArgumentError) as caught:
            TransformerEncoder(**{"features": 3, "width": 8, "heads": 2} | arguments)
        assert caught.value.hint
