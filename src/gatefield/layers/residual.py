"""What all residual blocks share: a residual, a shortcut around it, and where the activations stand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from .layer import Layer
from .pointwise_convolution import PointwiseConvolution
from .zero_padded_shortcut import ZeroPaddedShortcut

#: Options A, B and C of He et al. (2016), section 4.1, and ``none`` for the plain twin (catalogue 73).
ShortcutName = Literal["zero-padding", "projection", "projection-everywhere", "none"]

#: ``post-activation`` as in "Deep Residual Learning", ``pre-activation`` as in "Identity Mappings in Deep Residual
#: Networks", both by He et al. (2016).
ActivationOrder = Literal["post-activation", "pre-activation"]


class ResidualBlock(Layer):
    """Post-activation: y = relu(F(x) + s(x)). Pre-activation: y = F(a) + s(x), with a = relu(norm(x)).

    F is the residual, s the shortcut; a projection reads a in place of x. The plain twin has no s.

    Attributes:
        residual: F, without the activation in front of a pre-activation block.
        shortcut: s, or None.
        preactivation: a of x, or None after the post-activation order.
        activation: the last rectifier, or None after the pre-activation order.
    """

    def __init__(self, residual: nn.Sequential, shortcut: nn.Module | None, preactivation: nn.Module | None) -> None:
        super().__init__()
        self.preactivation = preactivation
        self.residual = residual
        self.shortcut = shortcut
        self.activation = nn.ReLU() if preactivation is None else None

    def forward(self, x: Tensor) -> Tensor:
        ready = x if self.preactivation is None else self.preactivation(x)
        y = self.residual(ready)
        if self.shortcut is not None:
            y = y + self.shortcut(ready if isinstance(self.shortcut, nn.Sequential) else x)
        return y if self.activation is None else self.activation(y)


def residual_chain(
    convolutions: Sequence[nn.Conv2d], order: ActivationOrder, dropout: float = 0.0
) -> tuple[nn.Sequential, nn.Sequential | None]:
    """Residual and pre-activation of a block: each convolution followed, or preceded, by normalization and ReLU.

    Args:
        convolutions: without biases, which the normalization would cancel.
        order: where normalization and ReLU stand.
        dropout: probability of dropping an input of the last convolution (wide networks).
    """
    pre = order == "pre-activation"
    parts = OrderedDict[str, nn.Module]()
    for number, convolution in enumerate(convolutions, start=1):
        last = number == len(convolutions)
        before = OrderedDict[str, nn.Module]()
        before[f"norm{number}"] = nn.BatchNorm2d(convolution.in_channels if pre else convolution.out_channels)
        before[f"activation{number}"] = nn.ReLU()
        if pre:
            parts.update(before)
        if last and dropout:
            parts["dropout"] = nn.Dropout(dropout)
        parts[f"conv{number}"] = convolution
        if not pre:
            parts.update(before)
    if not pre:
        parts.popitem()  # the last activation follows the sum
        return nn.Sequential(parts), None
    preactivation = OrderedDict[str, nn.Module](norm1=parts.pop("norm1"), activation1=parts.pop("activation1"))
    return nn.Sequential(parts), nn.Sequential(preactivation)


def shortcut_module(
    name: ShortcutName, in_channels: int, out_channels: int, stride: int, order: ActivationOrder = "post-activation"
) -> nn.Module | None:
    """The shortcut of a block: the identity where the shapes agree, unless projections are wanted everywhere."""
    if name == "none":
        return None
    if name != "projection-everywhere" and stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if name == "zero-padding":
        return ZeroPaddedShortcut(in_channels, out_channels, stride)
    parts = OrderedDict[str, nn.Module]()
    parts["conv"] = PointwiseConvolution(in_channels, out_channels, stride)
    if order == "post-activation":
        parts["norm"] = nn.BatchNorm2d(out_channels)
    return nn.Sequential(parts)
