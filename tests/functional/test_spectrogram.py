"""Log-mel spectrograms and cepstral coefficients, against a transcription in NumPy and against scipy."""

from __future__ import annotations

import numpy
import pytest
import scipy.fft
import scipy.signal
import torch

from gatefield.core.errors import ArgumentError
from gatefield.functional.spectrogram import cepstral_coefficients, log_mel_spectrogram, mel_filters


def _mel_filters(bands, size, rate, low, high):
    """As Davis and Mermelstein draw them, one frequency at a time."""
    mel = numpy.linspace(2595 * numpy.log10(1 + low / 700), 2595 * numpy.log10(1 + high / 700), bands + 2)
    corner = 700 * (10 ** (mel / 2595) - 1)
    filters = numpy.zeros((bands, size // 2 + 1))
    for j in range(bands):
        for k in range(size // 2 + 1):
            f = k * rate / size
            if corner[j] <= f <= corner[j + 1]:
                filters[j, k] = (f - corner[j]) / (corner[j + 1] - corner[j])
            elif corner[j + 1] < f <= corner[j + 2]:
                filters[j, k] = (corner[j + 2] - f) / (corner[j + 2] - corner[j + 1])
    return filters


@pytest.mark.parametrize(
    ("bands", "size", "rate", "low", "high"), [(40, 256, 8000, 20, 4000), (13, 512, 16000, 0, 7600)]
)
def test_filters_are_the_transcription(bands, size, rate, low, high):
    numpy.testing.assert_allclose(
        mel_filters(bands, size, rate, low, high).numpy(), _mel_filters(bands, size, rate, low, high), atol=1e-12
    )


@pytest.mark.parametrize("count", [200, 201, 1999, 4000])
def test_energies_are_the_transcription(count):
    rate, width, hop, size = 8000, 200, 80, 256
    samples = torch.randn(count, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    window = scipy.signal.get_window("hann", width)
    steps = 1 + (count - width) // hop
    spectrum = numpy.stack(
        [numpy.fft.rfft(samples.numpy()[t * hop : t * hop + width] * window, size) for t in range(steps)]
    )
    expected = numpy.log(numpy.maximum(numpy.abs(spectrum) ** 2 @ _mel_filters(40, size, rate, 20, 4000).T, 1e-10))
    numpy.testing.assert_allclose(log_mel_spectrogram(samples, rate).numpy(), expected, atol=1e-9)
    assert tuple(log_mel_spectrogram(samples.float(), rate).shape) == (steps, 40)
    torch.testing.assert_close(
        log_mel_spectrogram(samples.float(), rate), torch.from_numpy(expected).float(), atol=1e-3, rtol=1e-3
    )


def test_a_tone_is_loudest_in_its_band():
    rate = 8000
    time = torch.arange(rate, dtype=torch.float64) / rate
    filters = mel_filters(40, 256, rate, 20.0, 4000.0)
    centers = filters.argmax(1) * rate / 256
    for hertz in (440.0, 1000.0, 3000.0):
        loudest = log_mel_spectrogram(torch.sin(2 * torch.pi * hertz * time), rate).argmax(1)
        assert loudest.unique().numel() <= 2
        assert abs(float(centers[int(loudest[0])]) - hertz) < 0.1 * hertz + 32


def test_batches_silence_and_short_sounds():
    samples = torch.randn(3, 900, generator=torch.Generator().manual_seed(0))
    whole = log_mel_spectrogram(samples, 8000)
    for row in range(3):
        torch.testing.assert_close(whole[row], log_mel_spectrogram(samples[row], 8000))
    silence = log_mel_spectrogram(torch.zeros(400), 8000)
    assert torch.equal(silence, torch.full_like(silence, 1e-10).log())
    for count in (0, 1, 199):
        short = torch.randn(count, generator=torch.Generator().manual_seed(0))
        filled = torch.cat([short, torch.zeros(200 - count)])
        assert torch.equal(log_mel_spectrogram(short, 8000), log_mel_spectrogram(filled, 8000))
        assert len(log_mel_spectrogram(short, 8000)) == 1


def test_the_gradient_reaches_the_sound():
    samples = torch.randn(60, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    torch.autograd.gradcheck(lambda x: log_mel_spectrogram(x, 1000, bands=4, window=0.02, hop=0.01, low=10.0), samples)


def test_cepstra_are_scipys_cosine_transform():
    log_mel = torch.randn(5, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = scipy.fft.dct(log_mel.numpy(), type=2, norm="ortho", axis=-1)
    numpy.testing.assert_allclose(cepstral_coefficients(log_mel, 13).numpy(), expected[:, :13], atol=1e-12)
    numpy.testing.assert_allclose(cepstral_coefficients(log_mel, 40).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: log_mel_spectrogram(torch.zeros(100), 8000, window=1e-5),
        lambda: log_mel_spectrogram(torch.zeros(100), 8000, hop=0.0),
        lambda: log_mel_spectrogram(torch.zeros(100), 8000, high=5000.0),
        lambda: log_mel_spectrogram(torch.zeros(100), 8000, low=300.0, high=200.0),
        lambda: log_mel_spectrogram(torch.zeros(100), 8000, bands=0),
        lambda: cepstral_coefficients(torch.zeros(2, 4), 5),
        lambda: cepstral_coefficients(torch.zeros(2, 4), 0),
    ],
)
def test_impossible_settings(make):
    with pytest.raises(ArgumentError) as caught:
        make()
    assert caught.value.hint
