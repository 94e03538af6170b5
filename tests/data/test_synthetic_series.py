"""Series and sequences that are computed: orders of convergence, constants of the literature, rules of tasks."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy
import pytest
import torch

from gatefield.core.errors import GatefieldError, InputError
from gatefield.data.synthetic.adding_problem import adding_problem
from gatefield.data.synthetic.copy_memory import copy_memory
from gatefield.data.synthetic.formal_languages import as_ids, counted, counted_words, dyck_words, next_symbols
from gatefield.data.synthetic.henon import henon
from gatefield.data.synthetic.lorenz import lorenz
from gatefield.data.synthetic.mackey_glass import mackey_glass
from gatefield.data.synthetic.moving_digits import moving_digits
from gatefield.data.synthetic.narma import narma
from gatefield.data.synthetic.pixel_sequences import pixel_order, pixel_sequence
from gatefield.data.synthetic.sines import sines
from gatefield.data.synthetic.temporal_order import temporal_order


def slopes(errors: list[float]) -> list[float]:
    """Orders of convergence, from errors at steps that are halved each time."""
    return [math.log2(coarse / fine) for coarse, fine in itertools.pairwise(errors)]


def test_mackey_glass_is_of_fourth_order():
    end = {k: mackey_glass(1, step=2.0**-k, transient=60.0).item() for k in (1, 2, 3, 4, 7)}
    orders = slopes([abs(end[k] - end[7]) for k in (1, 2, 3, 4)])
    assert orders == pytest.approx([4, 4, 4], abs=0.1)


def test_mackey_glass_against_the_method_of_steps():
    """In [0, tau] the delayed value is the constant x_0, and the equation is linear with a solution on paper."""
    x = mackey_glass(17, transient=0.0, step=0.125)
    fixed = 0.2 * 1.2 / (1 + 1.2**10) / 0.1
    expected = fixed + (1.2 - fixed) * torch.exp(-0.1 * torch.arange(17, dtype=torch.float64))
    torch.testing.assert_close(x, expected, rtol=1e-8, atol=1e-9)


def test_mackey_glass_has_the_spread_of_the_published_series(data_folder):
    file = data_folder / "time-series" / "MackeyGlass_t17.txt"
    if not file.exists():
        pytest.skip("no MackeyGlass_t17.txt")
    published = numpy.loadtxt(file)
    ours = mackey_glass(10000).numpy()
    # theirs is centered and squashed by tanh(x - 1)
    squashed = numpy.tanh(ours - 1)
    assert squashed.std() == pytest.approx(published.std(), rel=0.02)
    assert squashed.mean() == pytest.approx(published.mean(), abs=0.01)


def test_lorenz_is_of_fourth_order():
    end = {k: lorenz(1, step=0.5, transient=1, substeps=2**k)[0] for k in (5, 6, 7, 8, 11)}
    orders = slopes([(end[k] - end[11]).norm().item() for k in (5, 6, 7, 8)])
    assert orders == pytest.approx([4, 4, 4], abs=0.25)


def test_lorenz_rests_where_it_should():
    """At (+-sqrt(beta (rho - 1)), the same, rho - 1) nothing moves; below rho = 1 everything falls to the origin."""
    side = math.sqrt(8 / 3 * 27)
    points = lorenz(50, initial=(side, side, 27.0), transient=0)
    assert (points - points[0]).abs().max() < 1e-9
    assert lorenz(1, rho=0.5, transient=3000).abs().max() < 1e-4


def test_henon_map():
    points = henon(3000)
    x, y = points[:, 0], points[:, 1]
    torch.testing.assert_close(x[1:], 1 - 1.4 * x[:-1] ** 2 + y[:-1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(y[1:], 0.3 * x[:-1], rtol=1e-12, atol=1e-12)
    # the exponents of the attractor sum to log b; the larger is 0.419 (Feit 1978)
    tangent, growth = numpy.array([1.0, 0.0]), 0.0
    for value in x.tolist():
        tangent = numpy.array([-2.8 * value * tangent[0] + tangent[1], 0.3 * tangent[0]])
        growth += math.log(numpy.linalg.norm(tangent))
        tangent /= numpy.linalg.norm(tangent)
    assert growth / len(x) == pytest.approx(0.419, abs=0.02)
    with pytest.raises(InputError, match="run away"):
        henon(50, a=3.0)


def test_narma_is_its_equation():
    u, y = narma(200, seed=4)
    for n in range(20, 199):
        recent = y[n - 10 : n].sum()  # y at place n - 1 is y(n)
        expected = 0.3 * y[n - 1] + 0.05 * y[n - 1] * recent + 1.5 * u[n - 9] * u[n] + 0.1
        assert y[n].item() == pytest.approx(expected.item(), rel=1e-12)
    assert u.min() >= 0
    assert u.max() <= 0.5
    with pytest.raises(InputError, match="runs away"):
        narma(500, order=60)


def test_sines_solve_their_difference_equation():
    """x(n+1) + x(n-1) = 2 cos(2 pi / P) x(n), whatever the phase."""
    x = sines(100, periods=[12.5], amplitudes=[3.0], rows=4, seed=2)
    torch.testing.assert_close(x[:, 2:] + x[:, :-2], 2 * math.cos(2 * math.pi / 12.5) * x[:, 1:-1])
    assert x.abs().amax(1) == pytest.approx(numpy.full(4, 3.0), rel=0.02)
    assert len(set(x[:, 0].tolist())) == 4
    assert (sines(4000, noise=0.2, seed=1) - sines(4000, seed=1)).std().item() == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("length", [2, 3, 50])
def test_adding_problem(length):
    x, y = adding_problem(400, length, seed=1)
    assert ((x[:, :, 1] == 1).sum(1) == 2).all()
    assert (x[:, : length // 2, 1].sum(1) == 1).all()
    torch.testing.assert_close((x[:, :, 0] * x[:, :, 1]).sum(1), y)
    assert (y - 1).square().mean().item() == pytest.approx(1 / 6, rel=0.25)


def test_copy_memory():
    x, y = copy_memory(50, blanks=30, seed=1)
    assert x.shape == y.shape == (50, 50)
    assert torch.equal(x[:, :10], y[:, -10:])
    assert ((x[:, :10] >= 1) & (x[:, :10] <= 8)).all()
    assert (x[:, 10:39] == 0).all()
    assert (x[:, 39:] == 9).all()
    assert (y[:, :-10] == 0).all()
    assert set(x[:, :10].flatten().tolist()) == set(range(1, 9))


@pytest.mark.parametrize(("marks", "tenths"), [(2, (1, 5)), (3, (1, 3, 6))])
def test_temporal_order(marks, tenths):
    x, y = temporal_order(300, 40, marks, seed=1)
    marked = x >= 4
    assert (marked.sum(1) == marks).all()
    for row, label in zip(x, y.tolist()):
        places = (row >= 4).nonzero().flatten().tolist()
        assert all(4 * tenth <= place < 4 * (tenth + 1) for place, tenth in zip(places, tenths))
        assert int("".join(str(row[place].item() - 4) for place in places), 2) == label
    assert len(set(y.tolist())) == 2**marks


def test_counted_words():
    assert counted(2, "abc") == "aabbcc"
    assert counted(0) == ""
    words = counted_words(200, 5, seed=1)
    assert set(words) == {counted(n) for n in range(1, 6)}
    ids, lengths = as_ids(["ab", "", "aabb"], "ab")
    assert ids.tolist() == [[1, 2, 0, 0], [0, 0, 0, 0], [1, 1, 2, 2]]
    assert lengths.tolist() == [2, 0, 4]


def test_dyck_words_are_balanced_and_all_alike():
    words = dyck_words(2000, 3, kinds=1, seed=1)
    # Catalan's number of 3 is 5; 400 each, with a standard deviation of 18
    found = Counter(words)
    assert len(found) == 5
    assert all(abs(count - 400) < 5 * 18 for count in found.values())
    for word in dyck_words(100, 12, kinds=3, deepest=3, seed=2):
        allowed = next_symbols(word)
        assert len(word) == 24
        assert len(allowed) == 25
        assert all(symbol in may for symbol, may in zip(word, allowed))
        depths = numpy.cumsum([1 if symbol in "([{" else -1 for symbol in word])
        assert depths.max() <= 3
        assert depths[-1] == 0
    assert dyck_words(2, 0) == ["", ""]
    assert next_symbols("([")[2] == {"(", "[", "{", "<", "]"}


def test_pixel_sequences():
    images = torch.randint(0, 256, (5, 2, 3, 4), dtype=torch.uint8)
    steps = pixel_sequence(images)
    assert steps.shape == (5, 12, 2)
    torch.testing.assert_close(steps.transpose(1, 2).reshape(images.shape) * 255, images.float())
    mixed = pixel_sequence(images, permuted=True, seed=3)
    order = pixel_order(12, 3)
    assert sorted(order.tolist()) == list(range(12))
    assert order.tolist() != list(range(12))
    assert torch.equal(mixed, steps[:, order])
    assert torch.equal(pixel_sequence(images[:, 0].float()), images[:, 0].float().flatten(1)[:, :, None])


@pytest.mark.parametrize("size", [8, 16, 64])
def test_moving_digits_bounce(size):
    digit = torch.full((1, 8, 8), 200, dtype=torch.uint8)
    film = moving_digits(digit, rows=6, frames=40, size=size, objects=1, seed=1)
    assert film.shape == (6, 40, size, size)
    assert (film.flatten(2).long().sum(2) == 64 * 200).all()  # the whole digit is always inside
    rows, columns = (film > 0).any(3).float().argmax(2), (film > 0).any(2).float().argmax(2)
    moved = torch.stack([rows.diff(dim=1), columns.diff(dim=1)]).double()
    assert moved.norm(dim=0).max() <= 3.6 * size / 64 + 1.5  # its speed, and the rounding of two places
    if size > 8:
        assert (moved.norm(dim=0).amax(1) > 0).all()


def test_overlapping_digits_show_the_brighter():
    digits = torch.tensor([[[10]], [[90]]], dtype=torch.uint8)
    film = moving_digits(digits, rows=30, frames=2, size=1, objects=2, seed=0)
    assert set(film.flatten().tolist()) == {10, 90}
    assert (film == 90).double().mean().item() == pytest.approx(0.75, abs=0.2)


def test_seeds():
    digits = torch.randint(0, 256, (3, 4, 4), dtype=torch.uint8)
    makers = [
        lambda seed: narma(50, seed=seed)[0],
        lambda seed: sines(20, seed=seed),
        lambda seed: adding_problem(3, 9, seed)[0],
        lambda seed: copy_memory(3, 5, seed=seed)[0],
        lambda seed: temporal_order(3, 30, seed=seed)[0],
        lambda seed: as_ids(dyck_words(3, 9, seed=seed), "()[]")[0],
        lambda seed: moving_digits(digits, 2, 5, 16, seed=seed),
        lambda seed: mackey_glass(20, noise=0.1, seed=seed),
    ]
    for make in makers:
        state = torch.random.get_rng_state()
        assert torch.equal(make(5), make(5))
        assert not torch.equal(make(5), make(6))
        assert torch.equal(torch.random.get_rng_state(), state)


def test_none_of_anything():
    assert mackey_glass(0).shape == (0,)
    assert lorenz(0).shape == (0, 3)
    assert henon(0).shape == (0, 2)
    assert narma(0)[0].shape == (0,)
    assert sines(0, rows=2).shape == (2, 0)
    assert adding_problem(0, 4)[0].shape == (0, 4, 2)
    assert as_ids([], "ab")[0].shape == (0, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mackey_glass(-1),
        lambda: mackey_glass(5, step=0.0),
        lambda: mackey_glass(5, tau=17.03),
        lambda: mackey_glass(5, tau=0.0),
        lambda: mackey_glass(5, sample=0.25),
        lambda: lorenz(-1),
        lambda: lorenz(2, initial=(1.0,)),
        lambda: lorenz(2, substeps=0),
        lambda: henon(-1),
        lambda: narma(-1),
        lambda: narma(10, order=0),
        lambda: sines(5, periods=[]),
        lambda: sines(5, periods=[0.0]),
        lambda: sines(5, amplitudes=[1.0, 2.0]),
        lambda: adding_problem(-1, 5),
        lambda: adding_problem(3, 1),
        lambda: copy_memory(3, 0),
        lambda: temporal_order(3, 9),
        lambda: temporal_order(3, 20, marks=4),
        lambda: counted(-1),
        lambda: counted_words(3, 2, smallest=3),
        lambda: dyck_words(3, 2, kinds=5),
        lambda: dyck_words(3, 2, deepest=0),
        lambda: next_symbols("(]"),
        lambda: as_ids(["x"], "ab"),
        lambda: pixel_sequence(torch.zeros(3, 3)),
        lambda: moving_digits(torch.zeros(1, 9, 9, dtype=torch.uint8), 1, size=8),
        lambda: moving_digits(torch.zeros(0, 4, 4, dtype=torch.uint8), 1),
        lambda: moving_digits(torch.zeros(1, 4, 4), 1),
        lambda: moving_digits(torch.zeros(1, 4, 4, dtype=torch.uint8), 1, frames=0),
    ],
)
def test_impossible_settings_are_named(call):
    with pytest.raises(GatefieldError) as caught:
        call()
    assert caught.value.hint
