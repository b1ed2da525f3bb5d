"""Guesses of one utterance, for the eye and the ear: what to draw of each, and its sound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from attacks.inversion.metrics import Likeness
from attacks.inversion.vocoder import sound
from leaderboard.experiment.panel.picture import Spectrogram
from targets.core.files import whole_file
from targets.speech.utterance import SAMPLE_RATE, Samples, Utterance


@dataclass(frozen=True, eq=False)
class Compared:
    """What guesses of an utterance are compared with; `mean` (1, T, M) is the mean speaker."""

    original: Utterance
    mean: Tensor
    ruler: Likeness

    @cached_property
    def controls(self) -> list[Spectrogram]:
        """The original, and the mean speaker: what needs no model."""
        truth, counts = self.ruler.logmel([self.original])
        of_mean = self.ruler.figures(self.mean, counts, [self.original])
        return [
            Spectrogram("original", truth, self.ruler.of_originals([self.original])),
            Spectrogram("mean speaker, no model", self.mean, of_mean),
        ]

    def guess(self, title: str, frames: Tensor, file: Path) -> Spectrogram:
        """Return a guess (1, T, M) with its figures, and write its sound."""
        self.write(file, frames)
        if torch.equal(frames, self.mean):  # as under much noise: nothing has to be measured again
            return Spectrogram(title, frames, self.controls[1].figures)
        _, counts = self.ruler.logmel([self.original])
        return Spectrogram(title, frames, self.ruler.figures(frames, counts, [self.original]))

    def write(self, file: Path, frames: Tensor) -> None:
        """Write the sound of frames (1, T, M)."""
        logmel = self.ruler.logmel
        raw = frames[0] * logmel.scale + logmel.mean
        write_sound(file, sound(raw.cpu().double().numpy()))


def write_sound(file: Path, samples: Samples) -> None:
    """Write samples (S,) as a WAV file."""
    loudest = max(float(np.abs(samples).max(initial=0.0)), 1.0)  # a wild guess must not be cut
    with whole_file(file) as aside:
        soundfile.write(aside, samples / loudest, SAMPLE_RATE, format="WAV", subtype="PCM_16")
