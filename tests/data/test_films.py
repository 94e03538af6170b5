"""Films: their files, damaged ones too; their windows; and the readers."""

from __future__ import annotations

import io
import pickle

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gatefield.core.errors import DataError
from gatefield.data.film import Film, one_size, read_film
from gatefield.data.film_windows import FilmWindows
from gatefield.data.readers.film_folder import FilmFolder
from gatefield.data.readers.moving_digits import MovingDigits


def frames(count: int = 6, channels: int = 1, height: int = 4, width: int = 5, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, height, width), generator=source, dtype=torch.uint8)


def saved(array: numpy.ndarray) -> bytes:
    buffer = io.BytesIO()
    numpy.save(buffer, array)
    return buffer.getvalue()


def gif(film: torch.Tensor) -> bytes:
    pictures = [Image.fromarray(frame.permute(1, 2, 0).squeeze(2).numpy()) for frame in film]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    return buffer.getvalue()


def test_arrays_are_read_as_they_were_saved(tmp_path):
    film = frames(channels=3)
    for array in (film.numpy(), film.numpy() / 255.0, (film.numpy() / 255).astype(numpy.float32)):
        numpy.save(tmp_path / "film.npy", array)
        found = read_film(tmp_path / "film.npy", 3)
        assert torch.equal(found.frames, film)
        assert found.place == str(tmp_path / "film.npy")
    grey = film[:, 0].numpy()
    assert torch.equal(read_film(saved(grey)).frames, film[:, :1])
    assert torch.equal(read_film(saved(grey > 127)).frames[:, 0], 255 * (film[:, 0] > 127).to(torch.uint8))


def test_animations_are_read_frame_by_frame():
    film = frames(5)
    found = read_film(gif(film)).frames
    assert torch.equal(found, film)
    assert torch.equal(read_film(gif(film), 3).frames, film.expand(-1, 3, -1, -1))


def test_grey_is_the_luma():
    film = frames(channels=3)
    red, green, blue = film.double().unbind(1)
    expected = (0.299 * red + 0.587 * green + 0.114 * blue).round()
    assert torch.equal(read_film(saved(film.numpy())).frames[:, 0].double(), expected)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (numpy.zeros((4, 5)), "no film"),
        (numpy.zeros((0, 4, 5)), "no film"),
        (numpy.zeros((3, 2, 4, 5)), "no film"),
        (numpy.zeros((3, 4, 5), dtype=numpy.int32), "int32"),
        (numpy.full((3, 4, 5), 1.5), r"frame 0 holds 1\.5, outside \[0, 1\]"),
        (numpy.full((3, 4, 5), numpy.nan), "frame 0 holds nan"),
        (numpy.array([[["a"]]]), "<U1"),
    ],
)
def test_arrays_that_are_no_film(array, message):
    with pytest.raises(DataError, match=message) as caught:
        read_film(saved(array), name="mine.npy")
    assert "mine.npy" in str(caught.value)
    assert caught.value.hint


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    objects = numpy.array([Trap()], dtype=object)
    buffer = io.BytesIO()
    numpy.save(buffer, objects, allow_pickle=True)
    for content in (buffer.getvalue(), pickle.dumps(Trap())):
        with pytest.raises(DataError):
            read_film(content)
    assert not (tmp_path / "sprung").exists()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damaged_files_are_refused_or_read(data):
    whole = data.draw(st.sampled_from([saved(frames().numpy()), gif(frames())]))
    content = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        film = read_film(bytes(content))
    except DataError as error:
        assert error.hint
    else:
        assert film.frames.dtype == torch.uint8
        assert film.frames.dim() == 4


def test_a_header_that_promises_too_much_is_refused():
    buffer, whole = io.BytesIO(), saved(numpy.zeros((1, 1, 1), dtype=numpy.uint8))
    claim = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 10**6, 10**3)}
    numpy.lib.format.write_array_header_1_0(buffer, claim)
    for content in (buffer.getvalue() + b"0", whole[:-1]):
        with pytest.raises(DataError) as caught:
            read_film(content)
        assert caught.value.hint


def test_too_many_pixels_are_not_unpacked(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(DataError, match="more than 50 pixels"):
        read_film(gif(frames(5)))


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match="no file") as caught:
        read_film(tmp_path / "none.gif")
    assert caught.value.hint


# ------------------------------------------------------------------------------------------------------------- windows


