"""The spectrogram panel: one training utterance beside what each model gives away of it.

The second picture is the control: what the attack begins with, before it sees any model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import librosa.display
import numpy as np
from matplotlib.figure import Figure

from attacks.canary import CANARY
from attacks.inversion import Inversion, cosines, mean_spectrogram
from leaderboard.atomic import whole_file
from leaderboard.cell import load_recognizer
from leaderboard.corpora import deal
from leaderboard.jobs import Report
from leaderboard.layout import panel_file
from leaderboard.panel_plan import KEY
from leaderboard.start import recipe_from_start
from leaderboard.suite import Cell
from targets.features import FFT, HOP
from targets.progress import listening
from targets.progress import report as tell
from targets.randomness import Randomness
from targets.speech import SAMPLE_RATE

DECIBELS_A_NEPER = 10 / np.log(10)  # of power: log-mel is the natural logarithm of power
SHOWN_DECIBELS = 60  # below the loudest of each picture


def draw_panel(cells: Sequence[Cell], key: str, out: Path, data: Path, *, report: Report) -> None:
    """Invert every cell's model for one member's transcript and draw them side by side.

    `key` says what is drawn, and goes into the picture.
    """
    conditions, seed = cells[0].conditions, cells[0].seed
    game = deal(conditions, seed, data)
    rng = Randomness(seed).child("panel")
    plain = [m for m in game.members if CANARY not in m.attributes]
    chosen = min(plain, key=lambda m: rng.child(m.id).integer())
    options = next((a.options for a in conditions.attacks if a.name == "inversion"), {})
    attack = Inversion(**options)
    recipe = recipe_from_start(conditions, cells[0].target, seed, out, data, game)
    features = recipe.build().logmel
    truth, counts = features([chosen])
    public = [u for u in game.public if u.text]
    mean = mean_spectrogram(recipe.build(), public, counts)
    prior = float(cosines(mean, truth, counts)[0])
    pictures = [
        ("original", truth[0]),
        (f"mean speaker, no model\ncosine {prior:.2f}", mean[0]),
    ]
    with listening(report):
        for number, cell in enumerate(cells):
            guess = attack.reconstruct(load_recognizer(recipe, out, cell), [chosen], mean)
            cosine = float(cosines(guess, truth, counts)[0])
            name = "no DP" if cell.epsilon is None else f"{cell.label}, ε = {cell.epsilon:g}"
            pictures.append((f"{name}\ncosine {cosine:.2f}", guess[0]))
            tell((number + 1) / len(cells))
    figure = Figure(figsize=(3.2 * len(pictures), 3.2), layout="constrained")
    for axes, (title, picture) in zip(
        np.atleast_1d(figure.subplots(1, len(pictures), sharey=True)), pictures, strict=True
    ):
        power = (picture * features.scale + features.mean).numpy().T * DECIBELS_A_NEPER
        librosa.display.specshow(
            power, sr=SAMPLE_RATE, hop_length=HOP, n_fft=FFT, fmin=40.0, fmax=SAMPLE_RATE / 2,
            x_axis="time", y_axis="mel", ax=axes,
            cmap="magma", vmin=power.max() - SHOWN_DECIBELS, vmax=power.max(),
        )  # fmt: skip
        axes.set_title(title, fontsize=10)
        axes.label_outer()
    figure.suptitle(f"“{chosen.text}”, a training utterance of {cells[0].target}", fontsize=11)
    with whole_file(panel_file(out)) as aside:
        figure.savefig(aside, format="png", dpi=120, metadata={KEY: key})
