"""What every explainer keeps, for networks over pictures, volumes, signals, sequences and symbols."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from gatefield.core.configurable import Spec
from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError, UnknownName
from gatefield.explain.explainer import Explainer

CLASSES = 3
EXPLAINERS = family(Explainer).classes


class Averaged(nn.Module):
    """A body, global average pooling, a full connection: what every explainer can take."""

    def __init__(self, body: nn.Module, width: int) -> None:
        super().__init__()
        self.body, self.output_layer = body, nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.output_layer(self.body(x).flatten(2).mean(2))


class Recurrence(nn.Module):
    """A rectified projection, an LSTM over time, the mean of its outputs, a full connection."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.rectify = nn.Linear(4, 5), nn.ReLU()
        self.lstm, self.output_layer = nn.LSTM(5, 6, batch_first=True), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y, _ = self.lstm(self.rectify(self.project(x)))
        if lengths is None:
            return self.output_layer(y.mean(1))
        inside = torch.arange(y.shape[1]) < lengths[:, None]
        return self.output_layer((y * inside[..., None]).sum(1) / lengths[:, None])


class Symbols(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 4, padding_idx=0)
        self.recurrence = Recurrence()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.recurrence(self.embedding(x), lengths)


def body(dimensions: int) -> nn.Module:
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1]
    norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dimensions - 1]
    parts = [convolution(2, 5, 3, padding=1), norm(5), nn.ReLU(), nn.Dropout(), convolution(5, 6, 3), nn.ReLU()]
    return nn.Sequential(*parts)


@dataclass
class Case:
    name: str
    places: tuple[int, ...]

    def model(self, seed: int = 0) -> nn.Module:
        torch.default_generator.manual_seed(seed)
        made = {"symbols": Symbols, "sequence": Recurrence}
        model = made[self.name]() if self.name in made else Averaged(body(len(self.places)), 6)
        return model.double()

    def input(self, rows: int = 3) -> Tensor:
        source = torch.Generator().manual_seed(5)
        if self.name == "symbols":
            return torch.randint(1, 11, (rows, *self.places), generator=source)
        shape = (*self.places, 4) if self.name == "sequence" else (2, *self.places)
        return torch.randn(rows, *shape, generator=source, dtype=torch.float64)


CASES = [
    Case("signal", (13,)),
    Case("picture", (9, 7)),
    Case("volume", (5, 6, 7)),
    Case("sequence", (8,)),
    Case("symbols", (7,)),
]


@pytest.fixture(params=EXPLAINERS, ids=lambda cls: cls.name)
def explainer(request) -> Explainer:
    return request.param()


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request) -> Case:
    return request.param


def condition(model: nn.Module) -> tuple[Any, ...]:
    """All of a network that an explanation could leave changed."""
    modules = list(model.modules())
    hooks = [len(getattr(module, kind)) for module in modules for kind in vars(module) if kind.endswith("_hooks")]
    tensors = [tensor.clone() for tensor in model.state_dict().values()]
    gradients = [parameter.grad is None and parameter.requires_grad for parameter in model.parameters()]
    return [module.training for module in modules], hooks, tensors, gradients, torch.is_grad_enabled()


def same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return a[:2] == b[:2] and a[3:] == b[3:] and all(map(torch.equal, a[2], b[2]))


def test_one_number_for_each_part_of_the_input(explainer, case):
    x = case.input()
    result = explainer.attribute(case.model(), x, 1)
    assert result.shape == ((len(x), *case.places) if explainer.per_place else x.shape)
    assert result.isfinite().all()
    assert (result != 0).any()
    assert not result.requires_grad


def test_all_numbers_at_a_place_are_one_where_the_explainer_says_so(explainer, case):
    if case.name == "symbols" or explainer.per_place:
        pytest.skip("there is one number a place")
    result = explainer.attribute(case.model(), case.input(), 1)
    channels = -1 if case.name == "sequence" else 1
    assert bool((result == result.select(channels, 0).unsqueeze(channels)).all()) == explainer.shares_places


def test_rows_do_not_know_each_other(explainer, case):
    model, x = case.model(), case.input()
    together = explainer.attribute(model, x, torch.tensor([0, 2, 1]))
    for row, target in enumerate([0, 2, 1]):
        alone = explainer.attribute(model, x[row : row + 1], target)
        torch.testing.assert_close(alone[0], together[row], rtol=1e-6, atol=1e-9)


def test_a_batch_of_no_rows(explainer, case):
    x = case.input(0)
    result = explainer.attribute(case.model(), x, 1)
    assert result.shape == ((0, *case.places) if explainer.per_place else x.shape)


def test_the_class_that_the_network_gives_is_the_default(explainer, case):
    model, x = case.model(), case.input()
    given = model.eval()(x).argmax(1)
    assert torch.equal(explainer.attribute(model, x), explainer.attribute(model, x, given))


