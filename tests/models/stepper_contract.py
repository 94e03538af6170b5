"""What decoding needs of a model that writes sequences: single steps, hypotheses, and nothing per hypothesis twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from gatefield.core.errors import ArgumentError


@dataclass(frozen=True)
class StepperCase:
    """A small model, in float64 and evaluation, and a batch: what is read, the target one step late, its lengths."""

    model: Any
    source: tuple[Tensor, ...]
    target: Tensor
    lengths: Tensor

    def forward(self, source: tuple[Tensor, ...] | None = None, target: Tensor | None = None) -> Tensor:
        source = self.source if source is None else source
        return self.model(*source, self.target if target is None else target, self.lengths)

    def start(self, rows: Any = slice(None)) -> Any:
        source = tuple(part[rows] for part in self.source)
        return self.model.start(source if len(source) > 1 else source[0])

    def prefixes(self, count: int, w: int) -> Tensor:
        """Different beginnings of ``w`` hypotheses a sentence, (n, w, count)."""
        symbols = torch.Generator().manual_seed(3)
        return torch.randint(1, 9, (len(self.target), w, count), generator=symbols)


def case(cls: Any, example: Any) -> StepperCase:
    torch.default_generator.manual_seed(0)
    model = cls(**example.arguments).double().eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))  # first values may be special
    *source, target, lengths = example.make(torch.Generator().manual_seed(1))
    source = tuple(part.double() if part.is_floating_point() else part for part in source)
    return StepperCase(model, source, target, lengths)


def cases(cls: Any) -> list[Any]:
    return [pytest.param((cls, e), id=f"{cls.name}-{k}") for k, e in enumerate(cls.sequence_examples())]


class StepperContract:
    """Inherited by the tests of each model, which give the fixture ``case``."""

    def test_steps_are_the_whole(self, case):
        expected, state = case.forward().log_softmax(2), case.start()
        for t in range(case.target.shape[1]):
            log_p, state = case.model.step(case.target[:, t : t + 1], state)
            here = case.lengths > t
            torch.testing.assert_close(log_p[here, 0], expected[here, t], rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(log_p.exp().sum(2), torch.ones(log_p.shape[:2], dtype=log_p.dtype))

    def test_nothing_beyond_a_row(self, case):
        logits = case.forward()
        for row, length in enumerate(case.lengths):
            assert not logits[row, length:].any()
            assert logits[row, :length].abs().sum(1).all()

    def test_hypotheses_are_sentences_of_their_own(self, case):
        """What w hypotheses of a sentence say is what w sentences with one each would."""
        w, prefixes = 3, case.prefixes(4, 3)
        n = len(prefixes)
        state = case.model.reorder(case.start(), torch.arange(n), torch.zeros(n, w, dtype=torch.int64))
        rows = torch.arange(n).repeat_interleave(w)
        apart = case.start(rows)
        for t in range(prefixes.shape[2]):
            log_p, state = case.model.step(prefixes[:, :, t], state)
            alone, apart = case.model.step(prefixes[:, :, t].reshape(n * w, 1), apart)
            torch.testing.assert_close(log_p.flatten(0, 1), alone[:, 0], rtol=1e-9, atol=1e-9)

    def test_reordering_is_computing_anew(self, case):
        w, prefixes = 3, case.prefixes(5, 3)
        n = len(prefixes)
        state = case.model.reorder(case.start(), torch.arange(n), torch.zeros(n, w, dtype=torch.int64))
        for t in range(4):
            _, state = case.model.step(prefixes[:, :, t], state)
        sentences = torch.tensor([2, 0, 2])
        hypotheses = torch.tensor([[1, 1], [2, 0], [0, 2]])
        log_p, _ = case.model.step(
            prefixes[sentences[:, None], hypotheses, 4], case.model.reorder(state, sentences, hypotheses)
        )
        for row, sentence in enumerate(sentences):
            for place, hypothesis in enumerate(hypotheses[row]):
                fresh = case.start(slice(int(sentence), int(sentence) + 1))
                for t in range(5):
                    expected, fresh = case.model.step(prefixes[sentence, hypothesis, t].view(1, 1), fresh)
                torch.testing.assert_close(log_p[row, place], expected[0, 0], rtol=1e-9, atol=1e-9)

    def test_reordering_hypotheses_copies_nothing_of_a_sentence(self, case):
        """What has one row a sentence stays where it is, and is never repeated for hypotheses."""
        state, n = case.start(), len(case.target)
        wide = case.model.reorder(state, torch.arange(n), torch.zeros(n, 4, dtype=torch.int64))
        before, after = list(_tensors(state)), list(_tensors(wide))
        grown = [one for one, two in zip(before, after) if one.numel() != two.numel()]
        kept = [one for one, two in zip(before, after) if one.numel() == two.numel() and one.numel()]
        assert all(len(tensor) == n and tensor.shape[1] == 1 for tensor in grown)
        addresses = {tensor.data_ptr() for tensor in after}
        assert all(tensor.data_ptr() in addresses for tensor in kept)

    def test_gradients_pass_where_they_are_wanted(self, case):
        case.model.requires_grad_(True)
        case.forward().square().sum().backward()
        silent = [name for name, p in case.model.named_parameters() if p.grad is None or not p.grad.any()]
        assert not silent


def _tensors(part: Any):
    if isinstance(part, Tensor):
        yield part
    elif isinstance(part, (tuple, list)):
        for item in part:
            yield from _tensors(item)


class PairContract(StepperContract):
    """For models that read sequences too: symbols and their lengths."""

    def test_tells_where_it_looked(self, case):
        if getattr(getattr(case.model, "decoder", None), "attention", "") is None:
            with pytest.raises(ArgumentError, match="no attention"):
                case.model.attention(case.model.step(case.target[:, :1], case.start())[1])
            return
        state = case.model.reorder(case.start(), torch.arange(4), torch.zeros(4, 3, dtype=torch.int64))
        _, state = case.model.step(case.target[:, :3], state)
        weights, inside = case.model.attention(state)
        assert torch.equal(inside, torch.arange(case.source[0].shape[1]) < case.source[1][:, None])
        assert weights.shape == (4, 3, inside.shape[1])
        assert not weights.masked_select(~inside[:, None]).any()
        assert (weights.sum(2) > 0).all()

    def test_padding_does_not_matter(self, case):
        source, ends = case.source
        noise = torch.Generator().manual_seed(5)

        def padded(tokens: Tensor, lengths: Tensor) -> Tensor:
            longer = torch.randint(0, 9, (len(tokens), tokens.shape[1] + 2), generator=noise)
            inside = torch.arange(tokens.shape[1]) < lengths[:, None]
            longer[:, : tokens.shape[1]][inside] = tokens[inside]
            return longer

        target = padded(case.target, case.lengths)[:, : case.target.shape[1]]
        found = case.forward((padded(source, ends), ends), target)
        torch.testing.assert_close(found, case.forward(), rtol=1e-9, atol=1e-9)

    def test_a_sentence_is_what_it_is_alone(self, case):
        expected, (source, ends) = case.forward(), case.source
        for row, (end, length) in enumerate(zip(ends.tolist(), case.lengths.tolist())):
            alone = case.model(source[row : row + 1, :end], None, case.target[row : row + 1, :length], None)
            torch.testing.assert_close(alone[0], expected[row, :length], rtol=1e-9, atol=1e-9)

    def test_empty_sources_empty_targets_empty_batches(self, case):
        source, ends = case.source
        expected = case.forward()
        none = ends.clone()
        none[1] = 0
        found = case.forward((source, none))
        assert found.isfinite().all()
        others = torch.arange(len(ends)) != 1
        torch.testing.assert_close(found[others], expected[others], rtol=1e-9, atol=1e-9)
        nothing = case.model(source[1:2, :0], none[1:2], case.target[1:2], case.lengths[1:2])
        torch.testing.assert_close(nothing[0], found[1], rtol=1e-9, atol=1e-9)
        vocabulary = expected.shape[2]
        assert case.model(source, ends, case.target[:, :0], None).shape == (len(source), 0, vocabulary)
        assert case.model(source[:0], ends[:0], case.target[:0], case.lengths[:0]).shape[0] == 0
