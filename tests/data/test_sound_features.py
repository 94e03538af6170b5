"""Sound features: scaled by the training part, the same after saving, deaf to the rate; masks that hide stripes."""

from __future__ import annotations

import json

import numpy
import pytest
import torch
from scipy.fft import dct

from gatefield.core.errors import ArgumentError, DataError
from gatefield.data.corpus import Recording
from gatefield.data.length_buckets import LengthBuckets
from gatefield.data.ragged import Ragged
from gatefield.data.sequence_set import LabelledSequences
from gatefield.data.sound_features import SoundFeatures
from gatefield.data.spectrogram_masks import MaskedBuckets, SpectrogramMasks
from gatefield.functional.spectrogram import log_mel_spectrogram


def recording(seconds: float = 0.4, rate: int = 8000, seed: int = 0) -> Recording:
    """Two tones in noise."""
    time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    noise = torch.rand(len(time), generator=torch.Generator().manual_seed(seed)) - 0.5
    samples = (0.3 * torch.sin(2764 * time) + 0.2 * torch.sin(9000 * time)).float() + 0.05 * noise
    return Recording(samples, rate, "seven", "ann", f"sound {seed}")


@pytest.fixture
def learned() -> SoundFeatures:
    features = SoundFeatures()
    features.learn([recording(seed=seed) for seed in range(3)])
    return features


def test_training_frames_have_mean_zero_and_deviation_one(learned):
    frames = learned.encode_all([recording(seed=seed) for seed in range(3)]).flat.double()
    assert frames.dtype == torch.float64
    torch.testing.assert_close(frames.mean(0), torch.zeros(40).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(frames.std(0, correction=0), torch.ones(40).double(), atol=1e-5, rtol=0)


def test_others_are_scaled_by_the_training_part(learned):
    other = recording(0.3, seed=9)
    found = learned.frames(other)
    content = learned.learned()
    raw = log_mel_spectrogram(other.samples, 8000).double()
    expected = (raw - torch.tensor(content["mean"])) / torch.tensor(content["deviation"])
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-4)
    assert found.shape == (28, 40)


def test_coefficients_are_those_of_scipy(learned):
    features = SoundFeatures(coefficients=13)
    features.learn([recording()])
    raw = log_mel_spectrogram(recording().samples, 8000)
    expected = dct(raw.numpy(), type=2, norm="ortho", axis=1)[:, :13]
    numpy.testing.assert_allclose(features.measured(recording()).numpy(), expected, atol=1e-3)
    assert features.frames(recording()).shape[1] == features.width == 13


def test_survives_json(learned):
    again = SoundFeatures()
    again.restore(json.loads(json.dumps(learned.learned())))
    torch.testing.assert_close(again.frames(recording()), learned.frames(recording()), rtol=0, atol=0)


@pytest.mark.parametrize("content", [{}, {"rate": 0, "mean": [0.0] * 40, "deviation": [1.0] * 40}, {"rate": 8000}, []])
def test_what_is_not_that_is_refused(content):
    with pytest.raises(DataError):
        SoundFeatures().restore(content)


def test_lowest_rate_of_the_training_part_and_resampling():
    features = SoundFeatures()
    features.learn([recording(rate=16000), recording(rate=8000)])
    assert features.sampled_at == 8000
    fixed = SoundFeatures(rate=11025)
    fixed.learn([recording(rate=16000)])
    assert fixed.sampled_at == 11025


