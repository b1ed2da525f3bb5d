"""The picture: rows of spectrograms on common axes, each with its figures below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import librosa.display
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from attacks.base import Scores
from targets.speech.features import FFT, HOP, LogMel
from targets.speech.utterance import SAMPLE_RATE

DECIBELS_A_NEPER = 10 / np.log(10)  # of power: log-mel is the natural logarithm of power
SHOWN_DECIBELS = 60  # below the loudest of each picture
WIDTH, HEIGHT = 3.2, 4.0  # inches, of a spectrogram with its figures


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """Standardised log-mel frames (1, T, M), and how like the original they are."""

    title: str
    frames: Tensor
    figures: Mapping[str, Scores]


@dataclass(frozen=True, eq=False)
class Row:
    """Spectrograms side by side, and what they are."""

    title: str
    spectrograms: Sequence[Spectrogram]


def drawn(title: str, rows: Sequence[Row], features: LogMel, speakers: int) -> Figure:
    """Draw rows of spectrograms; `speakers` is among how many a voice is looked for."""
    columns = max(len(row.spectrograms) for row in rows)
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * len(rows)), layout="constrained")
    parts = figure.subfigures(len(rows), 1, squeeze=False, hspace=0.03)[:, 0]
    for part, row in zip(parts, rows, strict=True):
        part.suptitle(row.title, fontsize=11)
        # As many places in each row, so that what is alike stands in one column.
        places = part.subplots(1, columns, sharey=True, squeeze=False)[0]
        for axes, shown in zip(places, row.spectrograms, strict=False):
            _draw(axes, shown, features, speakers)
        for axes in places[len(row.spectrograms) :]:
            axes.set_axis_off()
    figure.suptitle(title, fontsize=13)
    return figure


def _draw(axes: Axes, shown: Spectrogram, features: LogMel, speakers: int) -> None:
    raw = shown.frames[0] * features.scale + features.mean
    power = raw.cpu().numpy().T * DECIBELS_A_NEPER
    librosa.display.specshow(
        power, sr=SAMPLE_RATE, hop_length=HOP, n_fft=FFT, fmin=40.0, fmax=SAMPLE_RATE / 2,
        x_axis="time", y_axis="mel", ax=axes,
        cmap="magma", vmin=power.max() - SHOWN_DECIBELS, vmax=power.max(),
    )  # fmt: skip
    axes.set_title(shown.title, fontsize=10)
    axes.label_outer()
    axes.set_xlabel(f"Time\n{told(shown.figures, speakers)}", fontsize=9, linespacing=1.5)


def told(figures: Mapping[str, Scores], speakers: int) -> str:
    """Return the figures of one reconstruction in words, one a line; what is missing is left out.

    First come those that the original has as well.
    """
    lines = {
        "heard_wer": "WER {:.0%}",
        "speaker_rank": f"voice ranked {{:.0f}} of {speakers}",
        "cosine": "cosine {:.2f}",
        "cepstral_distortion": "cepstral distortion {:.1f} dB",
        "stoi": "STOI {:.2f}",
    }
    values = {name: float(figures[name][0]) for name in lines if name in figures}
    return "\n".join(lines[n].format(value) for n, value in values.items() if np.isfinite(value))
