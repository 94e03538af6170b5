"""Decoding: what a person sees, whatever the format."""

from __future__ import annotations

import io
import struct

import numpy
import pytest
import torch
from PIL import Image

from gatefield.core.errors import DataError
from gatefield.data.decode import decode, header, seen_part

COLORS = numpy.random.default_rng(0).integers(0, 256, (6, 7, 3), numpy.uint8)
GREYS = numpy.ascontiguousarray(COLORS[..., 0])
WHITE = [255, 255, 255]


def _chw(array):
    array = numpy.asarray(array)
    return torch.from_numpy(array[None].copy() if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def _save(tmp_path, image, name, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.webp"])
def test_lossless_formats_are_exact(tmp_path, name):
    path = _save(tmp_path, Image.fromarray(COLORS), name, **({"lossless": True} if name == "a.webp" else {}))
    assert torch.equal(decode(path, 3), _chw(COLORS))
    assert torch.equal(decode(path.read_bytes(), 3), _chw(COLORS))
    assert torch.equal(decode(path, 1), _chw(Image.fromarray(COLORS).convert("L")))
    assert header(path) == (6, 7, False)


def test_lossy_jpeg_is_close(tmp_path):
    smooth = numpy.indices((32, 32)).sum(0).astype(numpy.uint8) * 4
    path = _save(tmp_path, Image.fromarray(smooth), "a.jpg", quality=95)
    assert header(path) == (32, 32, True)
    assert (decode(path, 1)[0].int() - torch.from_numpy(smooth).int()).abs().max() <= 4


def test_grey_in_three_channels(tmp_path):
    path = _save(tmp_path, Image.fromarray(GREYS), "a.png")
    assert torch.equal(decode(path, 3), _chw(GREYS).expand(3, -1, -1))
    assert torch.equal(decode(path, 1), _chw(GREYS))
    assert header(path) == (6, 7, True)


def test_one_bit(tmp_path):
    bits = GREYS > 127
    path = _save(tmp_path, Image.fromarray(bits), "a.png")
    assert torch.equal(decode(path, 1), _chw(bits.astype(numpy.uint8) * 255))
    assert header(path)[2]


def test_alpha_is_on_white(tmp_path):
    alpha = numpy.tile(numpy.array([0, 255, 51], numpy.uint8), (6, 3))[:, :7]
    path = _save(tmp_path, Image.fromarray(numpy.dstack([COLORS, alpha])), "a.png")
    expected = COLORS * (alpha / 255.0)[..., None] + 255 * (1 - alpha / 255.0)[..., None]
    assert (decode(path, 3).double() - torch.from_numpy(expected).permute(2, 0, 1)).abs().max() <= 1
    grey = _save(tmp_path, Image.merge("LA", [Image.fromarray(GREYS), Image.fromarray(alpha)]), "b.png")
    assert (decode(grey, 1)[0, :, 0] == 255).all()
    assert torch.equal(decode(grey, 1)[0, :, 1], torch.from_numpy(GREYS[:, 1].copy()))
    assert header(grey)[2]


def test_palette_with_and_without_transparency(tmp_path):
    indices = (numpy.indices((4, 6)).sum(0) % 3).astype(numpy.uint8)
    palette = numpy.array([[10, 20, 30], [200, 0, 0], [0, 0, 250]], numpy.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette(palette.tobytes())
    expected = palette[indices]
    assert torch.equal(decode(_save(tmp_path, image, "a.png"), 3), _chw(expected))
    assert torch.equal(decode(_save(tmp_path, image, "a.gif"), 3), _chw(expected))
    shown = expected.copy()
    shown[indices == 1] = WHITE
    assert torch.equal(decode(_save(tmp_path, image, "b.png", transparency=1), 3), _chw(shown))
    assert torch.equal(decode(_save(tmp_path, image, "b.gif", transparency=1), 3), _chw(shown))
    half = _save(tmp_path, image, "c.png", transparency=bytes([255, 0, 255]))
    assert torch.equal(decode(half, 3), _chw(shown))
    assert header(tmp_path / "a.png")[2] is False
    image.putpalette(numpy.repeat(palette[:, :1], 3, 1).tobytes())
    assert header(_save(tmp_path, image, "d.png")) == (4, 6, True)


def test_a_transparent_color_of_rgb_and_grey(tmp_path):
    pixels = COLORS.copy()
    pixels[2, 3] = (1, 2, 3)
    shown = pixels.copy()
    shown[2, 3] = WHITE
    assert torch.equal(
        decode(_save(tmp_path, Image.fromarray(pixels), "a.png", transparency=(1, 2, 3)), 3), _chw(shown)
    )
    grey = _save(tmp_path, Image.fromarray(numpy.array([[9, 8]], numpy.uint8)), "b.png", transparency=9)
    assert decode(grey, 1).tolist() == [[[255, 8]]]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, name):
    deep = numpy.array([[0, 128, 257, 1000], [32768, 50000, 65278, 65535]], numpy.uint16)
    expected = numpy.rint(deep / 257).astype(numpy.uint8)
    path = _save(tmp_path, Image.fromarray(deep), name)
    assert torch.equal(decode(path, 1), _chw(expected))
    assert torch.equal(decode(path, 3), _chw(expected).expand(3, -1, -1))
    assert header(path)[2]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (numpy.array([[0, 0.5, 1.0]], numpy.float32), [0, 128, 255]),
        (numpy.array([[0, 100.0, 255.0]], numpy.float32), [0, 100, 255]),
        (numpy.array([[0, 25700.0, 65535.0]], numpy.float32), [0, 100, 255]),
        (numpy.array([[-1, 0.0, 1.0]], numpy.float32), [0, 128, 255]),
        (numpy.array([[7, 7, 7]], numpy.int32), [7, 7, 7]),
        (numpy.array([[0, 257, 65535]], numpy.int32), [0, 1, 255]),
        (numpy.array([[0, 100_000, 200_000]], numpy.int32), [0, 128, 255]),
        (numpy.array([[-5, -5, -5]], numpy.int32), [0, 0, 0]),
    ],
)
def test_thirty_two_bits(tmp_path, values, expected):
    assert decode(_save(tmp_path, Image.fromarray(values), "a.tif"), 1).flatten().tolist() == expected