def test_lengths_are_handed_on(explainer, case):
    if case.name not in ("sequence", "symbols"):
        pytest.skip("the network takes no lengths")
    model, x = case.model(), case.input()
    lengths = torch.tensor([len(x[0]), 4, 2])
    if explainer.name == "cam":
        with pytest.raises(InputError, match="means of the maps"):  # these are means over a part of the places
            explainer.attribute(model, (x, lengths), 0)
        return
    long = explainer.attribute(model, (x, lengths), 0)
    short = explainer.attribute(model, (x[1:2, :4], lengths[1:2]), 0)
    assert long.shape == ((len(x), *case.places) if explainer.per_place else x.shape)
    if explainer.name in ("gradient", "gradient-input", "integrated-gradients", "guided-backpropagation"):
        assert not long[1, 4:].any()
        torch.testing.assert_close(long[1, :4], short[0], rtol=1e-6, atol=1e-9)


def test_the_network_comes_out_as_it_went_in(explainer, case):
    model, x = case.model(), case.input()
    model.train()
    next(model.children()).eval()  # a part that its owner keeps frozen
    before = condition(model)
    explainer.attribute(model, x, 0)
    assert same(condition(model), before)


class Fails(nn.Module):
    """Raises ``error`` after ``good`` passes."""

    def __init__(self, error: type[BaseException], good: int) -> None:
        super().__init__()
        self.error, self.left = error, good

    def forward(self, y: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise self.error("stop")
        return y


@pytest.mark.parametrize("good", [0, 1])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_also_after_an_error_and_an_interruption(explainer, case, error, good):
    model, x = case.model(), case.input()
    owner = model.recurrence if case.name == "symbols" else model
    owner.output_layer = nn.Sequential(Fails(error, good), owner.output_layer)
    model.train()
    before = condition(model)
    try:
        explainer.attribute(model, x, 0)
    except error:
        assert owner.output_layer[0].left == -1
    else:  # it needs no more passes than were good
        assert owner.output_layer[0].left == 0
    assert same(condition(model), before)


def test_randomized_weights_change_the_map(explainer, case):
    """The sanity check of Adebayo et al. (2018): what does not depend on the network explains nothing of it."""
    x = case.input()
    one, two = (explainer.attribute(case.model(seed), x, 1).flatten(1) for seed in (0, 1))
    likeness = torch.nn.functional.cosine_similarity(one - one.mean(1, True), two - two.mean(1, True))
    assert likeness.abs().max() < 0.98


def test_frozen_networks_and_callers_without_gradients(explainer, case):
    model, x = case.model(), case.input()
    expected = explainer.attribute(model, x, 1)
    model.requires_grad_(False)
    for setting in (torch.no_grad(), torch.inference_mode()):
        with setting:
            torch.testing.assert_close(explainer.attribute(model, x.clone(), 1), expected)


def test_a_class_out_of_range_is_refused(explainer, case):
    model, x = case.model(), case.input()
    for wrong in (CLASSES, -1, torch.tensor([0, 1, 3])):
        with pytest.raises(ArgumentError, match=r"there is no class (3|-1) among 3") as caught:
            explainer.attribute(model, x, wrong)
        assert "0 to 2" in caught.value.hint
    for wrong in (torch.tensor([0, 1]), torch.tensor([0.0, 1.0, 2.0]), (0, 1)):
        with pytest.raises(ArgumentError) as caught:
            explainer.attribute(model, x, wrong)
        assert caught.value.path == ("target",)


def test_an_unknown_layer_is_refused(explainer, case):
    with pytest.raises(ArgumentError) as caught:
        explainer.attribute(case.model(), case.input(), 0, layer="bodi.5")
    assert caught.value.path == ("layer",)
    assert caught.value.hint


def test_same_call_same_bits(explainer, case):
    model, x = case.model(), case.input()
    assert torch.equal(explainer.attribute(model, x, 1), explainer.attribute(copy.deepcopy(model), x, 1))


def test_the_input_is_not_changed(explainer, case):
    x = case.input()
    before = x.clone()
    explainer.attribute(case.model(), x, 1)
    assert torch.equal(x, before)


def test_in_place_layers(explainer):
    case = CASES[1]
    model, x = case.model(), case.input()
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
    torch.testing.assert_close(explainer.attribute(twin, x, 1), explainer.attribute(model, x, 1))


def test_it_says_what_it_is_and_survives_yaml(explainer):
    cls = type(explainer)
    assert "Source:" in cls.__doc__
    for key in cls.signature():
        assert f"{key}:" in cls.__doc__, f"the argument '{key}' is not documented"
        for nonsense in (object(), b"no", "no such thing"):
            with pytest.raises(ArgumentError) as caught:
                cls(**{key: nonsense})
            assert caught.value.path[:1] == (key,)
    config = yaml.safe_load(yaml.safe_dump(explainer.config()))
    assert Explainer.from_config(config).config() == config


def test_unknown_explainer_offers_the_nearest():
    with pytest.raises(UnknownName, match="grad-kam") as caught:
        Spec.from_config("grad-kam", (), Explainer)
    assert "did you mean 'grad-cam'" in caught.value.hint
