"""The Transformer: torch's own module is the oracle, and its cached steps are the whole."""

from __future__ import annotations

import pytest
import torch
from stepper_contract import PairContract, cases
from stepper_contract import case as build_case
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.models.language.transformer import Transformer


class TestTransformer(PairContract):
    @pytest.fixture(params=cases(Transformer))
    def case(self, request):
        return build_case(*request.param)

    def test_weights_of_attention_come_with_the_step(self, case):
        state = case.start()
        assert state.attention is None
        for t in range(3):
            _, state = case.model.step(case.target[:, t : t + 1], state)
            weights, ends = state.attention[:, 0], case.source[1]
            torch.testing.assert_close(weights.sum(1), torch.ones(len(weights), dtype=weights.dtype))
            assert not weights[torch.arange(weights.shape[1]) >= ends[:, None]].any()


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_is_torchs_transformer(norm):
    """`torch.nn.TransformerEncoder` and its decoder with the same weights, embeddings by the paper's formulas."""
    width, heads, levels, feedforward = 8, 2, 2, 5
    torch.manual_seed(0)
    sizes = {"width": width, "heads": heads, "levels": levels, "feedforward": feedforward, "norm": norm}
    model = Transformer(11, 9, **sizes).double().eval()
    first = norm == "pre"
    last = {"norm": nn.LayerNorm(width)} if first else {}
    options = {"batch_first": True, "norm_first": first}
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(width, heads, feedforward, **options), levels, **last, enable_nested_tensor=False
    )
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(width, heads, feedforward, **options), levels, **last)
    for theirs, ours in ((encoder, model.encoder), (decoder, model.decoder)):
        theirs.double().eval().layers.load_state_dict(ours.state_dict())
    source, ends = torch.randint(0, 11, (3, 5)), torch.tensor([5, 2, 3])
    target = torch.randint(0, 9, (3, 4))

    def embed(tokens: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        x = table[tokens] * width**0.5
        for t in range(tokens.shape[1]):
            for i in range(width):
                angle = torch.tensor(t / 10000 ** (2 * (i // 2) / width), dtype=torch.float64)
                x[:, t, i] += angle.cos() if i % 2 else angle.sin()
        return x

    outside = torch.arange(5) >= ends[:, None]
    future = torch.ones(4, 4, dtype=torch.bool).triu(1)
    with torch.no_grad():
        memory = encoder(embed(source, model.source_embedding.weight), src_key_padding_mask=outside)
        y = embed(target, model.target_embedding.weight)
        y = decoder(y, memory, tgt_mask=future, memory_key_padding_mask=outside)
        expected = y @ model.target_embedding.weight.T + model.bias
        torch.testing.assert_close(model(source, ends, target), expected)


def test_features_that_cannot_be_divided():
    with pytest.raises(ArgumentError, match="cannot be divided") as caught:
        Transformer(5, 5, width=10, heads=4)
    assert caught.value.path == ("width",)


def test_dropout_is_for_training():
    torch.manual_seed(0)
    model = Transformer(5, 5, width=8, heads=2, levels=1, feedforward=4, dropout=0.5)
    x = torch.ones(2, 3, dtype=torch.int64)
    assert not torch.equal(model(x, None, x), model(x, None, x))
    model.eval()
    assert torch.equal(model(x, None, x), model(x, None, x))