def test_not_finite_pixels_are_refused(tmp_path):
    path = _save(tmp_path, Image.fromarray(numpy.array([[0, numpy.nan]], numpy.float32)), "a.tif")
    with pytest.raises(DataError, match="not finite"):
        decode(path, 1)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk(tmp_path, name):
    flat = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red, green, blue = decode(_save(tmp_path, flat, name), 3).float().mean((1, 2)).tolist()
    assert red > 240
    assert green < 15
    assert blue < 15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_camera_rotation_is_undone(tmp_path, orientation):
    upright = torch.from_numpy(COLORS.copy()).permute(2, 0, 1)
    stored = {  # how a camera that was held so stores the upright picture
        1: lambda x: x,
        2: lambda x: x.flip(2),
        3: lambda x: x.rot90(2, (1, 2)),
        4: lambda x: x.flip(1),
        5: lambda x: x.transpose(1, 2),
        6: lambda x: x.rot90(1, (1, 2)),
        7: lambda x: x.rot90(2, (1, 2)).transpose(1, 2),
        8: lambda x: x.rot90(-1, (1, 2)),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = _save(tmp_path, Image.fromarray(stored.permute(1, 2, 0).contiguous().numpy()), "a.png", exif=exif)
    assert torch.equal(decode(path, 3), upright)
    assert header(path) == (6, 7, False)


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (5, 4), color) for color in ("red", "lime", "blue")]
    for name, options in (("a.gif", {}), ("a.webp", {"lossless": True}), ("a.tif", {})):
        path = _save(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **options)
        assert decode(path, 3)[:, 0, 0].tolist() == [255, 0, 0]


def test_scaling_takes_the_largest_centred_part(tmp_path):
    wide = numpy.zeros((4, 12, 3), numpy.uint8)
    wide[:, 4:8] = 200
    path = _save(tmp_path, Image.fromarray(wide), "a.png")
    assert (decode(path, 3, (4, 4)) == 200).all()
    tall = _save(tmp_path, Image.fromarray(wide.transpose(1, 0, 2).copy()), "b.png")
    scaled = Image.open(tall).resize((8, 24), Image.Resampling.BILINEAR)
    assert torch.equal(decode(tall, 3, (8, 8)), _chw(scaled)[:, 8:16])
    assert torch.equal(decode(path, 3, (4, 12)), _chw(wide))


