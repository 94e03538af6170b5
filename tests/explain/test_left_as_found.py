"""Whoever looks inside a network leaves it as it was, also where the network fails or a person interrupts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gatefield.explain.codes import codes
from gatefield.explain.filters import feature_maps, map_layers
from gatefield.explain.gradient_flow import input_gradient_by_lag, state_gradient_by_lag
from gatefield.explain.histograms import activation_histograms
from gatefield.explain.lesion import droppable
from gatefield.explain.path_lengths import gradient_by_path_length
from gatefield.explain.top_activations import top_patches
from gatefield.recurrent import GRU, Recurrent

X = torch.ones(2, 1, 5, 5)


class Stops(nn.Module):
    """Raises ``error``, if there is one."""

    def __init__(self, error: type[BaseException] | None) -> None:
        super().__init__()
        self.error = error

    def forward(self, y: Tensor) -> Tensor:
        if self.error is not None:
            raise self.error("stop")
        return y


class Block(nn.Module):
    def __init__(self, error: type[BaseException] | None) -> None:
        super().__init__()
        self.residual, self.shortcut = nn.Conv2d(2, 2, 1), nn.Sequential(Stops(error))

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.shortcut(x)


LOOKS = {
    "codes": lambda model: codes(model, "0", [X]),
    "map_layers": lambda model: map_layers(model, X),
    "feature_maps": lambda model: feature_maps(model, X, ["0"]),
    "activation_histograms": lambda model: activation_histograms(model, [X], ["0"]),
    "top_patches": lambda model: top_patches(model, "0", [X]),
    "droppable": lambda model: droppable(model, X, ["0"]),
    "input_gradient_by_lag": lambda model: input_gradient_by_lag(model, X[:, 0]),
    "gradient_by_path_length": lambda model: gradient_by_path_length(model, X, torch.sum),
}


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_modes_hooks_and_gradients(look, error):
    if look is LOOKS["input_gradient_by_lag"]:
        model = nn.Sequential(nn.Conv1d(5, 2, 1), nn.BatchNorm1d(2), Stops(error))
    else:
        model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(), Block(error))
    model.train()
    model[1].eval()
    modes = [module.training for module in model.modules()]
    before = {key: values.clone() for key, values in model.state_dict().items()}
    if error is None:
        look(model)
    else:
        with pytest.raises(error):
            look(model)
    assert modes == [module.training for module in model.modules()]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(values, before[key]) for key, values in model.state_dict().items())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_recurrent_layer_whose_loss_fails(error):
    def loss(output: Tensor) -> Tensor:
        raise error("stop")

    layer = Recurrent(GRU(3, 2)).train()
    with pytest.raises(error):
        state_gradient_by_lag(layer, torch.ones(1, 4, 3), loss)
    assert layer.training
    assert all(parameter.grad is None for parameter in layer.parameters())
