"""Forecasting of fields: by hand, what a shift of the world does to it, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gatefield.core.errors import ArgumentError, InputError
from gatefield.models.sequence.field_forecaster import FieldForecaster


def build(**arguments) -> Any:
    torch.manual_seed(0)
    return FieldForecaster(**{"size": (1, 6, 5), "horizon": 3, "hidden": [3, 2], **arguments}).double().eval()


def film(rows: int = 2, frames: int = 4, size: tuple[int, int, int] = (1, 6, 5)) -> torch.Tensor:
    return torch.rand(rows, frames, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("cell", ["conv-lstm", "conv-gru", "lstm", "elman"])
def test_by_hand(cell):
    """Cell steps one by one: read the film, go on from its states with the frames that were written."""
    model, x = build(cell=cell), film()
    flat = cell in ("lstm", "elman")
    readers, writers = ([part.cell for part in layer.directions] for layer in (model.encoder, model.forecaster))
    states: list = [None, None]

    def read(cells, frame):
        for k, own in enumerate(cells):
            if states[k] is None:
                shapes = own.state_shapes(tuple(frame.shape[1:]))
                states[k] = tuple(frame.new_zeros(len(frame), *shape) for shape in shapes.values())
            states[k] = own.step(frame, states[k])
            frame = states[k][own.emitted]

    for t in range(x.shape[1]):
        read(readers, x[:, t].flatten(1) if flat else x[:, t])
    y, expected = (x[:, -1].flatten(1) if flat else x[:, -1]), []
    for _ in range(3):
        read(writers, y)
        known = torch.cat([state[own.emitted] for state, own in zip(states, writers)], 1)
        weight, bias = model.head.weight, model.head.bias
        if flat:
            z = known @ weight.T + bias
        else:
            z = torch.einsum("oc,nchw->nohw", weight[:, :, 0, 0], known) + bias[:, None, None]
        expected.append(z.flatten(1))
        y = torch.sigmoid(z)
    torch.testing.assert_close(model(x), torch.stack(expected, 1))


def test_patches_are_those_of_torch():
    model, x = build(size=(3, 4, 6), patch=2), film(size=(3, 4, 6))
    patches = model._in_patches(x)
    assert torch.equal(patches, torch.nn.functional.pixel_unshuffle(x, 2))
    assert torch.equal(model._in_pixels(patches), x)
    assert model._in_patches(x[:0]).shape == (0, 4, 12, 2, 3)


def test_a_forecast_in_patches_is_that_of_their_film():
    """A network of patches is one of pixels on a film whose channels are the pixels of the patches."""
    size = (2, 6, 4)
    one, x = build(size=size, patch=2), film(size=size)
    other = build(size=(8, 3, 2))
    other.load_state_dict(one.state_dict())
    folded = torch.nn.functional.pixel_unshuffle(x, 2)
    expected = torch.nn.functional.pixel_shuffle(other(folded).view(2, 3, 8, 3, 2), 2)
    torch.testing.assert_close(one(x), expected.flatten(2))


def test_what_moves_is_forecast_to_move_on_the_same_way_elsewhere():
    """Convolutions alone: a shifted film has a shifted forecast, far from the edges; a matrix has none of that."""
    size = (1, 15, 15)
    x = torch.zeros(1, 2, *size, dtype=torch.float64)
    x[0, 0, 0, 6:8, 6:8], x[0, 1, 0, 6:8, 7:9] = 1.0, 0.7
    moved = x.roll(1, 3)

    def forecast(film, cell):
        return build(size=size, horizon=1, hidden=[3], cell=cell)(film).view(15, 15)

    inner = slice(3, 12)
    for cell, shifts in (("conv-lstm", True), ("lstm", False)):
        z, other = forecast(x, cell), forecast(moved, cell)
        same = torch.allclose(z[inner, inner], other.roll(-1, 0)[inner, inner], atol=1e-9)
        assert same is shifts
        assert not torch.allclose(z[inner, inner], other[inner, inner], atol=1e-9)


def test_convolutions_need_fewer_weights_than_a_matrix():
    counts = [
        sum(p.numel() for p in build(size=(1, 16, 16), cell=cell, hidden=[16]).parameters())
        for cell in ("conv-lstm", "lstm")
    ]
    assert counts[0] < counts[1]


def test_linear_frames_are_fed_back_as_they_are():
    """Weights that keep nothing but the bias: every frame is the bias itself, beyond [0, 1]."""
    model = build(output="linear")
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.fill_(2.5)
    assert (model(film()) == 2.5).all()


def test_learns_a_dot_that_moves_one_pixel_a_frame():
    """Its next place is certain from two frames: the forecast must put most of its weight there."""
    torch.manual_seed(3)
    cell: Any = {"name": "conv-lstm", "kernel_size": [1, 3]}
    model = FieldForecaster((1, 1, 12), 2, cell=cell, hidden=[6])
    starts, direction = torch.arange(12).repeat_interleave(2), torch.tensor([1, -1]).repeat(12)
    places = (starts[:, None] + direction[:, None] * torch.arange(5)) % 12
    inside = ((starts + 4 * direction >= 0) & (starts + 4 * direction < 12)).nonzero().flatten()
    x = torch.nn.functional.one_hot(places[inside], 12).float().view(len(inside), 5, 1, 1, 12)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        z = model(x[:, :3])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z, x[:, 3:].flatten(2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(x[:, :3]).argmax(2) == places[inside][:, 3:]).all()


def test_refuses_what_does_not_fit():
    for arguments, path in (
        ({"hidden": []}, "hidden"),
        ({"cell": {"name": "conv-lstm", "kernel_size": [3]}}, "cell"),
        ({"patch": 2}, "patch"),
        ({"size": (1, 6, 6), "patch": 2, "cell": "lstm"}, "patch"),
    ):
        with pytest.raises(ArgumentError) as caught:
            build(**arguments)
        assert caught.value.path == (path,)
        assert caught.value.hint
    for x in (film(size=(1, 5, 6)), film()[:, 0]):
        with pytest.raises(InputError, match="shape") as refused:
            build()(x)
        assert refused.value.hint
