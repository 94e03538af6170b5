"""What every optimizer, schedule and objective must do, run over all that are discovered."""

from __future__ import annotations

import math

import pytest
import torch
import yaml
from torch import nn

from gatefield.core.configurable import Configurable
from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError
from gatefield.training.objective import Objective, objective_for
from gatefield.training.optimizer_state import optimizer_tensors, restore_optimizer
from gatefield.training.schedule import Progress, Schedule
from gatefield.training.update_rule import UpdateRule

REQUIRED = {
    "piecewise": {"table": [[0, 0.5], [2, 0.1]]},
    "user": {"function": lambda progress: 1 / (1 + progress.epoch)},
}
"""Arguments of those members that cannot be built without."""

BASES = (UpdateRule, Schedule, Objective)
MEMBERS = [pytest.param(base, cls, id=f"{base.kind}-{cls.name}") for base in BASES for cls in family(base).classes]
RULES, SCHEDULES, OBJECTIVES = (family(base).classes for base in BASES)
OF_OTHER_OUTPUTS = {"beam", "crf", "ctc", "frames", "quantiles"}
"""Units whose outputs are not one number a class; tests/training has a suite for them."""
OF_CLASSES = [cls for cls in OBJECTIVES if cls.unit not in OF_OTHER_OUTPUTS]


def build(cls: type[Configurable], **arguments):
    return cls(**{**REQUIRED.get(cls.name, {}), **arguments})


def named(cls: type[Configurable]) -> str:
    return cls.name


# ------------------------------------------------------------------------------------------------------- every family


@pytest.mark.parametrize(("base", "cls"), MEMBERS)
def test_a_config_written_as_yaml_builds_the_same_object(base, cls):
    if cls.name == "user":
        with pytest.raises(ArgumentError, match="cannot be written into a recipe"):
            build(cls).config()
        return
    config = yaml.safe_load(yaml.safe_dump(build(cls).config()))
    again = base.from_config(config)
    assert type(again) is cls
    assert again.config() == config


@pytest.mark.parametrize(("base", "cls"), MEMBERS)
def test_it_says_what_it_is(base, cls):
    summary = (cls.__doc__ or "").strip().split("\n")[0]
    assert 10 < len(summary) <= 120
    for argument in cls.signature():
        assert f"{argument}:" in cls.__doc__, f"the argument '{argument}' is not documented"


@pytest.mark.parametrize(("base", "cls"), MEMBERS)
def test_nonsense_arguments_are_refused_with_a_hint(base, cls):
    for argument in cls.signature():
        for nonsense in ("nonsense", [object()], math.nan, -7.5):
            with pytest.raises(ArgumentError) as caught:
                build(cls, **{argument: nonsense})
            assert caught.value.hint
            assert caught.value.path[0] == argument
    with pytest.raises(ArgumentError, match="has no argument 'colour'"):
        base.from_config({"name": cls.name, **REQUIRED.get(cls.name, {}), "colour": "red"})


# --------------------------------------------------------------------------------------------------------- optimizers


def quadratic() -> tuple[nn.Module, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    model = nn.Sequential(nn.Conv2d(2, 3, 2), nn.Flatten(), nn.Linear(12, 1)).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model, torch.randn(5, 2, 3, 3, generator=generator)


def descend(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, steps: int) -> list[float]:
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(x).square().mean() + sum(parameter.square().sum() for parameter in model.parameters())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_optimizer_reduces_a_loss(rule):
    model, x = quadratic()
    losses = descend(model, rule(learning_rate=0.01).build(model), x, 100)
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_optimizer_goes_on_from_its_named_tensors_bit_for_bit(rule):
    settings = rule(learning_rate=0.01, weight_decay=0.1)
    model, x = quadratic()
    optimizer = settings.build(model)
    descend(model, optimizer, x, 3)
    memory, weights = optimizer_tensors(optimizer, model), {k: v.clone() for k, v in model.state_dict().items()}
    assert all(tensor.is_contiguous() for tensor in memory.values())
    descend(model, optimizer, x, 3)

    other, _ = quadratic()
    other.load_state_dict(weights)
    resumed = settings.build(other)
    restore_optimizer(resumed, other, memory, "memory")
    for parameter in other.parameters():
        for value in resumed.state[parameter].values():
            assert value.ndim == 0 or value.stride() == parameter.stride()
    descend(other, resumed, x, 3)
    for (name, expected), (_, tensor) in zip(model.state_dict().items(), other.state_dict().items()):
        assert torch.equal(tensor, expected), name


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_parameter_without_gradient_stays(rule):
    model, _ = quadratic()
    optimizer = rule(learning_rate=0.01, weight_decay=0.1).build(model)
    before = model[0].weight.detach().clone()
    model[2](torch.ones(1, 12)).sum().backward()
    optimizer.step()
    assert torch.equal(model[0].weight, before)


# ---------------------------------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize("schedule", SCHEDULES, ids=named)
def test_a_schedule_is_a_pure_and_positive_function(schedule):
    losses = [3.0, 2.0, 2.5, 2.4, 2.6, 2.7, 2.1, 1.9, 2.0, 2.0, 2.0]
    places = [Progress(step / 4, 10, losses[: step // 4]) for step in range(40)]
    one, other = build(schedule), build(schedule)
    forward = [one.factor(place) for place in places]
    backward = [other.factor(place) for place in reversed(places)]
    assert forward == backward[::-1]
    assert all(math.isfinite(factor) and 0 < factor <= 1 for factor in forward)
    if not one.needs_validation:
        assert forward == [one.factor(place._replace(validation_losses=())) for place in places]


# --------------------------------------------------------------------------------------------------------- objectives


@pytest.fixture
def outputs() -> torch.Tensor:
    return torch.rand(6, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("objective", OF_CLASSES, ids=named)
def test_the_gradient_of_an_objective_is_right(objective, outputs):
    targets = torch.tensor([0, 3, 1, 2, 2, 0])
    assert torch.autograd.gradcheck(lambda values: objective().loss(values, targets), (outputs,))


@pytest.mark.parametrize("objective", OF_CLASSES, ids=named)
def test_an_objective_is_a_mean_over_samples(objective, outputs):
    targets = torch.tensor([0, 3, 1, 2, 2, 0])
    parts = [objective().loss(outputs[i : i + 1], targets[i : i + 1]) for i in range(6)]
    torch.testing.assert_close(objective().loss(outputs, targets), torch.stack(parts).mean(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("objective", OF_CLASSES, ids=named)
def test_a_step_downhill_makes_the_target_more_probable(objective, outputs):
    targets = torch.tensor([0, 3, 1, 2, 2, 0])
    (gradient,) = torch.autograd.grad(objective().loss(outputs, targets), outputs)
    before, after = (objective().probabilities(values.detach()) for values in (outputs, outputs - 0.1 * gradient))
    assert ((before >= 0) & (before <= 1)).all()
    assert (after.gather(1, targets[:, None]) > before.gather(1, targets[:, None])).all()


@pytest.mark.parametrize("objective", OBJECTIVES, ids=named)
def test_an_output_unit_implies_its_objective(objective):
    assert type(objective_for(objective.unit)) is objective
