"""The picture: a place for each spectrogram, in columns, with its figures below."""

from __future__ import annotations

import numpy as np
import torch

from leaderboard.experiment.panel.picture import Row, Spectrogram, drawn, told
from targets.speech.features import MELS, LogMel


def spectrogram(title, **figures):
    frames = torch.rand(1, 20, MELS, generator=torch.Generator().manual_seed(0))
    return Spectrogram(title, frames, {name: np.array([value]) for name, value in figures.items()})


def test_rows_share_columns_and_what_is_missing_is_blank():
    rows = [
        Row("of a model", [spectrogram("original"), spectrogram("no DP", cosine=0.2)]),
        Row("of an update", [spectrogram(str(n), cosine=n / 10) for n in range(3)]),
    ]
    figure = drawn("a title", rows, LogMel(), 5)
    first, second = figure.subfigs
    assert [axes.get_title() for axes in first.axes if axes.axison] == ["original", "no DP"]
    assert [axes.get_title() for axes in second.axes] == ["0", "1", "2"]
    assert [len(part.axes) for part in figure.subfigs] == [3, 3]
    assert second.axes[2].get_xlabel() == "Time\ncosine 0.20"
    assert (first.get_suptitle(), second.get_suptitle()) == ("of a model", "of an update")


def test_figures_in_words():
    figures = {"cosine": 0.5, "speaker_rank": 2.0, "stoi": float("nan"), "heard_wer": 0.25}
    values = {name: np.array([value]) for name, value in figures.items()}
    assert told(values, 9) == "WER 25%\nvoice ranked 2 of 9\ncosine 0.50"
