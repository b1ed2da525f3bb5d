"""How long jobs will take, from the seconds that similar cells took, as their records tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from leaderboard.experiment.pending import Pending
from leaderboard.records import provenance
from leaderboard.records.record import Record
from leaderboard.records.run_folder import FOLDER, read_records
from leaderboard.spec.cell import Cell

if TYPE_CHECKING:
    from leaderboard.experiment.shared_stage import SharedStage

A_PHRASE = 0.01  # seconds to make an utterance
TRAINING = ("speech", "training", "transcribing")  # the stages before the attacks


@dataclass(frozen=True)
class Memory:
    """A record and where it is kept."""

    record: Record
    place: str
    here: bool


@dataclass(frozen=True)
class Duration:
    """Seconds, None where nothing similar is on record, and in words what they rest on."""

    seconds: float | None
    basis: str


def memories(out: Path) -> list[Memory]:
    """Return the records of a folder, and those that come with overheard."""
    found = []
    if any((out / FOLDER).glob("*.json")):
        found += [Memory(record, "this folder", True) for record in read_records(out)]
    for folder in sorted(Path(str(files("leaderboard") / "published")).iterdir()):
        found += [Memory(r, f"published {folder.name}", False) for r in read_records(folder)]
    return found


def duration_of_cell(cell: Cell, left: Pending, known: Sequence[Memory]) -> Duration:
    """Return how long what remains of a cell will take.

    Each stage is taken from the records that are most like the cell: of the same scheme, target,
    conditions and folder, in this order. It is scaled by the training utterances and epochs, or by
    the candidates, where both are known; other processors are named, not scaled for.
    """
    stages = [] if left.trained else list(TRAINING)
    return _duration(cell, [*stages, *left.attacks], known)


def duration_of_stage(stage: SharedStage, cell: Cell, known: Sequence[Memory]) -> Duration:
    """Return how long what a cell shares with others will take.

    A public start takes as long as training without DP, scaled; making speech what it took where it
    was measured; of any other stage records tell.
    """
    if stage.kind == "start":
        return _duration_of_start(cell, known)
    if stage.kind == "speech":
        return Duration(A_PHRASE * (_candidates(cell) or 0), "10 ms an utterance, see docs/cost.md")
    return _duration(cell, [stage.kind], known)


def _duration_of_start(cell: Cell, known: Sequence[Memory]) -> Duration:
    conditions, public = cell.conditions, cell.conditions.speech.public
    heard = public.utterances if public.transcribed is None else public.transcribed
    open_ = [m for m in known if m.record.cell.scheme == "none" and "training" in m.record.seconds]
    same = [m for m in open_ if m.record.cell.target == cell.target] or open_
    near = [m for m in same if m.here] or same
    if not near or heard is None:
        return Duration(None, "no record tells how long a start takes")
    # Half the candidates are trained on.
    work = [sum(m.record.coins.values()) * m.record.cell.conditions.training.epochs for m in near]
    scales = [heard * conditions.training.public_epochs / max(w, 1) for w in work]
    basis = _Basis()
    basis.add(near, scales)
    pairs = zip(scales, near, strict=True)
    seconds = mean(scale * memory.record.seconds["training"] for scale, memory in pairs)
    return Duration(seconds, f"training without DP: {basis}")


def elapsed(jobs: Sequence[tuple[str, float, tuple[str, ...]]], workers: int) -> float:
    """Return when the last of the jobs (name, seconds, needs), each listed after its needs, ends.

    A free worker begins the first in the list whose needs have ended, as in a run.
    """
    free, ends, waiting = [0.0] * workers, dict[str, float](), list(jobs)
    listed = {name for name, _, _ in jobs}
    while waiting:
        ready = [
            (max([min(free), *(ends[n] for n in needs if n in listed)]), place)
            for place, (_, _, needs) in enumerate(waiting)
            if all(n in ends for n in needs if n in listed)
        ]
        begin, place = min(ready)
        name, seconds, _ = waiting.pop(place)
        ends[name] = free[free.index(min(free))] = begin + seconds
    return max(ends.values(), default=0.0)


def _duration(cell: Cell, stages: Sequence[str], known: Sequence[Memory]) -> Duration:
    total, missing, basis = 0.0, [], _Basis()
    for stage in stages:
        alike = _most_alike(cell, stage, known)
        if not alike:
            missing.append(stage)
            continue
        scales = [_scale(cell, memory.record, stage) for memory in alike]
        times = [memory.record.seconds[stage] for memory in alike]
        total += mean(scale * time for scale, time in zip(scales, times, strict=True))
        basis.add(alike, scales)
    if missing:
        return Duration(None, f"no record tells how long this takes: {', '.join(missing)}")
    return Duration(total, str(basis))


def _most_alike(cell: Cell, stage: str, known: Sequence[Memory]) -> list[Memory]:
    def likeness(memory: Memory) -> tuple[bool, ...]:
        other = memory.record.cell
        return (
            other.scheme == cell.scheme,
            other.target == cell.target,
            other.conditions.digest == cell.conditions.digest,
            memory.here,
        )

    timed = [memory for memory in known if stage in memory.record.seconds]
    best = max(map(likeness, timed), default=())
    return [memory for memory in timed if likeness(memory) == best]


def _scale(cell: Cell, record: Record, stage: str) -> float:
    ours, theirs = _candidates(cell), _candidates(record.cell)
    if ours is None or theirs is None:
        return 1.0
    if stage == "training":
        ours *= cell.options.get("epochs", cell.conditions.training.epochs)
        theirs *= record.cell.options.get("epochs", record.cell.conditions.training.epochs)
    return ours / theirs


def _candidates(cell: Cell) -> int | None:
    private = cell.conditions.speech.private.utterances
    return None if private is None else private + cell.conditions.canaries.count


class _Basis:
    """What an estimate rests on, in words."""

    def __init__(self) -> None:
        self.records: set[tuple[str, str]] = set()
        self.processors: set[str] = set()
        self.scaled = False

    def add(self, memories: Sequence[Memory], scales: Sequence[float]) -> None:
        self.records |= {(memory.place, memory.record.cell.id) for memory in memories}
        self.processors |= {memory.record.hardware.cpu for memory in memories}
        self.scaled |= any(scale != 1 for scale in scales)

    def __str__(self) -> str:
        return ", ".join(self._parts()) or "nothing to compute"

    def _parts(self) -> Iterator[str]:
        for place in sorted({place for place, _ in self.records}):
            count = sum(p == place for p, _ in self.records)
            yield f"{count} record{'s' if count > 1 else ''} of {place}"
        if self.scaled:
            yield "scaled"
        for other in sorted(self.processors - {provenance.cpu()}):
            yield f"on another processor ({other})"
