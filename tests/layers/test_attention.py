"""Every kind of attention against its equations in NumPy, and the contract they share."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from torch.func import functional_call

from gatefield.core.configurable import Spec
from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError
from gatefield.layers.attention.attention import Attention

CLASSES = family(Attention).classes
CASES = [
    pytest.param(cls, example.arguments, id=f"{cls.name}-{number}")
    for cls in CLASSES
    for number, example in enumerate(cls.examples())
]
LENGTHS = [4, 0, 7, 1]


def build(cls, arguments) -> Attention:
    torch.manual_seed(0)
    return cls(**arguments).double()


def batch(attention: Attention, w: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    query = torch.randn(len(LENGTHS), w, attention.query_size, generator=source, dtype=torch.float64)
    memory = torch.randn(len(LENGTHS), max(LENGTHS), attention.memory_size, generator=source, dtype=torch.float64)
    return query, memory


def softmax(e: np.ndarray) -> np.ndarray:
    powers = np.exp(e - e.max())
    return powers / powers.sum()


def sparse(e: np.ndarray) -> np.ndarray:
    ordered = np.sort(e)[::-1]
    k = max(k for k in range(1, len(e) + 1) if 1 + k * ordered[k - 1] > ordered[:k].sum())
    return np.maximum(e - (ordered[:k].sum() - 1) / k, 0)


def score(name: str, w: dict[str, np.ndarray], prefix: str, q: np.ndarray, m: np.ndarray) -> float:
    if name == "dot":
        return q @ m
    if name == "general":
        return q @ w[f"{prefix}W_a.weight"] @ m
    return w[f"{prefix}v"] @ np.tanh(w[f"{prefix}W_a.weight"] @ q + w[f"{prefix}U_a.weight"] @ m)


def transcription(attention: Attention, q: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """The weights of one query on the steps of one sentence, by the equations of the papers."""
    w = {key: value.numpy() for key, value in attention.state_dict().items()}
    inner = getattr(attention, "scoring", attention)
    prefix = "" if inner is attention else "scoring."
    e = np.array([score(inner.name, w, prefix, q, m) for m in memory])
    if attention.name == "sparsemax":
        return sparse(e)
    if attention.name == "subset":
        chosen = np.argsort(e)[::-1][: attention.arguments["size"]]
        a = np.zeros(len(e))
        a[chosen] = softmax(e[chosen])
        return a
    if attention.name == "local":
        D = attention.arguments["window"]
        z = w["v_p.weight"][0] @ np.tanh(w["W_p.weight"] @ q)
        p = len(memory) / (1 + np.exp(-z))
        inside = [s for s in range(len(memory)) if abs(s - p) <= D]
        a = np.zeros(len(e))
        a[inside] = softmax(e[inside]) * np.exp(-((np.array(inside) - p) ** 2) / (2 * (D / 2) ** 2))
        return a
    return softmax(e)


@pytest.mark.parametrize(("cls", "arguments"), CASES)
class TestAttentions:
    def test_is_its_equations(self, cls, arguments):
        attention = build(cls, arguments)
        query, memory = batch(attention)
        context, weights = (found.detach().numpy() for found in attention(query, memory, LENGTHS))
        for n, length in enumerate(LENGTHS):
            for w in range(query.shape[1]):
                sentence = memory[n, :length].numpy()
                a = transcription(attention, query[n, w].numpy(), sentence) if length else np.zeros(0)
                np.testing.assert_allclose(weights[n, w, :length], a, atol=1e-12)
                np.testing.assert_allclose(context[n, w], a @ sentence, atol=1e-12)

    def test_weights_are_a_distribution_over_the_sentence(self, cls, arguments):
        attention = build(cls, arguments)
        weights = attention(*batch(attention), LENGTHS)[1]
        sums = weights.sum(2)
        assert (weights >= 0).all()
        for n, length in enumerate(LENGTHS):
            assert (weights[n, :, length:] == 0).all()
            if attention.name == "local":
                assert (sums[n] <= 1 + 1e-12).all()
            else:
                torch.testing.assert_close(sums[n], torch.full_like(sums[n], float(length > 0)))

    def test_padding_does_not_matter(self, cls, arguments):
        """Not even NaN; and a sentence is what it is by itself."""
        attention = build(cls, arguments)
        query, memory = batch(attention)
        context, weights = attention(query, memory, LENGTHS)
        for n, length in enumerate(LENGTHS):
            memory[n, length:] = torch.nan
        dirty, _ = attention(query, memory, LENGTHS)
        assert torch.equal(context, dirty)
        for n, length in enumerate(LENGTHS):
            alone, a = attention(query[n : n + 1], memory[n : n + 1, :length])
            torch.testing.assert_close(alone[0], context[n])
            torch.testing.assert_close(a[0], weights[n, :, :length])

    def test_queries_do_not_know_each_other(self, cls, arguments):
        attention = build(cls, arguments)
        query, memory = batch(attention)
        prepared = attention.prepare(memory, LENGTHS)
        context, weights = attention.attend(query, prepared)
        for w in range(query.shape[1]):
            one, a = attention.attend(query[:, w : w + 1], prepared)
            torch.testing.assert_close(one[:, 0], context[:, w])
            torch.testing.assert_close(a[:, 0], weights[:, w])

    def test_sentences_of_a_prepared_memory(self, cls, arguments):
        attention = build(cls, arguments)
        query, memory = batch(attention)
        chosen = torch.tensor([2, 0, 2])
        found = attention.attend(query[chosen], attention.prepare(memory, LENGTHS).select(chosen))
        expected = attention(query, memory, LENGTHS)
        for one, two in zip(found, expected):
            torch.testing.assert_close(one, two[chosen])

    def test_gradients(self, cls, arguments):
        attention = build(cls, arguments)
        query, memory = batch(attention)
        names = [name for name, _ in attention.named_parameters()]

        def compute(query, memory, *values):
            return functional_call(attention, dict(zip(names, values)), (query, memory, LENGTHS))

        inputs = [query.requires_grad_(), memory.requires_grad_(), *attention.parameters()]
        assert torch.autograd.gradcheck(compute, inputs, fast_mode=True)

    def test_every_parameter_learns(self, cls, arguments):
        attention = build(cls, arguments)
        query, memory = batch(attention)
        attention(query.requires_grad_(), memory.requires_grad_(), LENGTHS)[0].square().sum().backward()
        assert all(learnt.grad.any() for learnt in (query, memory, *attention.parameters()))

    def test_no_queries_no_sentences_no_steps(self, cls, arguments):
        attention = build(cls, arguments)
        query, memory = batch(attention)
        assert attention(query[:, :0], memory, LENGTHS)[0].shape == (4, 0, attention.memory_size)
        assert attention(query[:0], memory[:0], [])[1].shape == (0, 3, 7)
        context, weights = attention(query, memory[:, :0])
        assert weights.shape == (4, 3, 0)
        assert not context.any()

    def test_config_rebuilds_it(self, cls, arguments):
        attention = build(cls, arguments)
        again = Attention.from_config(json.loads(json.dumps(attention.config())))
        assert again.config() == attention.config()
        assert {k: v.shape for k, v in again.state_dict().items()} == {
            k: v.shape for k, v in attention.state_dict().items()
        }
        twin = copy.deepcopy(attention)
        query, memory = batch(attention)
        assert torch.equal(twin(query, memory)[0], attention(query, memory)[0])

    def test_wrong_shapes_say_what_is_wanted(self, cls, arguments):
        attention = build(cls, arguments)
        query, memory = batch(attention)
        with pytest.raises(InputError, match="memory has shape") as caught:
            attention(query, memory[:, :, :-1])
        assert str(attention.memory_size) in caught.value.hint
        with pytest.raises(InputError, match="queries have shape"):
            attention(query[:2], memory)
        with pytest.raises(InputError, match="do not fit 4 rows"):
            attention(query, memory, [8, 1, 1, 1])


@pytest.mark.parametrize("cls", CLASSES)
def test_is_documented_and_refuses_nonsense(cls):
    assert cls.reference
    assert "Source:" in cls.__doc__
    assert "Departs from the" in cls.__doc__
    for key in cls.signature():
        assert f"{key}: " in cls.__doc__
        for nonsense in (object(), b"no", -3, "no such thing"):
            with pytest.raises(ArgumentError) as caught:
                cls(**{**cls.examples()[0].arguments, key: nonsense})
            assert caught.value.path[:1] == (key,)


def test_dot_needs_equal_features():
    with pytest.raises(ArgumentError, match="no inner product") as caught:
        Spec.from_config({"name": "dot", "query_size": 3, "memory_size": 4}, (), Attention).build()
    assert "general" in caught.value.hint


def test_weights_of_weights_are_refused():
    with pytest.raises(ArgumentError, match="'local' has weights of its own") as caught:
        Spec.from_config({"name": "subset", "scoring": "local"}, (), Attention).build(query_size=3, memory_size=3)
    assert caught.value.path == ("scoring",)


def test_a_subset_as_large_as_the_sentence_is_soft_attention():
    whole = Spec.from_config({"name": "subset", "size": 7, "scoring": "general"}, (), Attention)
    soft = Spec.from_config("general", (), Attention)
    torch.manual_seed(0)
    whole, soft = whole.build(query_size=3, memory_size=4).double(), soft.build(query_size=3, memory_size=4).double()
    soft.load_state_dict(whole.scoring.state_dict())
    query, memory = batch(whole)
    torch.testing.assert_close(whole(query, memory, LENGTHS), soft(query, memory, LENGTHS))


def test_a_step_outside_the_subset_has_no_influence():
    subset = Spec.from_config({"name": "subset", "size": 2}, (), Attention).build(query_size=3, memory_size=4).double()
    query, memory = batch(subset)
    memory.requires_grad_()
    context, weights = subset(query[:, :1], memory)
    context.square().sum().backward()
    seen = memory.grad.abs().sum(2) > 0
    assert torch.equal(seen, weights[:, 0] > 0)
    assert (seen.sum(1) == 2).all()
