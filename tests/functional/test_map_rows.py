"""A function of single steps sees no padding and leaves zeros there."""

from __future__ import annotations

import pytest
import torch

from gatefield.core.errors import InputError
from gatefield.functional.map_rows import map_rows


@pytest.mark.parametrize("lengths", [None, [4, 4, 4], [2, 0, 4], torch.tensor([0, 0, 0]), [1, 3, 2]])
def test_is_the_function_inside_and_zero_outside(lengths):
    x = torch.randn(3, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ends = [4, 4, 4] if lengths is None else [int(length) for length in lengths]
    seen = []

    def function(steps: torch.Tensor) -> torch.Tensor:
        seen.append(len(steps))
        return torch.cat([steps.exp(), steps[:, :1] + 1], 1)

    y = map_rows(function, x, lengths)
    assert y.shape == (3, 4, 3)
    assert seen == [sum(ends)]
    for row, end in enumerate(ends):
        torch.testing.assert_close(y[row, :end], torch.cat([x[row, :end].exp(), x[row, :end, :1] + 1], 1))
        assert not y[row, end:].any()


def test_padding_reaches_neither_result_nor_gradient():
    x = torch.randn(2, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[0, 1:] = torch.nan
    x.requires_grad_()
    map_rows(torch.exp, x, [1, 3]).sum().backward()
    assert not x.grad[0, 1:].any()
    torch.testing.assert_close(x.grad[1], x[1].exp().detach())
    weights = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: map_rows(torch.tanh, x, [1, 3]), (weights,))


def test_nothing_and_lengths_that_do_not_fit():
    assert map_rows(torch.exp, torch.zeros(0, 3, 2), []).shape == (0, 3, 2)
    assert map_rows(torch.exp, torch.zeros(2, 0, 2), None).shape == (2, 0, 2)
    with pytest.raises(InputError, match="do not fit 2 rows"):
        map_rows(torch.exp, torch.zeros(2, 3, 2), [1, 4])
