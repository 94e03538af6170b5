"""First values of weights; biases start at zero (catalogue 119)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

InitializationName = Literal["he", "xavier", "lecun", "normal", "zero"]


def initialize(network: nn.Module, scheme: InitializationName) -> None:
    """Draw the weights of every full connection and convolution in ``network``, and set their biases to zero.

    he      N(0, 2 / n_in), for rectifiers (He et al. 2015, equation 10)
    xavier  U(-a, a) with a = sqrt(6 / (n_in + n_out)), for tanh and sigmoid (Glorot and Bengio 2010, equation 16)
    lecun   N(0, 1 / n_in), for the scaled tanh (LeCun, Bottou, Orr and Müller 1998, section 4.6)
    normal  N(0, 0.01^2)
    zero    all units of a hidden layer stay equal for ever: shows why the others exist
    """
    for module in network.modules():
        if isinstance(module, (nn.Linear, _ConvNd)):
            _draw(module.weight, scheme)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _draw(weight: Tensor, scheme: InitializationName) -> None:
    if weight.is_meta:  # only its shape is of interest, and torch takes long to draw nothing
        return
    if scheme == "he":
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    elif scheme == "xavier":
        nn.init.xavier_uniform_(weight)
    elif scheme == "lecun":
        nn.init.kaiming_normal_(weight, nonlinearity="linear")
    elif scheme == "normal":
        nn.init.normal_(weight, std=0.01)
    else:
        nn.init.zeros_(weight)
