"""From log-mel frames back to sound: the phase is guessed (Griffin and Lim 1984)."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchaudio.functional import griffinlim

from targets.speech.features import FFT, FLOOR, HOP, WINDOW, LogMel
from targets.speech.utterance import Samples

ITERATIONS = 16  # more are hardly heard
MOMENTUM = 0.9  # fast Griffin-Lim (Perraudin et al. 2013)
LOUDEST = 15.0  # log power of a band: no recording is louder, and a wild guess must not overflow


def sound(log_mel: NDArray[np.float64]) -> Samples:
    """Return 16 kHz samples (S,) whose natural-log mel power spectrogram is nearly (T, M).

    The mel bands are spread over frequencies by the filters' pseudo-inverse, and the phase begins
    at zero: the same frames, the same sound.
    """
    frames = torch.from_numpy(np.clip(log_mel.T, np.log(FLOOR), LOUDEST))
    magnitude = (_from_mel() @ (frames.exp() - FLOOR)).clamp_min(0).sqrt()
    samples = griffinlim(
        magnitude.float(),
        window=torch.hann_window(WINDOW, device=frames.device),
        n_fft=FFT,
        hop_length=HOP,
        win_length=WINDOW,
        power=1.0,
        n_iter=ITERATIONS,
        momentum=MOMENTUM,
        length=(log_mel.shape[0] - 1) * HOP,
        rand_init=False,
    )
    return samples.numpy()


@cache
def _from_mel() -> Tensor:
    """Return the pseudo-inverse (F, M) of the mel filters."""
    return torch.linalg.pinv(LogMel().transform.mel_scale.fb.double().T)
