"""The end of AlexNet and of the VGG nets: two hidden layers with dropout, and the output."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from ..layers.linear import Linear


def dense_head(features: int, hidden: int, classes: int, dropout: float) -> nn.Sequential:
    """From maps with ``features`` numbers in all to scores of ``classes``; the layers count on from five stages."""
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc6=Linear(features, hidden),
            activation6=nn.ReLU(),
            dropout6=nn.Dropout(dropout),
            fc7=Linear(hidden, hidden),
            activation7=nn.ReLU(),
            dropout7=nn.Dropout(dropout),
            output=Linear(hidden, classes),
        )
    )
