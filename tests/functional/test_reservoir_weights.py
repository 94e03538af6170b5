"""Random weights: numbers of links, spectral radii, and the drive that runs them."""

from __future__ import annotations

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.reservoir_weights import (
    dense,
    random_links,
    random_weights,
    reservoir_weights,
    scale_to_radius,
    sparse,
    spectral_radius,
)


@given(units=st.integers(1, 40), data=st.data())
@settings(deadline=None, max_examples=40, derandomize=True)
def test_every_unit_has_as_many_different_links(units, data):
    degree = data.draw(st.integers(1, units))
    links = random_links(units, degree)
    assert links.shape == (units, degree)
    assert all(len(set(row)) == degree and min(row) >= 0 and max(row) < units for row in links.tolist())


def test_all_links_are_as_likely():
    torch.manual_seed(0)
    counts = torch.bincount(torch.cat([random_links(8, 3).flatten() for _ in range(1500)]), minlength=8)
    # 1500 * 8 * 3 / 8 = 4500 each; a standard deviation is 57
    assert (counts - 4500).abs().max() < 5 * 57


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize(("units", "degree"), [(30, None), (30, 5), (600, 10), (600, 300)])
def test_spectral_radius_is_what_it_says(units, degree, distribution):
    torch.manual_seed(1)
    values, links = reservoir_weights(units, degree, 1.25, distribution)
    matrix = values if links is None else dense(values, links)
    assert numpy.abs(numpy.linalg.eigvals(matrix.numpy())).max() == pytest.approx(
        1.25, rel=1e-6 if units == 600 and degree == 10 else 1e-10
    )
    if links is not None:
        assert (sparse(values, links).toarray() == matrix.numpy()).all()


def test_a_rotation_has_the_radius_of_its_complex_pair():
    matrix = torch.tensor([[0.0, -2.0], [2.0, 0.0]])
    assert spectral_radius(matrix) == pytest.approx(2)


def test_matrices_that_no_factor_scales():
    nilpotent = torch.triu(torch.rand(6, 6, dtype=torch.float64), 1)
    for matrix in (torch.zeros(4, 4), nilpotent):
        with pytest.raises(ArgumentError, match="spectral radius 0") as caught:
            scale_to_radius(matrix, None, 0.9)
        assert "seed" in caught.value.hint
    assert spectral_radius(torch.zeros(0, 0)) == 0
    with pytest.raises(InputError, match="square"):
        spectral_radius(torch.zeros(2, 3))
    with pytest.raises(InputError, match="NaN"):
        spectral_radius(torch.full((2, 2), torch.nan))
    with pytest.raises(ArgumentError, match="7 links"):
        random_links(5, 7)


def test_scales_of_the_distributions():
    torch.manual_seed(0)
    uniform, normal = random_weights((20000,), 0.5, "uniform"), random_weights((20000,), 0.5, "normal")
    assert 0.49 < uniform.abs().max() <= 0.5
    assert uniform.std().item() == pytest.approx(0.5 / 3**0.5, rel=0.03)
    assert normal.std().item() == pytest.approx(0.5, rel=0.03)
