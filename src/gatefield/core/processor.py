"""Virtual machines that promise matrix instructions they do not describe.

Some hypervisors show a guest the AMX flags of its processor but not CPUID leaf 0x1D, which tells how large tiles are.
oneDNN, which torch's bfloat16 products run on, then configures tiles of size zero, and the process dies of an illegal
instruction. Before its first product oneDNN can be told to leave AMX alone.
"""

from __future__ import annotations

import os

#: The CPUID leaf that describes tiles.
TILE_LEAF = 0x1D
SETTING = "ONEDNN_MAX_CPU_ISA"
WITHOUT_TILES = "AVX512_CORE_BF16"


def promises_undescribed_tiles(cpuinfo: str) -> bool:
    """Whether the first processor in ``cpuinfo``, as Linux writes it, has AMX but no leaf that describes its tiles."""
    first = cpuinfo.split("\n\n", 1)[0]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    level = facts.get("cpuid level", "")
    return "amx_tile" in facts.get("flags", "").split() and level.isdigit() and int(level) < TILE_LEAF


def avoid_undescribed_tiles(path: str = "/proc/cpuinfo") -> None:
    """Keep oneDNN from AMX where it would crash, unless the user has set its limit; call before torch computes."""
    if SETTING in os.environ or not os.path.isfile(path):  # pathlib would take a tenth of the time that --help has
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        start = file.read(16_384)  # the first processor; there may be hundreds
    if promises_undescribed_tiles(start):
        os.environ[SETTING] = WITHOUT_TILES
