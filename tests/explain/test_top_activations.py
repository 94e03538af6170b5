"""The best patches and places are the maxima, by brute force, and a patch is exactly what its unit sees."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gatefield.core.errors import ArgumentError, InputError
from gatefield.explain.top_activations import box, top_contexts, top_patches
from gatefield.functional.convolution_arithmetic import Window
from gatefield.functional.receptive_field import ReceptiveField

PICTURES = torch.randn(23, 2, 11, 13, generator=torch.Generator().manual_seed(0))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 3, (3, 2), stride=(1, 2)), nn.Flatten()
    )


def fields(axis: int) -> ReceptiveField:
    field = ReceptiveField()
    last = [Window(3), Window(2, stride=2)][axis]
    for window in (Window(3, padding=1), Window(2, stride=2), last):
        field = field.through(window)
    return field


def test_the_best_patches_are_the_maxima_by_brute_force():
    net = network()
    found = top_patches(net, "3", PICTURES.split(5), count=6)
    maps = net[:4].eval()(PICTURES).detach()
    assert net.training
    assert list(found) == [0, 1, 2]
    for unit, patches in found.items():
        best = sorted(((float(maps[n, unit].max()), n) for n in range(23)), reverse=True)[:6]
        assert [patch.input for patch in patches] == [n for _, n in best]
        for patch, (value, n) in zip(patches, best):
            assert patch.value == pytest.approx(value, abs=1e-5)
            assert float(maps[n, unit][patch.position]) == pytest.approx(value, abs=1e-5)
    assert top_patches(net, "3", [PICTURES], units=[2], count=6)[2][0].input == found[2][0].input
    assert len(top_patches(net, "3", [PICTURES[:2]], count=6)[0]) == 2


def test_a_layer_without_places():
    found = top_patches(network(), "4", [PICTURES], units=[1], count=2)
    assert found[1][0].position == ()
    values = network()(PICTURES)[:, 1]
    assert [patch.input for patch in found[1]] == values.argsort(descending=True)[:2].tolist()


def test_of_equal_activations_the_first_counts():
    found = top_patches(nn.Sequential(nn.Identity()), "0", [torch.zeros(3, 1, 2, 2)] * 2, count=4)
    assert [patch.input for patch in found[0]] == [0, 1, 2, 3]
    assert {patch.position for patch in found[0]} == {(0, 0)}


def test_a_box_is_what_reaches_the_unit():
    """A NaN at one cell of the input arrives at exactly those units that see the cell."""
    net = network()[:4].double().eval()
    cells = list(itertools.product(range(11), range(13)))
    poisoned = torch.zeros(len(cells), 2, 11, 13, dtype=torch.float64)
    for i, (row, column) in enumerate(cells):
        poisoned[i, :, row, column] = torch.nan
    arrives = net(poisoned)[:, 0].isnan()  # (cells, height, width)
    for row, column in itertools.product(*map(range, arrives.shape[1:])):
        sees = arrives[:, row, column].view(11, 13)
        expected = torch.zeros(11, 13, dtype=torch.bool)
        expected[box((row, column), (fields(0), fields(1)), (11, 13))] = True
        assert torch.equal(sees, expected), (row, column)


def test_nothing_outside_the_box_matters_and_something_inside_does():
    net = network().eval()
    patch = top_patches(net, "3", [PICTURES], units=[1], count=1)[1][0]
    part = box(patch.position, (fields(0), fields(1)), (11, 13))
    changed = torch.zeros(1, 2, 11, 13)
    changed[(slice(None), slice(None), *part)] = PICTURES[patch.input][(slice(None), *part)]
    assert float(net[:4](changed)[0, 1][patch.position].detach()) == pytest.approx(patch.value, abs=1e-5)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(1, 9), st.integers(1, 4), st.integers(-6, 6), st.integers(1, 40))
def test_a_box_never_leaves_the_input(position, size, jump, start, whole):
    from fractions import Fraction

    (part,) = box((position,), (ReceptiveField(size, Fraction(jump), Fraction(start)),), (whole,))
    assert 0 <= part.start <= whole
    assert 0 <= part.stop <= whole
    assert part.stop - part.start <= size + 1


def test_what_cannot_be_looked_for():
    with pytest.raises(ArgumentError, match="'3' has no unit 3"):
        top_patches(network(), "3", [PICTURES], units=[3])
    with pytest.raises(ArgumentError, match="best 0"):
        top_patches(network(), "3", [PICTURES], count=0)
    with pytest.raises(InputError, match="no inputs"):
        top_patches(network(), "3", [])


# --- text


def test_places_of_a_text():
    text = "to be, or not to be"
    activation = torch.tensor([float(symbol == "b") + 0.001 * t for t, symbol in enumerate(text)])
    first, second, third = top_contexts(activation, text, count=3, before=4, after=2)
    assert (first.place, first.symbol, first.before, first.after) == (17, "b", " to ", "e")
    assert (second.place, second.symbol, second.before, second.after) == (3, "b", "to ", "e,")
    assert third.value == pytest.approx(0.018)
    words = text.split()
    found = top_contexts(torch.tensor([0.0, 0, 1, 0, 0, 0]), words, 1, before=1, after=1, between=" ")[0]
    assert (found.before, found.symbol, found.after) == ("be,", "or", "not")


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30), st.integers(1, 8))
def test_the_best_places_by_brute_force(values, count):
    symbols = [chr(97 + t % 26) for t in range(len(values))]
    found = top_contexts(torch.tensor(values), symbols, count)
    best = sorted(range(len(values)), key=lambda t: (-values[t], t))[:count]
    assert [context.place for context in found] == best
    assert all(context.symbol == symbols[context.place] for context in found)


def test_texts_that_do_not_fit():
    with pytest.raises(ArgumentError, match=r"\(3,\) for 2 symbols"):
        top_contexts(torch.zeros(3), "ab")
    with pytest.raises(ArgumentError, match="before is -1"):
        top_contexts(torch.zeros(2), "ab", before=-1)
    assert top_contexts(torch.zeros(0), "") == []
