"""Mackey-Glass: a deterministic series that is chaotic."""

from __future__ import annotations

from ..fetch import Download
from .time_series import TimeSeriesFile


class MackeyGlass(TimeSeriesFile):
    """10,000 steps of the Mackey-Glass equation with tau = 17, shifted and squashed (catalogue 225).

    Args:
        path: the folder of the file, or the file.

    dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x(t)

    Reference: Mackey and Glass (1977), Science 197; the file is that of the minimal echo state network by Lukosevicius.
    """

    name = "mackey-glass"
    licence = "computed values; none stated"
    homepage = "https://mantas.info/code/simple_esn/"
    downloads = (
        Download(
            "MackeyGlass_t17.txt",
            ["https://mantas.info/wp/wp-content/uploads/simple_esn/MackeyGlass_t17.txt"],
            "sha256:ed5a51c6aa3b98080c4bf34938fe2f2552bf8626601a0c63791863cf89266763",
            255430,
        ),
    )
    rows = "1.220639965678425032e-01\n4.719681589861720455e-02\n-1.833035040085673542e-02\n-8.194957982526882012e-02\n"