def test_a_tone_is_the_same_at_another_rate():
    def tone(rate: int) -> Recording:
        time = torch.arange(rate // 2) / rate
        return Recording(torch.sin(2 * torch.pi * 700 * time), rate, "", "", "tone")

    features = SoundFeatures(rate=8000)
    features.learn([recording()])
    one, other = features.measured(tone(8000)), features.measured(tone(44100))
    assert one.shape == other.shape
    strong = one[20] > one[20].max() - 5
    torch.testing.assert_close(one[20, strong], other[20, strong], atol=0.05, rtol=0)


def test_a_band_that_never_changes_is_zero():
    silence = Recording(torch.zeros(4000), 8000, "", "", "silence")
    features = SoundFeatures()
    features.learn([silence])
    assert features.frames(silence).abs().max() == 0
    short = Recording(torch.zeros(3), 8000, "", "", "a click")
    assert features.frames(short).shape == (1, 40)


def test_centered_frames_do_not_hear_how_loud_it_is():
    features = SoundFeatures(center=True)
    features.learn([recording(seed=seed) for seed in range(3)])
    loud = recording()
    soft = loud._replace(samples=loud.samples * 0.1)
    torch.testing.assert_close(features.frames(soft), features.frames(loud), atol=1e-3, rtol=0)
    assert features.measured(loud).mean(0).abs().max() < 1e-4
    plain = SoundFeatures()
    plain.learn([loud])
    assert (plain.measured(loud) - plain.measured(soft)).mean() > 4


def test_nothing_to_learn_from_and_what_is_no_sound():
    with pytest.raises(DataError, match="no recording"):
        SoundFeatures().learn([])
    broken = recording()._replace(samples=torch.tensor([0.0, float("nan")]))
    with pytest.raises(DataError, match="sound 0 has values that are no numbers"):
        SoundFeatures().learn([broken])
    with pytest.raises(DataError, match="shape"):
        SoundFeatures().learn([recording()._replace(samples=torch.zeros(4, 2))])
    with pytest.raises(ArgumentError, match="41 coefficients of 40 bands"):
        SoundFeatures(coefficients=41)
    with pytest.raises(ArgumentError, match="less than a sample"):
        SoundFeatures(hop=1e-6).learn([recording()])


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
@pytest.mark.parametrize("samples", [0, 1, 199, 200, 280, 3333, 4001])
def test_counts_frames_without_computing_them(learned, rate, samples):
    given = Recording(torch.zeros(samples), rate, "", "", "")
    if samples:
        assert learned.count(given) == len(learned.frames(given))
    else:
        assert learned.count(given) == 1


def test_nothing_to_encode(learned):
    rows = learned.encode_all([])
    assert len(rows) == 0
    assert rows.flat.shape == (0, 40)


def masked(x, lengths, masks, seed=0):
    return masks(x, lengths, masks.draw(len(x), seed, 0))


def test_masks_hide_stripes_and_nothing_else():
    masks = SpectrogramMasks(times=1, bands=1, longest=8, widest=5)
    x = torch.ones(200, 60, 20)
    lengths = torch.full((200,), 60)
    hidden = masked(x, lengths, masks) == 0
    times, bands = hidden.all(2), hidden.all(1)
    assert torch.equal(hidden, times[:, :, None] | bands[:, None, :])
    for stripes, widest in ((times, 8), (bands, 5)):
        widths = stripes.sum(1)
        assert (stripes[:, 1:].int() - stripes[:, :-1].int()).clamp(min=0).sum(1).max() <= 1  # in one piece
        assert set(widths.tolist()) == set(range(widest + 1))
    assert masked(x, lengths, masks)[~hidden].eq(1).all()


def test_a_short_recording_keeps_most_of_itself():
    masks = SpectrogramMasks(times=1, bands=0, widest=0, longest=100)
    lengths = torch.tensor([10, 4, 0])
    hidden = (masked(torch.ones(3, 50, 4), lengths, masks) == 0).all(2).sum(1)
    assert (hidden <= lengths // 5).all()


def test_masks_depend_on_recording_and_epoch_not_on_the_batch():
    rows = Ragged.from_rows([torch.ones(length, 6) for length in range(20, 40)])
    sequences = LabelledSequences(rows, torch.arange(20))
    masks = SpectrogramMasks()

    def seen(batch_size: int, epoch: int) -> dict[int, torch.Tensor]:
        batches = MaskedBuckets(LengthBuckets(sequences, batch_size, seed=1, shuffle=True), masks)
        found = {}
        for batch in batches.epoch(epoch):
            for row, index, length in zip(batch.inputs[0], batch.indices.tolist(), batch.inputs[1].tolist()):
                found[index] = row[:length]
        return found

    few, many = seen(3, 0), seen(20, 0)
    assert all(torch.equal(few[index], many[index]) for index in range(20))
    later = seen(3, 1)
    assert any(not torch.equal(few[index], later[index]) for index in range(20))


@pytest.mark.parametrize("arguments", [{"times": 0}, {"bands": 0}, {"times": 0, "longest": 0, "bands": 0, "widest": 0}])
def test_masks_that_hide_nothing_are_refused(arguments):
    with pytest.raises(ArgumentError):
        SpectrogramMasks(**arguments)
