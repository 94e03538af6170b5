"""Every model that reads sequences keeps the contract of sequences: padding, state, steps, files."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor
from torch.func import functional_call

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError
from gatefield.models.model import Model, SequenceExample
from gatefield.training.objective import objective_for
from gatefield.training.weights import load_weights, save_weights

Inputs = tuple[Tensor | None, ...]


@dataclass(frozen=True)
class Case:
    """One class with one of its examples."""

    cls: type[Any]
    example: SequenceExample

    def build(self, seed: int = 0) -> Any:
        torch.default_generator.manual_seed(seed)
        return self.cls(**self.example.arguments).eval()

    def anywhere(self) -> Any:
        """The model in float64 at a generic point, in evaluation."""
        module, source = self.build().double(), torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=source, dtype=parameter.dtype))
        return module

    def batch(self, dtype: torch.dtype = torch.float64) -> Inputs:
        parts = self.example.make(torch.Generator().manual_seed(2))
        return tuple(part.to(dtype) if part is not None and part.is_floating_point() else part for part in parts)

    def sequences(self, inputs: Inputs) -> dict[int, int]:
        """Place of each sequence among the inputs -> place of its lengths."""
        found = dict(self.example.lengths)
        for place, part in enumerate(inputs):
            follows = place + 1 < len(inputs) and _are_lengths(inputs[place + 1])
            if part is not None and part.dim() > 1 and follows:
                found.setdefault(place, place + 1)
        return found

    def alone(self, inputs: Inputs, row: int) -> Inputs:
        """One row as a batch of its own, without padding."""
        ends = {place: int(inputs[lengths][row]) for place, lengths in self.sequences(inputs).items()}
        one = (None if part is None else part[row : row + 1] for part in inputs)
        return tuple(part[:, : ends[place]] if place in ends else part for place, part in enumerate(one))

    def dirty(self, inputs: Inputs) -> Inputs:
        """The same with something else in the padding: NaN, or another symbol."""
        parts = list(inputs)
        for place, lengths in self.sequences(inputs).items():
            part = parts[place].clone()
            for row, end in enumerate(inputs[lengths].tolist()):
                part[row, end:] = torch.nan if part.is_floating_point() else part.max()
            parts[place] = part
        return tuple(parts)


def _are_lengths(part: Tensor | None) -> bool:
    return part is not None and part.dim() == 1 and part.dtype == torch.int64


CASES = [
    pytest.param(Case(cls, example), id=f"{cls.name}-{number}")
    for cls in family(Model).classes
    for number, example in enumerate(cls.sequence_examples())
]
every_model = pytest.mark.parametrize("case", CASES)


def _marked(holds: Callable[[type[Any]], bool]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [case for case in CASES if holds(case.values[0].cls)])


def _is_stepper(cls: type[Any]) -> bool:
    return all(hasattr(cls, name) for name in ("start", "step", "reorder"))


every_stepper = _marked(_is_stepper)
every_stream = _marked(lambda cls: hasattr(cls, "step") and not _is_stepper(cls))
every_carrier = _marked(lambda cls: getattr(cls, "returns_state", False))


def answer(module: Any, inputs: Inputs, **more: Any) -> Any:
    """What the objective sees: without the state or auxiliary heads."""
    result = module(*inputs, **more)
    return result[0] if type(result) is tuple else result


def leaves(outputs: Any) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else [part for part in outputs if isinstance(part, Tensor)]


def sources(case: Case, inputs: Inputs) -> tuple[int, Any]:
    """Place of the symbols that are written one by one, and what `start` is given: what stands before them.

    That is one tensor, or the tuple of several; an empty prefix where the symbols are all there is.
    """
    place = max(case.sequences(inputs))
    before = inputs[:place] or (inputs[place][:, :0],)
    return place, before[0] if len(before) == 1 else before


# ------------------------------------------------------------------------------------------------------------ results


@every_model
def test_a_row_alone_is_as_in_a_batch_whatever_the_padding_holds(case):
    module, inputs = case.anywhere(), case.batch()
    together = leaves(answer(module, case.dirty(inputs)))
    rows = len(inputs[0])
    for row in range(rows):
        for whole, one in zip(together, leaves(answer(module, case.alone(inputs, row)))):
            if whole.shape[:1] != (rows,) or one.shape[:1] != (1,):  # a parameter that travels with the outputs
                torch.testing.assert_close(one, whole, rtol=0, atol=0)
                continue
            mine = whole[row] if one.dim() == 1 else whole[row, : one.shape[1]]
            torch.testing.assert_close(mine, one[0], rtol=1e-6, atol=1e-6)


@every_model
def test_a_row_without_steps_harms_nobody(case):
    module, inputs = case.anywhere(), case.batch()
    holders = set(case.sequences(inputs).values())
    emptied = tuple(part.clone() if place in holders else part for place, part in enumerate(inputs))
    for place in holders:
        emptied[place][0] = 0
    expected = leaves(answer(module, inputs))
    try:
        found = leaves(answer(module, emptied))
    except InputError as error:  # an answer that is a mean over steps may need one
        pytest.skip(str(error))
    for before, after in zip(expected, found):
        assert after.isfinite().all() or not after.is_floating_point()
        if after.shape == before.shape and before.shape[0] == len(inputs[0]):
            torch.testing.assert_close(after[1:], before[1:], rtol=1e-6, atol=1e-6)
    sum(part.sum() for part in found if part.requires_grad).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@every_model
def test_no_rows(case):
    module, inputs = case.anywhere(), case.batch()
    none = tuple(None if part is None else part[:0] for part in inputs)
    for empty, whole in zip(leaves(answer(module, none)), leaves(answer(module, inputs))):
        wanted = whole.shape[1:] if whole.shape[0] == len(inputs[0]) else whole.shape
        assert empty.shape in ((0, *wanted), wanted)


@every_model
def test_gradients(case):
    module, inputs = case.anywhere(), case.batch()
    names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    places = [place for place, part in enumerate(inputs) if part is not None and part.is_floating_point()]
    free = [inputs[place].clone().requires_grad_() for place in places]
    weights = [parameter for parameter in module.parameters() if parameter.requires_grad]

    def compute(*values):
        given = list(inputs)
        for place, value in zip(places, values):
            given[place] = value
        result = functional_call(module, dict(zip(names, values[len(places) :])), tuple(given))
        return tuple(part for part in leaves(result[0] if type(result) is tuple else result) if part.requires_grad)

    assert torch.autograd.gradcheck(compute, [*free, *weights], fast_mode=True)


@every_model
def test_the_output_unit_has_an_objective(case):
    module = case.build()
    assert objective_for(module.output).unit == module.output
    assert module.output == module.arguments.get("output", module.output)


# -------------------------------------------------------------------------------------------------------------- files


@every_model
def test_config_and_weights_rebuild_it(case, tmp_path):
    module, inputs = case.build(), case.batch(torch.float32)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1)
    save_weights(module, tmp_path / "model.safetensors")
    torch.default_generator.manual_seed(1)
    again = Model.from_config(json.loads(json.dumps(module.config()))).eval()
    assert type(again) is case.cls
    assert again.config() == module.config()
    load_weights(again, tmp_path / "model.safetensors")
    for one, other in zip(leaves(answer(module, inputs)), leaves(answer(again, inputs))):
        assert torch.equal(one, other)
    safetensors.torch.load_file(tmp_path / "model.safetensors")


@every_model
def test_same_seed_same_result(case):
    inputs = case.batch(torch.float32)
    results = []
    for _ in range(2):
        module = case.build().train()
        outputs = leaves(answer(module, inputs))
        sum(part.sum() for part in outputs if part.requires_grad).backward()
        results.append([*outputs, *(p.grad for p in module.parameters() if p.grad is not None)])
    assert len(results[0]) > 1
    assert all(torch.equal(one, other) for one, other in zip(*results))


@every_model
def test_copies(case):
    module, inputs = case.anywhere(), case.batch()
    expected = leaves(answer(module, inputs))
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert all(torch.equal(one, other) for one, other in zip(leaves(answer(twin, inputs)), expected))
        assert not {p.data_ptr() for p in twin.parameters()} & {p.data_ptr() for p in module.parameters()}


# -------------------------------------------------------------------------------------------------------------- steps


@every_carrier
def test_a_carried_state_goes_on(case):
    """Two pieces of a sequence, the state of the first given to the second, are the whole."""
    module, inputs = case.anywhere(), case.batch()
    x = inputs[0]
    whole, _ = module(x)
    if whole.shape[:2] != x.shape[:2]:
        pytest.skip("answers whole sequences")
    first, state = module(x[:, :2])
    second, _ = module(x[:, 2:], state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-8, atol=1e-8)


@every_stream
def test_single_steps_are_the_sequence(case):
    module, inputs = case.anywhere(), case.batch()
    x, state, outputs = inputs[0], None, []
    try:
        for x_t in x.unbind(1):
            y_t, state = module.step(x_t, state)
            outputs.append(y_t)
    except ArgumentError as error:
        pytest.skip(str(error))
    torch.testing.assert_close(torch.stack(outputs, 1), answer(module, (x,)), rtol=1e-8, atol=1e-8)


@every_stepper
def test_decoding_steps_are_the_forward_pass(case):
    """`start`, `step` and `reorder` give the log-probabilities of `forward`, for each sentence and hypothesis."""
    module, inputs = case.anywhere(), case.batch()
    place, source = sources(case, inputs)
    tokens = inputs[place]
    n, time = tokens.shape

    expected = answer(module, (*inputs[:place], tokens, torch.full((n,), time))).log_softmax(-1)
    state = module.start(source)
    found = []
    for t in range(time):
        log_p, state = module.step(tokens[:, t : t + 1], state)
        assert log_p.shape[:2] == (n, 1)
        found.append(log_p[:, 0])
    torch.testing.assert_close(torch.stack(found, 1), expected, rtol=1e-6, atol=1e-6)
    # the log-probability of a text is the sum of those of its symbols
    picked = [p.gather(1, tokens[:, t + 1 : t + 2])[:, 0] for t, p in enumerate(found[:-1])]
    whole = expected[:, :-1].gather(2, tokens[:, 1:, None]).sum((1, 2))
    torch.testing.assert_close(sum(picked), whole, rtol=1e-6, atol=1e-6)


@every_stepper
def test_hypotheses_can_be_kept_dropped_and_repeated(case):
    module, inputs = case.anywhere(), case.batch()
    place, source = sources(case, inputs)
    n, vocabulary = len(inputs[place]), 2

    state, histories = module.start(source), torch.zeros(n, 1, 0, dtype=torch.int64)
    sentences, choice = torch.arange(n), torch.Generator().manual_seed(3)
    plan = [(None, 1), (torch.arange(n), 3), (torch.arange(n - 1), 2), (torch.tensor([0, n - 2]), 4)]
    for kept, width in plan:
        if kept is not None:  # in rising order, as searches do
            hypotheses = torch.randint(histories.shape[1], (len(kept), width), generator=choice)
            state = module.reorder(state, kept, hypotheses)
            histories, sentences = histories[kept[:, None], hypotheses], sentences[kept]
        symbols = torch.randint(vocabulary, histories.shape[:2], generator=choice)
        log_p, state = module.step(symbols, state)
        vocabulary = log_p.shape[2]
        histories = torch.cat([histories, symbols[:, :, None]], 2)
    for row, hypothesis in itertools.product(range(len(sentences)), range(histories.shape[1])):
        text = histories[row, hypothesis][None]
        one = case.alone(inputs, int(sentences[row]))[:place]
        expected = answer(module, (*one, text, torch.tensor([text.shape[1]]))).log_softmax(-1)[0, -1]
        torch.testing.assert_close(log_p[row, hypothesis], expected, rtol=1e-6, atol=1e-6)
