"""SpecAugment (Park et al. 2019): bands and spans of the spectrogram hidden while learning."""

from __future__ import annotations

import torch
from torch import Tensor

from targets.speech.features import MELS

MASKS = 2  # of each kind
WIDEST_BAND = 12  # mel channels
LONGEST_SPAN = 0.1  # share of the frames


def masked(features: Tensor, generator: torch.Generator) -> Tensor:
    """Return standardised log-mel frames (T, M) with random bands and spans set to their mean.

    What stands beside the mel channels is left as it is: see `targets.speech.language_frames`.
    """
    hidden = features.clone()
    frames, mels = len(features), min(features.shape[1], MELS)
    for _ in range(MASKS):
        start, end = _stretch(mels, min(WIDEST_BAND, mels), generator)
        hidden[:, start:end] = 0
        start, end = _stretch(frames, int(LONGEST_SPAN * frames), generator)
        hidden[start:end, :mels] = 0
    return hidden


def _stretch(whole: int, longest: int, generator: torch.Generator) -> tuple[int, int]:
    """Return a random stretch of at most `longest` places."""
    length = _below(longest + 1, generator)
    start = _below(whole - length + 1, generator)
    return start, start + length


def _below(end: int, generator: torch.Generator) -> int:
    """Return a random number from 0 to just below `end`."""
    return int(torch.randint(end, (1,), generator=generator, device=generator.device))
