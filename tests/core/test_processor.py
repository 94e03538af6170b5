"""Virtual machines that promise matrix instructions they do not describe."""

from __future__ import annotations

import os

import pytest

from gatefield.core.processor import SETTING, avoid_undescribed_tiles, promises_undescribed_tiles

PROCESSOR = (
    "processor\t: 0\nmodel name\t: some\ncpuid level\t: {level}\nflags\t\t: fpu sse2 {flags}\nbogomips\t: 4000\n"
)


@pytest.mark.parametrize(
    ("level", "flags", "promises"),
    [
        ("28", "amx_bf16 amx_tile", True),
        ("32", "amx_bf16 amx_tile", False),
        ("28", "avx512f", False),
        ("", "amx_tile", False),
    ],
)
def test_only_tiles_without_their_leaf_are_distrusted(level, flags, promises):
    first = PROCESSOR.format(level=level, flags=flags)
    sound = PROCESSOR.format(level="32", flags="amx_tile")
    assert promises_undescribed_tiles(first + "\n" + sound) is promises


def test_the_limit_is_set_once_and_never_over_the_users(tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(PROCESSOR.format(level="28", flags="amx_tile"))
    monkeypatch.setenv(SETTING, "ALL")
    avoid_undescribed_tiles(str(cpuinfo))
    assert os.environ[SETTING] == "ALL"
    monkeypatch.delenv(SETTING)
    avoid_undescribed_tiles(str(tmp_path / "nowhere"))
    assert SETTING not in os.environ
    avoid_undescribed_tiles(str(cpuinfo))
    assert os.environ[SETTING] == "AVX512_CORE_BF16"
