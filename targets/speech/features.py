"""Log-mel spectrograms: what every target hears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn

from targets.speech.kept_frames import HEARD
from targets.speech.utterance import SAMPLE_RATE, Utterance

MELS = 64
HOP = 160  # samples: a frame every 10 ms
WINDOW = 400  # samples: 25 ms
FFT = 512
FLOOR = 1e-5  # added to the mel power; below it is silence
AT_ONCE = 2 * 3600 * SAMPLE_RATE  # samples whose frames are held in memory together


class LogMel(nn.Module):
    """Waveforms to log-mel frames, standardised by statistics of public speech.

    It is made on the CPU, and `to` moves it. The statistics are buffers that `calibrate` fills
    once, from public speech only: statistics of private speech would leak outside the guarantee.
    `has_log_mel` says of a front end that its first columns are such frames.
    """

    has_log_mel: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        with torch.device("cpu"):  # torchaudio would make its filters wherever the default is
            self.transform = torchaudio.transforms.MelSpectrogram(
                SAMPLE_RATE, n_fft=FFT, win_length=WINDOW, hop_length=HOP, f_min=40.0, n_mels=MELS
            )
            self.register_buffer("mean", torch.zeros(MELS))
            self.register_buffer("scale", torch.ones(MELS))

    def raw(self, utterance: Utterance) -> Tensor:
        """Return the log-mel spectrogram (T, M) of one utterance, natural log, not standardised.

        It is where the statistics are, as everything that comes from here. Do not change it:
        others are given the same.
        """
        heard = HEARD.get(utterance)
        if heard is None or heard.device != self.mean.device:
            samples = torch.from_numpy(np.array(utterance.samples)).to(self.mean.device)
            heard = torch.log(self.transform(samples) + FLOOR).T
            HEARD.keep(utterance, heard)
        return heard

    def calibrate(self, public: Sequence[Utterance]) -> None:
        """Take mean and scale of every mel band from public speech."""
        if sum(u.size for u in public) <= AT_ONCE:
            frames = torch.cat([self.raw(u) for u in public])
            self.mean = frames.mean(0)
            self.scale = frames.std(0).clamp_min(1e-3)
            return
        # One utterance after the other. In double precision: sums of millions of squares.
        count, total, squares = 0, *torch.zeros(2, MELS, dtype=torch.float64, device="cpu")
        for u in public:
            frames = self.raw(u).cpu().double()
            count += len(frames)
            total = total + frames.sum(0)
            squares = squares + frames.square().sum(0)
        mean = total / count
        variance = (squares - count * mean.square()) / (count - 1)
        self.mean = mean.to(self.mean)
        self.scale = variance.clamp_min(0).sqrt().clamp_min(1e-3).to(self.scale)

    def forward(self, utterances: Sequence[Utterance]) -> tuple[Tensor, Tensor]:
        """Return standardised frames (B, T, M), padded with zeros, and the frame counts (B,)."""
        frames = [(self.raw(u) - self.mean) / self.scale for u in utterances]
        counts = torch.tensor([len(f) for f in frames], device=self.mean.device)
        return nn.utils.rnn.pad_sequence(frames, batch_first=True), counts
