"""Examine the installation: what is here, and which fast paths it gives."""

from __future__ import annotations

import os
import pathlib
import platform
import sys
from importlib import metadata
from typing import Any

import torch

from .. import __version__
from ..core import devices
from ..core.extras import installed
from ..core.processor import SETTING, WITHOUT_TILES
from ..functional import native as convolution_kernel
from ..recurrent import native as recurrent_kernel

_PACKAGES = ("numpy", "scikit-learn", "pillow", "matplotlib", "safetensors", "pyyaml", "click", "rich")


def examine() -> dict[str, dict[str, Any]]:
    """Facts by section, as JSON holds them."""
    return {
        "versions": {"gatefield": __version__, "python": platform.python_version()}
        | {"torch": str(torch.__version__)}  # names the build too, +cpu for instance
        | {package: metadata.version(package) for package in _PACKAGES},
        "extras": {"tensorboard [logs]": "installed" if installed("tensorboard") else "not installed"},
        "processor": {
            "architecture": platform.machine(),
            "vector instructions": torch.backends.cpu.get_cpu_capability(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "oneDNN limited to": os.environ.get(SETTING, "nothing"),
        },
        "devices": {name: _describe(name) for name in devices.available()},
        "fast paths": {
            "recurrent engine": _level(recurrent_kernel.library()),
            "its bfloat16 products": _tiles(recurrent_kernel.library()),
            "binary convolution": _level(convolution_kernel.library()),
            "deformable convolution": _level(convolution_kernel.library()),
            "fused Adam": "yes" if _fused_adam() else "no: torch has none for this device",
            "oneDNN convolution": "yes" if torch.backends.mkldnn.is_available() else "no: torch was built without it",
            "bfloat16 in hardware": _in_words(_bfloat16()),
        },
        "data": {"GATEFIELD_DATA": os.environ.get("GATEFIELD_DATA", "not set"), "executable": sys.executable},
    }


def _in_words(bfloat16: bool) -> str:
    if not bfloat16:
        return "no: training.precision=bfloat16 will be slow"
    if os.environ.get(SETTING) == WITHOUT_TILES:
        return "yes, but oneDNN must do without tiles: convolutions are slower than in float32, recurrent layers faster"
    return "yes"


def _tiles(library: recurrent_kernel.Library | None) -> str:
    if library is None:
        return f"torch: {recurrent_kernel.MISSING}"
    return "tile instructions (AMX)" if library.tiles else "factors widened to float32"


def _level(library: recurrent_kernel.Library | convolution_kernel.Library | None) -> str:
    """The instruction set of a native kernel, or why there is none."""
    return f"native code for {library.level}" if library else f"torch: {recurrent_kernel.MISSING}"


def _describe(name: str) -> str:
    if name.startswith("cuda"):
        properties = torch.cuda.get_device_properties(name)
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    return "Apple GPU" if name == "mps" else platform.processor() or platform.machine()


def _fused_adam() -> bool:
    """Whether fused Adam runs on the default device; found by running it."""
    parameter = torch.nn.Parameter(torch.ones(1, device=devices.resolve()))
    parameter.grad = torch.ones_like(parameter)
    try:
        torch.optim.Adam([parameter], fused=True).step()
    except RuntimeError:
        return False
    return True


def _bfloat16() -> bool:
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return "arm" in platform.machine().lower() or "aarch64" in platform.machine().lower()
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"))
