"""Sound files and recordings."""

from __future__ import annotations

import math
import os
import wave

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from gatefield.core import extras
from gatefield.core.errors import ArgumentError, DataError, InputError, MissingExtra
from gatefield.data.readers.digit_strings import DigitStrings
from gatefield.data.readers.spoken_digits import SpokenDigits
from gatefield.data.readers.wav_folder import WavFolder, write_hums
from gatefield.data.sound_files import read_sound, resampled


def _refused(make, *words):
    with pytest.raises(InputError) as caught:
        make()
    for word in words:
        assert word in caught.value.message, caught.value.message
    assert caught.value.hint


def _pcm(path, values, bits, channels=1, rate=8000):
    """Written by the standard library, one integer after the other."""
    size = bits // 8
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(size)
        file.setframerate(rate)
        content = b"".join(
            (value + 128).to_bytes(1, "little") if bits == 8 else value.to_bytes(size, "little", signed=True)
            for value in values
        )
        file.writeframes(content)


@settings(deadline=None)
@given(st.sampled_from([8, 16, 24, 32]), st.data())
def test_whole_numbers_of_any_width(tmp_path_factory, bits, data):
    top = 1 << (bits - 1)
    values = data.draw(st.lists(st.integers(-top, top - 1), min_size=1, max_size=20))
    path = tmp_path_factory.mktemp("pcm") / "a.wav"
    _pcm(path, values, bits)
    samples, rate = read_sound(path)
    assert rate == 8000
    expected = torch.tensor([value / top for value in values], dtype=torch.float64)
    torch.testing.assert_close(samples.double(), expected, atol=2**-24, rtol=0)


@pytest.mark.parametrize("kind", [numpy.float32, numpy.float64])
def test_numbers_with_a_point_and_channels(tmp_path, kind):
    sound = numpy.array([[0.5, -0.5], [0.25, 0.75]], dtype=kind)
    wavfile.write(tmp_path / "a.wav", 44100, sound)
    samples, rate = read_sound(tmp_path / "a.wav")
    assert rate == 44100
    assert samples.tolist() == [0.0, 0.5]
    assert samples.dtype == torch.float32


def test_chunks_of_other_programs_are_passed_over(tmp_path):
    _pcm(tmp_path / "a.wav", [1, 2, 3], 16)
    content = (tmp_path / "a.wav").read_bytes()
    tagged = content[:12] + b"bext" + (6).to_bytes(4, "little") + b"secret" + content[12:]
    tagged = tagged[:4] + (len(tagged) - 8).to_bytes(4, "little") + tagged[8:]
    (tmp_path / "b.wav").write_bytes(tagged)
    assert torch.equal(read_sound(tmp_path / "b.wav")[0], read_sound(tmp_path / "a.wav")[0])


def test_sound_that_is_none(tmp_path):
    _pcm(tmp_path / "a.wav", [5] * 100, 16)
    whole = (tmp_path / "a.wav").read_bytes()
    for number, damaged in enumerate((b"", b"ID3 no sound", whole[:20], whole[:40], b"RIFF" + b"\x00" * 60)):
        path = tmp_path / f"damaged{number}.wav"
        path.write_bytes(damaged)
        _refused(lambda path=path: read_sound(path), path.name)
    _pcm(tmp_path / "empty.wav", [], 16)
    _refused(lambda: read_sound(tmp_path / "empty.wav"), "empty.wav", "holds no sound")
    wavfile.write(tmp_path / "nan.wav", 8000, numpy.array([0.1, math.nan], dtype=numpy.float32))
    _refused(lambda: read_sound(tmp_path / "nan.wav"), "nan.wav", "no numbers")
    _refused(lambda: read_sound(tmp_path / "nowhere.wav"), "nowhere.wav")


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 200), st.binary(min_size=1, max_size=8))
def test_noise_in_a_file_never_crashes(tmp_path_factory, place, noise):
    path = tmp_path_factory.mktemp("noise") / "a.wav"
    _pcm(path, range(60), 16)
    content = bytearray(path.read_bytes())
    content[place % len(content) : place % len(content) + len(noise)] = noise
    path.write_bytes(bytes(content))
    try:
        samples, _ = read_sound(path)
        assert samples.isfinite().all()
    except DataError as error:
        assert "a.wav" in error.message


def test_another_rate_keeps_the_tone():
    time = torch.arange(16000, dtype=torch.float64) / 16000
    tone = torch.sin(2 * math.pi * 440 * time).float()
    half = resampled(tone, 16000, 8000)
    assert len(half) == 8000
    torch.testing.assert_close(half[200:-200], tone[::2][200:-200], atol=5e-3, rtol=0)
    high = torch.sin(2 * math.pi * 6000 * time).float()
    assert resampled(high, 16000, 8000)[200:-200].abs().max() < 0.02  # not folded back to 2000 hertz
    assert resampled(tone, 16000, 16000) is tone
    assert len(resampled(tone, 16000, 11025)) == 11025
    with pytest.raises(ArgumentError):
        resampled(tone, 16000, 0)


def test_flac(tmp_path, monkeypatch):
    soundfile = pytest.importorskip("soundfile")
    sound = (numpy.arange(-100, 100) * 300).astype(numpy.int16)
    soundfile.write(tmp_path / "a_ann.flac", sound, 8000)
    wavfile.write(tmp_path / "a_bob.wav", 8000, sound)
    parts = WavFolder(str(tmp_path)).read()
    assert torch.equal(parts.train[0].samples, parts.train[1].samples)
    (tmp_path / "a_ann.flac").write_bytes(b"fLaC no more")
    _refused(WavFolder(str(tmp_path)).read, "a_ann.flac")

    def missing(module):
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match="soundfile") as caught:
        WavFolder(str(tmp_path)).read()
    assert "gatefield[audio]" in caught.value.hint


