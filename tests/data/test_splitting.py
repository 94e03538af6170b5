"""Holding out a part."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError, DataError
from gatefield.data.image_set import ImageTensor
from gatefield.data.splitting import split


def _set(labels):
    return ImageTensor(torch.zeros(len(labels), 2), torch.tensor(labels, dtype=torch.int64), "test")


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60),
    st.floats(0, 0.99) | st.integers(0, 30),
    st.integers(0, 100),
    st.booleans(),
)
@settings(deadline=None, max_examples=200)
def test_parts_are_exact_and_in_proportion(labels, held_out, seed, stratified):
    images = _set(labels)
    count = round(held_out * len(labels)) if isinstance(held_out, float) else held_out
    try:
        rest, part = split(images, held_out, seed, stratified=stratified)
    except (ArgumentError, DataError):
        keepable = sum(labels.count(label) - 1 for label in set(labels))
        assert count >= len(labels) or (stratified and count > keepable)
        return
    assert sorted(rest.tolist() + part.tolist()) == list(range(len(labels)))
    assert len(part) == count
    assert rest.tolist() == sorted(rest.tolist())
    if stratified and count:
        for label in set(labels):
            size = labels.count(label)
            mine = int((images.labels[part] == label).sum())
            assert mine < size
            if all(labels.count(other) * (1 - count / len(labels)) >= 1 for other in set(labels)):
                assert abs(mine - size * count / len(labels)) < 1


def test_the_seed_decides():
    images = _set([0, 1] * 50)
    assert torch.equal(split(images, 0.3, 1)[1], split(images, 0.3, 1)[1])
    assert not torch.equal(split(images, 0.3, 1)[1], split(images, 0.3, 2)[1])


def test_agrees_with_scikit_learn_on_class_counts():
    from sklearn.model_selection import train_test_split

    labels = torch.repeat_interleave(torch.arange(4), torch.tensor([10, 20, 30, 140]))
    _, part = split(_set(labels.tolist()), 0.25, 0)
    _, theirs = train_test_split(labels.numpy(), test_size=0.25, stratify=labels.numpy(), random_state=0)
    ours = torch.bincount(labels[part])
    assert (ours - torch.bincount(torch.from_numpy(theirs))).abs().max() <= 1
    assert ours.sum() == 50


@pytest.mark.parametrize("held_out", [1.0, -0.1, 10, 11, -1])
def test_impossible_parts(held_out):
    with pytest.raises(ArgumentError) as caught:
        split(_set([0, 1] * 5), held_out, 0)
    assert caught.value.hint


def test_rare_classes_stay_in_the_rest():
    with pytest.raises(DataError):
        split(_set([0, 1, 2, 3]), 1, 0)
    rest, _ = split(_set([0] * 9 + [1]), 0.5, 0)
    assert 9 in rest.tolist()
