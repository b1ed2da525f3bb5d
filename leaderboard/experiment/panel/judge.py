"""The recogniser that judges the panel: trained while another worker trains the public start."""

from __future__ import annotations

from pathlib import Path

from attacks.inversion.judge import independent_recognizer
from leaderboard.experiment.experiment import Experiment
from leaderboard.game import build
from leaderboard.jobs.job import Report
from targets.core.files import whole_file
from targets.core.progress import listening
from targets.synthetic.corpus import default_cache


def train_judge(marker: Path, experiment: Experiment, *, report: Report) -> None:
    """Train the judge on transcribed public speech, and keep it in the cache.

    The cache may be another one on each machine. `marker` only says that it was trained: who does
    not find it there trains it again.
    """
    with listening(report):
        public = build.public_speech(experiment.conditions, experiment.data)
        independent_recognizer([u for u in public if u.text], default_cache())
    with whole_file(marker) as aside:
        aside.touch()
