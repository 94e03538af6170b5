"""What of a sound the ear hears: log-mel spectrogram and cepstral coefficients."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from ..core.errors import ArgumentError

_FLOOR = 1e-10


def log_mel_spectrogram(
    samples: Tensor,
    rate: int,
    *,
    bands: int = 40,
    window: float = 0.025,
    hop: float = 0.010,
    low: float = 20.0,
    high: float | None = None,
) -> Tensor:
    """Energies of bands that are equally wide to the ear, in logarithms, a row a time step:

        X_k(t) = sum_n w_n x_{t h + n} exp(-2 pi i k n / N),    S_j(t) = log max(sum_k M_jk |X_k(t)|^2, 1e-10)

    with a periodic Hann window w and the triangles M of `mel_filters`. N is the power of two from the window's width
    on. A step's window lies within the sound; a sound shorter than one window is filled up with silence.

    Args:
        samples: float (count,) or (batch, count).
        rate: samples a second.
        bands: how many bands.
        window, hop: width of a step's window and distance between steps, in seconds.
        low, high: where the bands begin and end, in hertz; ``high`` is half the rate if None.

    Returns:
        (steps, bands) or (batch, steps, bands), steps = 1 + floor((count - width) / hop).

    Raises:
        ArgumentError: a window or hop of less than one sample, no band, or bands above half the rate.

    Reference: Davis and Mermelstein (1980), Comparison of parametric representations.
    """
    width, step = round(window * rate), round(hop * rate)
    if width < 1 or step < 1:
        message = f"a window of {window:g} s and a hop of {hop:g} s are less than a sample at {rate} a second"
        raise ArgumentError(message, hint="give seconds: window=0.025, hop=0.01")
    size = 1 << (width - 1).bit_length()
    missing = max(width - samples.shape[-1], 0)
    frames = torch.nn.functional.pad(samples, (0, missing)).unfold(-1, width, step)
    w = torch.hann_window(width, dtype=samples.dtype, device=samples.device)
    power = torch.fft.rfft(frames * w, n=size).abs().square()
    M = mel_filters(bands, size, rate, low, rate / 2 if high is None else high)
    return (power @ M.to(power).T).clamp(min=_FLOOR).log()


@functools.lru_cache(8)
def mel_filters(bands: int, size: int, rate: int, low: float, high: float) -> Tensor:
    """Triangles float64 (bands, size / 2 + 1) over the frequencies k rate / size, of height 1.

    Their corners are equally far apart in mel(f) = 2595 log10(1 + f / 700); each begins where the one before peaks.

    Raises:
        ArgumentError: no band, or not 0 <= low < high <= rate / 2.
    """
    if bands < 1 or not 0 <= low < high <= rate / 2:
        message = f"{bands} bands from {low:g} to {high:g} Hz at {rate} samples a second"
        raise ArgumentError(message, hint=f"bands lie between 0 and {rate / 2:g} Hz")
    mel = torch.linspace(_mel(low), _mel(high), bands + 2, dtype=torch.float64)
    corners = 700 * (10 ** (mel / 2595) - 1)
    f = torch.arange(size // 2 + 1, dtype=torch.float64) * rate / size
    left, peak, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return torch.minimum((f - left) / (peak - left), (right - f) / (right - peak)).clamp(min=0)


def cepstral_coefficients(log_mel: Tensor, count: int = 13) -> Tensor:
    """Mel-frequency cepstral coefficients: the first of an orthonormal cosine transform (DCT-II) of each step,

        c_i = s_i sum_j S_j cos(pi i (j + 1/2) / J),    s_0 = sqrt(1 / J), s_i = sqrt(2 / J)

    Args:
        log_mel: (..., bands), as of `log_mel_spectrogram`.
        count: how many coefficients, up to the number of bands.

    Returns:
        (..., count).

    Raises:
        ArgumentError: more coefficients than bands, or none.
    """
    bands = log_mel.shape[-1]
    if not 1 <= count <= bands:
        raise ArgumentError(f"{count} coefficients of {bands} bands", hint=f"give 1 to {bands}")
    i, j = torch.arange(count, dtype=torch.float64)[:, None], torch.arange(bands, dtype=torch.float64)
    C = torch.cos(math.pi * i * (j + 0.5) / bands) * math.sqrt(2 / bands)
    C[0] /= math.sqrt(2)
    return log_mel @ C.to(log_mel).T


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
