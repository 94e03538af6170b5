"""Activation functions by name."""

from __future__ import annotations

from typing import Literal

from torch import nn

from .scaled_tanh import ScaledTanh

ActivationName = Literal["relu", "leaky-relu", "gelu", "tanh", "scaled-tanh", "sigmoid"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "scaled-tanh": ScaledTanh,
    "sigmoid": nn.Sigmoid,
}


def activation_module(name: ActivationName) -> nn.Module:
    """A new module for the activation ``name``; call it once for each place, since explainers hook modules."""
    return _ACTIVATIONS[name]()