def test_windows_by_hand():
    """7 frames, 3 seen and 2 that follow: a window from frame 0, one from frame 2; the last frames are no target."""
    films = [Film(frames(7, seed=1), "a"), Film(frames(5, seed=2), "b")]
    windows = FilmWindows(films, 3, 2)
    assert windows.places == [(0, 0), (0, 2), (1, 0)]
    (x,), targets = windows.batch(torch.tensor([2, 1]))
    assert torch.equal(x, torch.stack([films[1].frames[:3], films[0].frames[2:5]]).float() / 255)
    assert torch.equal(targets, torch.stack([films[1].frames[3:5], films[0].frames[5:7]]).flatten(2).float() / 255)
    assert windows.counts.tolist() == [2, 2, 2]
    other = FilmWindows([films[0], Film(frames(5, seed=3), "b")], 3, 2)
    assert len({windows.fingerprint(), other.fingerprint(), FilmWindows(films, 2, 2).fingerprint()}) == 3


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(0, 12), min_size=1, max_size=4))
def test_every_frame_is_a_target_at_most_once(past, horizon, more):
    films = [Film(frames(past + horizon + count, seed=count), str(count)) for count in more]
    windows = FilmWindows(films, past, horizon)
    seen = [(film, start + past + step) for film, start in windows.places for step in range(horizon)]
    assert len(set(seen)) == len(seen)
    for number, film in enumerate(films):
        last = max(frame for one, frame in seen if one == number)
        assert len(film.frames) - horizon <= last < len(film.frames)


def test_films_that_do_not_fit():
    with pytest.raises(DataError, match="short has 4 frames") as caught:
        FilmWindows([Film(frames(5), "long"), Film(frames(4), "short")], 3, 2)
    assert caught.value.hint
    with pytest.raises(DataError, match="b has frames of 4 x 6 pixels, a of 4 x 5"):
        one_size([Film(frames(), "a"), Film(frames(width=6), "b")])


# ------------------------------------------------------------------------------------------------------------- readers


def test_moving_digits_move_and_no_handwriting_is_in_two_parts():
    parts = MovingDigits(films=30, held_out=10, frames=4, size=20).read()
    assert [len(part or ()) for part in (parts.train, parts.validation, parts.test)] == [30, 10, 10]
    digits = []
    for part in (parts.train, parts.validation, parts.test):
        found = set()
        for film in part or ():
            assert film.frames.shape == (4, 1, 20, 20)
            assert len({frame.numpy().tobytes() for frame in film.frames}) > 1
            rows, columns = film.frames[0, 0].any(1).nonzero(), film.frames[0, 0].any(0).nonzero()
            found.add(film.frames[0, 0, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].numpy().tobytes())
        digits.append(found)
    assert not digits[0] & digits[1]
    assert not digits[0] & digits[2]
    assert not digits[1] & digits[2]
    other = MovingDigits(films=30, held_out=10, frames=4, size=20, seed=1).read()
    assert not torch.equal(other.train[0].frames, parts.train[0].frames)


def test_a_folder_of_films(tmp_path):
    for part, count in (("train", 2), ("test", 1)):
        (tmp_path / part).mkdir()
        for number in range(count):
            (tmp_path / part / f"{number}.gif").write_bytes(gif(frames(3 + number, seed=number)))
    numpy.save(tmp_path / "train" / "more.npy", frames(2)[:, 0].numpy())
    (tmp_path / "train" / "notes.txt").write_text("no film")
    outside = tmp_path.parent / "outside.npy"
    numpy.save(outside, frames()[:, 0].numpy())
    (tmp_path / "train" / "link.npy").symlink_to(outside)
    parts = FilmFolder(str(tmp_path)).read()
    assert [len(film.frames) for film in parts.train] == [3, 4, 2]
    assert [len(film.frames) for film in parts.test or ()] == [3]
    assert parts.validation is None
    assert "did not follow 1 links" in parts.notes[0]
    assert FilmFolder(str(tmp_path), channels=3).read().train[0].frames.shape == (3, 3, 4, 5)
    numpy.save(tmp_path / "test" / "wide.npy", frames(2, width=9)[:, 0].numpy())
    with pytest.raises(DataError, match=r"wide\.npy has frames of 4 x 9"):
        FilmFolder(str(tmp_path)).read()


def test_a_folder_without_films(tmp_path):
    with pytest.raises(DataError, match="holds no film") as caught:
        FilmFolder(str(tmp_path)).read()
    assert ".gif" in caught.value.hint
    with pytest.raises(DataError, match="no folder"):
        FilmFolder(str(tmp_path / "none")).read()
