"""What teachers voted, and what labels came of it, where a run keeps votes beside its records.

Votes are private: no noise has been added to them. Records hold none of them, so that agreement is
known of a run alone that still has its folder `teacher-votes`, or of one whose votes were published
with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.records.record import Record
from leaderboard.records.run_folder import FOLDER
from leaderboard.spec.cell import Cell

VOTES = "teacher-votes"  # below the folder of a run
NOT_KEPT = f"records hold no votes, and there is no folder {VOTES} beside them"


@dataclass(frozen=True)
class KeptVotes:
    """The votes of one row, in the order in which they were asked.

    `counts` holds (K,) votes of `teachers` for each of Q queries; `found` is all that was kept, as
    the scheme wrote it.
    """

    counts: Sequence[NDArray[np.int64]]
    teachers: int
    found: dict[str, Any]

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share (Q,) of the teachers that voted for the most voted hypothesis."""
        return np.array([votes.max() / self.teachers for votes in self.counts])

    @property
    def leads(self) -> NDArray[np.float64]:
        """By how many votes (Q,) it leads the next; all of them where it is alone."""
        ordered = [np.sort(np.append(votes, 0))[::-1] for votes in self.counts]
        return np.array([float(votes[0] - votes[1]) for votes in ordered])

    @property
    def table(self) -> NDArray[np.int64]:
        """The votes (Q, K) as one table, shorter lists filled with hypotheses nobody voted for."""
        widest = max(len(votes) for votes in self.counts)
        return np.array([np.pad(votes, (0, widest - len(votes))) for votes in self.counts])


Errors = NDArray[np.int64]  # (Q, 2): word errors, and words said


@dataclass(frozen=True)
class LabelErrors:
    """Word errors of answered queries, in the order in which they were asked.

    Of what the votes made of them, of what would be believed without a vote, and of the best text
    that could be voted for.
    """

    voted: Errors
    unvoted: Errors
    listed: Errors


def kept_votes(folder: Path, record: Record) -> KeptVotes | str:
    """Return the votes that a row was made of; or why they are not known.

    `folder` is that of the run, or the one that holds its records.
    """
    home = folder.parent if folder.name == FOLDER else folder
    if not (home / VOTES).is_dir():
        return NOT_KEPT
    files = sorted((home / VOTES).glob(f"{_job(record.cell)}-*.json"))
    if len(files) != 1:
        return f"{len(files)} files in {VOTES} are of its settings"
    try:
        found = json.loads(files[0].read_text(encoding="utf-8"))["found"]
        counts = [np.array(votes, dtype=np.int64) for votes in found["counts"]]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{files[0].name} holds no votes"
    queries, teachers = int(str(record.notes["votes"])), int(str(record.notes["teachers"]))
    counts = counts[:queries]
    if len(counts) < queries or any(not c.size or c.sum() != teachers for c in counts):
        return f"{files[0].name} is not of {teachers} teachers and {queries} queries"
    return KeptVotes(counts, teachers, found)


def _job(cell: Cell) -> str:
    """Return how the file begins that a run would keep the votes of a cell in."""
    # Here, because they import torch, which a folder without votes does not need.
    from defenses.base import SharingDefense
    from leaderboard.experiment.choices import defense_of
    from leaderboard.experiment.experiment import Experiment
    from leaderboard.experiment.stages.scheme_work import SchemeWork

    defense = defense_of(cell)
    assert isinstance(defense, SharingDefense)
    return SchemeWork(Experiment.of(cell, Path(), Path()), defense.shared_work).id