def test_names_say_what_is_said(tmp_path):
    write_hums(tmp_path, ["yes_ann_{}", "no_{}"], count=1)
    parts = WavFolder(str(tmp_path)).read()
    assert [(item.text, item.speaker) for item in parts.train] == [("no", "0"), ("yes", "ann")]
    assert parts.classes == ["no", "yes"]
    same = WavFolder(str(tmp_path), pattern=r"(?P<text>[a-z]+).*").read()
    assert [item.text for item in same.train] == ["no", "yes"]
    _refused(WavFolder(str(tmp_path), pattern=r"(?P<text>\d+)").read, "no_0.wav", "does not fit")
    _refused(lambda: WavFolder(str(tmp_path), pattern="("), "regular expression")
    _refused(lambda: WavFolder(str(tmp_path), pattern="(.*)"), "no group 'text'")


def test_a_table_says_what_is_said(tmp_path):
    write_hums(tmp_path, ["a{}"], count=2)
    table = tmp_path / "table.csv"
    table.write_text('file,text,speaker\na0.wav,"yes, please",ann\na1.wav,no,bob\n')
    parts = WavFolder(str(tmp_path), table="table.csv").read()
    assert [(item.text, item.speaker) for item in parts.train] == [("yes, please", "ann"), ("no", "bob")]
    (tmp_path.parent / "outside.wav").write_bytes(b"")
    for row, words in {
        "a9.wav,no,x": ["table.csv:2", "a9.wav"],
        "../outside.wav,no,x": ["table.csv:2", "outside"],
        "a0.wav,no": ["table.csv:2", "2 columns"],
    }.items():
        table.write_text(f"file,text,speaker\n{row}\n")
        _refused(WavFolder(str(tmp_path), table="table.csv").read, *words)
    table.write_text("name,text\na0.wav,x\n")
    _refused(WavFolder(str(tmp_path), table="table.csv").read, "no column 'file'")
    _refused(WavFolder(str(tmp_path), table="../table.csv").read, "outside")


def test_rates_and_parts(tmp_path):
    for part, rate in (("train", 8000), ("val", 16000)):
        (tmp_path / part).mkdir()
        write_hums(tmp_path / part, ["yes_ann_{}", "no_ann_{}"], count=1, rate=rate)
    _refused(WavFolder(str(tmp_path)).read, "16000 samples a second", "8000")
    parts = WavFolder(str(tmp_path), rate=8000).read()
    assert {item.rate for item in [*parts.train, *parts.validation]} == {8000}
    assert len(parts.validation[0].samples) == len(parts.train[0].samples) // 2
    (tmp_path / "empty").mkdir()
    _refused(WavFolder(str(tmp_path / "empty")).read, "holds no recording")
    (tmp_path / "linked").mkdir()
    write_hums(tmp_path / "linked", ["yes_ann_{}"], count=1)
    os.symlink(tmp_path / "train" / "no_ann_0.wav", tmp_path / "linked" / "no_ann_0.wav")
    linked = WavFolder(str(tmp_path / "linked")).read()
    assert len(linked.train) == 1
    assert "1 links" in linked.notes[0]


def test_who_and_what_is_tested(tmp_path):
    parts = SpokenDigits.sample(tmp_path).read()
    assert (len(parts.train), len(parts.test)) == (40, 100)
    assert {os.path.basename(item.place)[:-4].split("_")[2] for item in parts.test} == set("01234")
    held_out = SpokenDigits(str(tmp_path), speaker="bob").read()
    assert {item.speaker for item in held_out.test} == {"bob"}
    assert {item.speaker for item in held_out.train} == {"ann"}
    _refused(SpokenDigits(str(tmp_path), speaker="eve").read, "eve")


def test_strings_are_joined_from_recordings_of_their_own_part(tmp_path):
    random = numpy.random.default_rng(0)
    for name in (f"{digit}_{who}_{number}" for digit in range(10) for who in ("ann", "bob") for number in range(12)):
        wavfile.write(tmp_path / f"{name}.wav", 8000, random.integers(1, 9999, random.integers(5, 9), numpy.int16))
    reader = DigitStrings(str(tmp_path), count=40, held_out=10, shortest=2, longest=4, silence=0.0)
    parts = reader.read()
    singles = {path.name: read_sound(path)[0] for path in tmp_path.glob("*.wav")}
    for part, numbers in (("train", range(10, 12)), ("validation", range(5, 10)), ("test", range(5))):
        for item in getattr(parts, part):
            assert 2 <= len(item.text) <= 4
            rest = item.samples
            for digit in item.text:
                options = [singles[f"{digit}_{item.speaker}_{number}.wav"] for number in numbers]
                fitting = [o for o in options if len(o) <= len(rest) and torch.equal(rest[: len(o)], o)]
                assert fitting, "a recording of another part"
                rest = rest[len(fitting[0]) :]
            assert not len(rest)
    loose = DigitStrings(str(tmp_path), count=20, held_out=5, silence=0.1).read()
    silence = [int((item.samples == 0).sum()) for item in loose.train]
    assert all(0 <= count <= 800 * (len(item.text) + 1) for count, item in zip(silence, loose.train))
    assert len(set(silence)) > 10
    _refused(lambda: DigitStrings(shortest=3, longest=2), "shorter")
