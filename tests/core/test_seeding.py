"""Streams depend on the seed and the place, on nothing that ran before, and on no accident of the process."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy
import pytest
import torch

from gatefield.core.seeding import derive, generator, seed_everything

FROZEN = {
    (0,): 1999793380834467432,
    (0, "order", 0): 7082549803942908686,
    (1, "augment", 3, 5): 1302796995950855647,
}


@pytest.mark.parametrize(("stream", "value"), FROZEN.items())
def test_the_streams_of_a_saved_run_never_change(stream, value):
    assert derive(*stream) == value


def test_streams_differ():
    streams = [(seed, name, epoch) for seed in range(20) for name in ("order", "augment") for epoch in range(20)]
    streams += [(0,), (0, "a", "b"), (0, "a:b"), (0, "a, b"), (0, 1), (0, "1"), (1, 0), (-1,), (2**70,), (0, "")]
    values = {derive(*stream) for stream in streams}
    assert len(values) == len(streams)
    assert all(0 <= value < 2**63 for value in values)


@pytest.mark.parametrize("salt", ["0", "1"])
def test_streams_are_the_same_in_every_process(salt):
    code = "from gatefield.core.seeding import derive; print(derive(3, 'order', 7))"
    environment = os.environ | {"PYTHONHASHSEED": salt}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == derive(3, "order", 7)


def test_a_generator_depends_on_its_stream_alone():
    first = torch.rand(5, generator=generator(1, "order", 2))
    torch.rand(100)
    assert torch.equal(first, torch.rand(5, generator=generator(1, "order", 2)))
    assert not torch.equal(first, torch.rand(5, generator=generator(1, "order", 3)))


def test_a_stream_is_made_of_plain_numbers_and_text():
    with pytest.raises(TypeError):
        derive(0, numpy.int64(3))  # type: ignore[arg-type]


def draws() -> tuple[float, float, float]:
    return random.random(), numpy.random.rand(), torch.rand(()).item()  # noqa: NPY002 (the global generators)


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 7, 2**70 + 7])
def test_every_global_generator_is_seeded(seed):
    seed_everything(seed)
    first = draws()
    draws()
    seed_everything(seed)
    assert draws() == first
    seed_everything(seed + 1)
    assert all(here != there for here, there in zip(draws(), first))
