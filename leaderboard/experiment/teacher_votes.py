"""Polls of PATE's teachers: one for all cells that differ in ε, noise or student alone."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from defenses.base import Defense, JsonValue, SharingDefense
from defenses.pate.teachers import TeacherVotes
from leaderboard.experiment.fingerprints import module_code
from leaderboard.experiment.start import recipe_from_start
from leaderboard.game.build import deal
from leaderboard.game.game import Game
from leaderboard.jobs.job import Report
from leaderboard.spec.paths import stamps
from leaderboard.spec.suite import Cell, digest_of
from targets.core.files import whole_file
from targets.core.progress import listening, stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Corpus

DIGITS = 8  # of a digest, in the name of a poll


def poll_of(defense: Defense) -> TeacherVotes | None:
    """Return the poll that a defense learns from; None where it asks no teachers."""
    shared = defense.shared_work if isinstance(defense, SharingDefense) else None
    return shared if isinstance(shared, TeacherVotes) else None


def poll_name(poll: TeacherVotes, target: str, seed: int) -> str:
    """Return a name that differs between polls of one suite."""
    return f"poll-{target}-seed{seed}-{digest_of(asdict(poll))[:DIGITS]}"


def ballots_file(poll: TeacherVotes, cell: Cell, out: Path, data: Path) -> Path:
    """Return where the ballots of a poll are kept, for all cells that share it.

    They are as private as the members.
    """
    conditions, target, seed = cell.conditions, cell.target, cell.seed
    content: Mapping[str, object] = {
        "conditions": conditions.digest,
        "stamps": stamps(conditions, data),
        "code": module_code("defenses", "pate.teachers"),
    }
    name = f"{poll_name(poll, target, seed)}-{digest_of(content)[:DIGITS]}.json"
    return out / "polls" / name


def take_poll(poll: TeacherVotes, cell: Cell, out: Path, data: Path, *, report: Report) -> None:
    """Train the teachers, count their votes, and keep them."""
    conditions, target, seed = cell.conditions, cell.target, cell.seed
    began = time.monotonic()
    with listening(report):
        with stage(0.0, 0.05):
            game = deal(conditions, seed, data)
            recipe = recipe_from_start(conditions, target, seed, out, data, game)
        rng = Randomness(seed).child("poll", target)
        with stage(0.05, 1.0):
            votes = poll.compute(recipe, game.members, game.public, rng)
    content = {
        "speech": _speech(game),
        **votes,
        "seconds": round(time.monotonic() - began, 1),
    }
    with whole_file(ballots_file(poll, cell, out, data)) as aside:
        aside.write_text(json.dumps(content), encoding="utf-8")


def load_ballots(
    poll: TeacherVotes, cell: Cell, out: Path, data: Path, game: Game
) -> tuple[dict[str, JsonValue], float]:
    """Return the ballots of a cell's poll, and the seconds it took.

    A plan has it taken before, for every cell that is sure to train. It is taken here where it is
    missing, or was of other speech: the name of the file changes with names, sizes and texts of
    the speech, not its sound.
    """
    file = ballots_file(poll, cell, out, data)
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if kept.get("speech") != _speech(game):
        take_poll(poll, cell, out, data, report=lambda _: None)
        kept = json.loads(file.read_text(encoding="utf-8"))
    return kept, kept["seconds"]


def _speech(game: Game) -> list[str]:
    return [Corpus("public", game.public).digest, Corpus("members", game.members).digest]
