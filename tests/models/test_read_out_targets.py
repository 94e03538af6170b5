"""What a read-out shall answer: numbers as they are, classes as one number each."""

from __future__ import annotations

import pytest
import torch

from gatefield.core.errors import InputError
from gatefield.models.read_out_targets import read_out_targets


@pytest.mark.parametrize("elsewhere", [0, -1])
@pytest.mark.parametrize("shape", [(4,), (2, 3), (0,)])
def test_classes_stand_out_from_the_others(elsewhere, shape):
    labels = torch.arange(torch.Size(shape).numel()).reshape(shape) % 3
    found = read_out_targets(labels, shape, 3, elsewhere)
    assert found.shape == (*shape, 3)
    assert torch.equal(found.argmax(-1), labels)
    assert (found.sum(-1) == 1 + 2 * elsewhere).all()
    assert set(found.flatten().tolist()) <= {1, elsewhere}


def test_numbers_stay_as_they_are():
    y = torch.randn(4, 5, 2)
    assert read_out_targets(y, (4, 5), 2, elsewhere=-1) is y
    whole = torch.randint(9, (4, 2))  # of another shape than labels: numbers
    assert read_out_targets(whole, (4,), 2, elsewhere=0) is whole


@pytest.mark.parametrize(
    ("y", "message", "hint"),
    [
        (torch.tensor([0, 3]), "classes run from 0 to 3, the read-out has 3", "classes from 0 to 2"),
        (torch.tensor([-1, 0]), "classes run from -1 to 0", "classes from 0 to 2"),
        (torch.zeros(2, 2), "y has the shape", "give (2, 3)"),
        (torch.zeros(3, 3), "y has the shape", "give (2, 3)"),
        (torch.tensor([0.0, 1.0]), "y has the shape", "by number, int64"),
        (torch.tensor([0, 1], dtype=torch.int32), "y has the shape", "by number, int64"),
    ],
)
def test_bad_answers_are_refused(y, message, hint):
    with pytest.raises(InputError) as caught:
        read_out_targets(y, (2,), 3, elsewhere=0)
    assert message in str(caught.value)
    assert hint in str(caught.value.hint)
