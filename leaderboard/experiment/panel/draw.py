"""The spectrogram panel: one training utterance beside what each model gives away of it.

The second picture is the control: what the attack begins with, before it sees any model. The sounds
of all but the control lie beside the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import librosa.display
import numpy as np
import soundfile
from matplotlib.figure import Figure

from attacks.base import Scores
from attacks.canaries.canary import CANARY
from attacks.inversion.descent import Inversion
from attacks.inversion.metrics import Likeness
from attacks.inversion.prior import SpeechPrior, spectrograms
from attacks.inversion.vocoder import sound
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.panel.cells import KEY, sound_file
from leaderboard.experiment.train import load_recognizer
from leaderboard.jobs.job import Report
from leaderboard.spec.cell import Cell
from leaderboard.spec.paths import panel_file
from targets.core.files import whole_file
from targets.core.progress import listening
from targets.core.progress import report as tell
from targets.speech.features import FFT, HOP
from targets.speech.utterance import SAMPLE_RATE, Samples

DECIBELS_A_NEPER = 10 / np.log(10)  # of power: log-mel is the natural logarithm of power
SHOWN_DECIBELS = 60  # below the loudest of each picture


def draw_panel(cells: Sequence[Cell], key: str, experiment: Experiment, *, report: Report) -> None:
    """Invert every cell's model for one member's transcript and draw them side by side.

    `key` says what is drawn, and goes into the picture. The sounds are written first: where the
    picture is, they are.
    """
    game, recipe, out = experiment.game, experiment.recipe, experiment.out
    rng = experiment.rng("panel")
    plain = [m for m in game.members if CANARY not in m.attributes]
    chosen = min(plain, key=lambda m: rng.child(m.id).integer())
    attacks = experiment.conditions.attacks
    options = next((a.options for a in attacks if a.name == "inversion"), {})
    attack = Inversion(**options)
    start = recipe.build()
    features = start.logmel
    truth, counts = features([chosen])
    public = [u for u in game.public if u.text]
    ruler = Likeness.of(features, public, game.candidates, [chosen], rng)
    prior = SpeechPrior.learn(spectrograms(start, public), attack.components)
    mean = prior.mean(counts)
    best = ruler.of_originals([chosen])
    pictures = [
        ("original", truth[0], _told(best, len(ruler.speakers))),
        (
            "mean speaker, no model",
            mean[0],
            _told(ruler.figures(mean, counts, [chosen]), len(ruler.speakers)),
        ),
    ]
    _write_sound(sound_file(out, None), chosen.samples)
    with listening(report):
        for number, cell in enumerate(cells):
            guess = attack.reconstruct(load_recognizer(experiment, cell), [chosen], prior, rng)
            name = "no DP" if cell.epsilon is None else f"{cell.label}, ε = {cell.epsilon:g}"
            figures = ruler.figures(guess, counts, [chosen])
            pictures.append((name, guess[0], _told(figures, len(ruler.speakers))))
            raw = guess[0] * features.scale + features.mean
            _write_sound(sound_file(out, cell), sound(raw.double().numpy()))
            tell((number + 1) / len(cells))
    figure = Figure(figsize=(3.2 * len(pictures), 4.0), layout="constrained")
    for axes, (title, picture, told) in zip(
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
        axes.set_xlabel(f"Time\n{told}", fontsize=9, linespacing=1.5)
    figure.suptitle(f"“{chosen.text}”, a training utterance of {cells[0].target}", fontsize=11)
    with whole_file(panel_file(out)) as aside:
        figure.savefig(aside, format="png", dpi=120, metadata={KEY: key})


def _told(figures: Mapping[str, Scores], speakers: int) -> str:
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


def _write_sound(file: Path, samples: Samples) -> None:
    loudest = max(float(np.abs(samples).max(initial=0.0)), 1.0)  # a wild guess must not be cut
    with whole_file(file) as aside:
        soundfile.write(aside, samples / loudest, SAMPLE_RATE, format="WAV", subtype="PCM_16")
