"""The embedded speech of the candidates: made while another worker trains the public start."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from leaderboard.experiment.experiment import SPEECH_JOB, Experiment
from leaderboard.game.build import speech_of
from targets.core.digests import digest_of
from targets.core.files import whole_file
from targets.speech.utterance import Corpus

DIGITS = 8  # of a digest, in the name of a file
SPLIT = "private"


@dataclass(frozen=True)
class PrivateSpeech:
    """Speech that the public start does not need and every cell does. See `SharedStage`.

    It lies in the cache, which may be another one on each machine. The file only says that it was
    made: a job that does not find it there makes it again.
    """

    experiment: Experiment

    id: ClassVar[str] = SPEECH_JOB
    kind: ClassVar[str] = "speech"
    weight: ClassVar[float] = 0.5
    needs: ClassVar[tuple[str, ...]] = ()

    @property
    def file(self) -> Path:
        """What says that it was made."""
        splits = self.experiment.conditions.speech.model_dump(mode="json")
        return self.experiment.out / "speech" / f"{SPLIT}-{digest_of(splits)[:DIGITS]}.json"

    def compute(self) -> None:
        """Make it."""
        made = speech_of(self.experiment.conditions, self.experiment.data, [SPLIT])[SPLIT]
        told = {"utterances": len(made), "digest": Corpus(SPLIT, tuple(made)).digest}
        with whole_file(self.file) as aside:
            aside.write_text(json.dumps(told), encoding="utf-8")
