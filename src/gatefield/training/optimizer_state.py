"""An optimizer's memory as named tensors: ``exp_avg/convolution.weight``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..core.errors import WeightsError
from .weights import plain_copy


def optimizer_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """Copies of all that ``optimizer`` remembers of each parameter. Rates are not state: schedules give them."""
    return {
        f"{key}/{name}": plain_copy(torch.as_tensor(value))
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
        for key, value in optimizer.state[parameter].items()
        if value is not None
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor], source: str
) -> None:
    """Give ``optimizer`` the memory in ``tensors``, in the layout and on the device of each parameter.

    Raises:
        WeightsError: a tensor belongs to no parameter, or has another shape than its parameter.
    """
    parameters = dict(model.named_parameters())
    numbers = {id(parameter): number for number, parameter in enumerate(_ordered(optimizer))}
    state: dict[int, dict[str, Tensor]] = {}
    for full_name, tensor in tensors.items():
        key, _, name = full_name.partition("/")
        parameter = parameters.get(name)
        fits = parameter is not None and id(parameter) in numbers and tensor.shape in (parameter.shape, torch.Size([]))
        if parameter is None or not fits:
            raise WeightsError(
                f"{source} remembers '{key}' of '{name}', which does not fit this model",
                hint="resume with the model and the optimizer that the run began with",
            )
        whole = tensor.shape == parameter.shape and tensor.ndim > 0
        value = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor).detach() if whole else tensor
        state.setdefault(numbers[id(parameter)], {})[key] = value
    # load_state_dict moves each value to where this optimizer keeps it; a fused one has its step count on the device.
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _ordered(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