@pytest.mark.parametrize(
    ("tall", "wide", "size"), [(30, 90, (8, 8)), (90, 31, (10, 20)), (7, 5, (14, 10)), (1, 9, (3, 3))]
)
def test_the_part_that_is_seen_is_the_part_that_counts(tmp_path, tall, wide, size):
    """Pixels outside of it change nothing."""
    top, left, height, width = seen_part(tall, wide, size)
    assert 0 <= top <= tall - height
    assert 0 <= left <= wide - width
    assert height == tall or width == wide
    source = numpy.random.default_rng(0).integers(0, 256, (tall, wide), dtype=numpy.uint8)
    outside = numpy.ones((tall, wide), bool)
    edge = 1 + round(max(height / size[0], width / size[1]))  # that the filter reaches over
    outside[max(top - edge, 0) : top + height + edge, max(left - edge, 0) : left + width + edge] = False
    for name, pixels in (("one", source), ("other", numpy.where(outside, 255 - source, source))):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    assert torch.equal(decode(tmp_path / "one.png", 1, size), decode(tmp_path / "other.png", 1, size))


def test_scaling_down_averages_as_torch_does(tmp_path):
    pixels = numpy.random.default_rng(1).integers(0, 256, (32, 32, 3), numpy.uint8)
    path = _save(tmp_path, Image.fromarray(pixels), "a.png")
    expected = torch.nn.functional.interpolate(
        _chw(pixels)[None].float(), (13, 13), mode="bilinear", antialias=True, align_corners=False
    )[0]
    assert (decode(path, 3, (13, 13)).float() - expected).abs().max() <= 1.01  # Pillow rounds after each axis


def test_large_jpegs_keep_their_aspect(tmp_path):
    left_white = numpy.zeros((600, 800, 3), numpy.uint8)
    left_white[:, :400] = 255
    small = decode(_save(tmp_path, Image.fromarray(left_white), "a.jpg", quality=95), 1, (16, 16)).float()
    assert small[0, :, :7].min() > 245
    assert small[0, :, 9:].max() < 10


def test_damaged_files_are_named(tmp_path):
    good = _save(tmp_path, Image.fromarray(numpy.repeat(COLORS, 20, 0)), "good.jpg").read_bytes()
    png = _save(tmp_path, Image.fromarray(COLORS), "good.png").read_bytes()
    for name, content in {
        "cut.jpg": good[: len(good) // 2],
        "text.jpg": b"hello",
        "empty.png": b"",
        "cut.png": png[:60],
        "header.png": png[:12],
        "flipped.png": png[:45] + bytes([png[45] ^ 255]) + png[46:],
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name) as caught:
            decode(tmp_path / name, 3)
        assert "skip_bad" in caught.value.hint


def test_every_cut_of_every_format_is_an_image_or_a_data_error(tmp_path):
    for name in ("a.png", "a.jpg", "a.gif", "a.bmp", "a.tif", "a.webp"):
        whole = _save(tmp_path, Image.fromarray(COLORS), name).read_bytes()
        for length in range(0, len(whole), 7):
            try:
                assert decode(whole[:length], 3, name=name).shape == (3, 6, 7)
            except DataError as error:
                assert name in error.message


def test_a_missing_file_and_a_bomb(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"there is no image file .*gone"):
        decode(tmp_path / "gone.png", 3)
    path = _save(tmp_path, Image.new("L", (100, 100)), "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_001)
    assert decode(path, 1).shape == (1, 100, 100)
    for limit in (9_999, 4_000):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        for read in (header, lambda path: decode(path, 1)):
            with pytest.raises(DataError, match="pixels"):
                read(path)


def test_a_bomb_behind_a_tiny_file_is_refused(tmp_path):
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "png")
    content = bytearray(buffer.getvalue())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    import zlib

    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    with pytest.raises(DataError, match="the image unpacks to more than"):
        decode(bytes(content), 1)
