"""What several settings of one scheme share, such as the votes of PATE's teachers.

One file serves all cells that differ in ε, noise or student alone. It is as private as the members:
no noise has been added yet.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from defenses.base import SharedWork
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.fingerprints import module_code
from leaderboard.game.game import Game
from targets.core.digests import digest_of
from targets.core.files import whole_file
from targets.core.progress import listening, stage
from targets.speech.utterance import Corpus

DIGITS = 8  # of a digest, in the name of a file


@dataclass(frozen=True)
class SchemeWork:
    """The work of one scheme that needs the members. See `SharedStage`."""

    experiment: Experiment
    work: SharedWork

    kind: ClassVar[str] = "poll"  # the key of its seconds in records, from when PATE alone had some
    weight: ClassVar[float] = 1.0

    @property
    def id(self) -> str:
        """Name of its job."""
        settings = digest_of(asdict(self.work))[:DIGITS]  # type: ignore[call-overload]
        return f"{self.work.name}-{self.experiment.name}-{settings}"

    @property
    def needs(self) -> tuple[str, ...]:
        """It begins at the public start."""
        return self.experiment.first_jobs

    @property
    def file(self) -> Path:
        """Where it is kept, for all cells that share it."""
        content: Mapping[str, object] = {
            "conditions": self.experiment.conditions.digest,
            "stamps": self.experiment.stamps,
            "code": module_code(type(self.work).__module__),
        }
        name = f"{self.id}-{digest_of(content)[:DIGITS]}.json"
        return self.experiment.out / self.work.name / name

    def compute(self) -> None:
        """Do the work, and keep it."""
        began = time.monotonic()
        with stage(0.0, 0.05):
            game, recipe = self.experiment.game, self.experiment.recipe
        rng = self.experiment.rng("poll", self.experiment.target)
        with stage(0.05, 1.0):
            found = self.work.compute(recipe, game.members, game.public, rng)
        content = {
            "speech": _speech(game),
            "found": found,
            "seconds": round(time.monotonic() - began, 1),
        }
        with whole_file(self.file) as aside:
            aside.write_text(json.dumps(content), encoding="utf-8")

    def load(self) -> tuple[Mapping[str, Any], float]:
        """Return what was found, and the seconds that it took.

        A plan has it computed before, for every cell that is sure to train. It is computed here
        where it is missing, or was of other speech: the name of the file changes with names, sizes
        and texts of the speech, not its sound.
        """
        kept = self._read()
        if kept.get("speech") != _speech(self.experiment.game):
            with listening(None):
                self.compute()
            kept = self._read()
        return kept["found"], kept["seconds"]

    def _read(self) -> dict[str, Any]:
        return json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}


def _speech(game: Game) -> list[str]:
    return [Corpus("public", game.public).digest, Corpus("members", game.members).digest]
