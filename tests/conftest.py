"""What every test shares: the folder of real data, and memory that is poisoned until it is written."""

from __future__ import annotations

import gc
import os
import pathlib

# Tests that run side by side have their share of the processors, and so has what they start; torch asks at its import.
if (workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))) > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

import pytest
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent


def pytest_collection() -> None:
    gc.disable()  # what is collected now, 10,000 tests, stays: nothing to be gained by going through it again and again


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def poisoned_memory():
    """Fill ``torch.empty`` with NaN, so that a value which is never written shows."""
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def data_folder() -> pathlib.Path:
    """The folder of real data sets (``GATEFIELD_DATA``, by default ``../shared/data``); skips where it is absent."""
    folder = pathlib.Path(os.environ.get("GATEFIELD_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no folder of real data: set GATEFIELD_DATA")
    return folder
