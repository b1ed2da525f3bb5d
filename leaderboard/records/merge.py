"""Runs of different machines become one: records, weights, starts, submissions, attacks, audits."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leaderboard.records.attack_result import FOLDER as ATTACKS
from leaderboard.records.attack_result import read_result
from leaderboard.records.mechanism_audit import FOLDER as AUDITS
from leaderboard.records.record import Record
from leaderboard.records.run_folder import FOLDER, Stored, read_history
from leaderboard.records.store import RecordError
from leaderboard.spec.paths import weights_digest, weights_file
from targets.core.files import PARTIAL, whole_file

STARTS, SUBMISSIONS = "starts", "submissions"


@dataclass(frozen=True)
class Chain:
    """The records of one cell in one run, each superseding the one before."""

    run: Path
    stored: list[Stored]

    @property
    def digests(self) -> list[str]:
        """The records' digests, in order."""
        return [stored.digest for stored in self.stored]

    @property
    def last(self) -> Record:
        """The record that counts."""
        return self.stored[-1].record

    @property
    def failed(self) -> bool:
        """Whether nothing has succeeded yet."""
        return all(stored.record.status == "failed" for stored in self.stored)


def merge_runs(runs: Sequence[Path], out: Path) -> int:
    """Join runs in the folder `out`, which may hold some already; return how many cells it has.

    Raises:
        RecordError: conditions differ, or two runs have records or files that contradict; nothing
            is written then.
    """
    if not (out / FOLDER).is_dir() and any(out.glob("*.json")):
        raise RecordError(f"{out}: its records lie flat, and none can be added: name a new --out")
    sources = [out, *runs] if (out / FOLDER).is_dir() else list(runs)
    chosen = _chosen(sources)
    files = [pair for chain in chosen for pair in _of_chain(chain, out)]
    for run in sources:
        for folder in (STARTS, SUBMISSIONS, ATTACKS, AUDITS):
            files += [(path, out / path.relative_to(run)) for path in _whole_files(run / folder)]
    # Records last: whoever sees one finds all that it needs, also after a crash.
    for place, source in sorted(_one_each(files).items(), key=lambda p: p[0].parent.name == FOLDER):
        _copy(source, place)
    return len(chosen)


def _chosen(runs: Iterable[Path]) -> list[Chain]:
    """Return for each cell the records that count.

    Raises:
        RecordError: one line for each cell that two runs have and neither continues the other.
    """
    conditions: str | None = None
    best: dict[str, Chain] = {}
    conflicts = []
    for run in runs:
        for chain in _chains(run, conditions):
            conditions = chain.last.cell.conditions.digest
            name = chain.last.cell.id
            other = best.setdefault(name, chain)
            longer, shorter = sorted((other, chain), key=lambda c: -len(c.stored))
            if longer.digests[: len(shorter.stored)] == shorter.digests:
                best[name] = longer
            elif other.failed or chain.failed:
                best[name] = chain if other.failed else other
            else:
                conflicts.append(
                    f"{name}: {other.run} and {run} have records of their own: "
                    f"keep one of them (`overheard verify` tells whether they agree)"
                )
    if conflicts:
        raise RecordError("\n".join(conflicts))
    return list(best.values())


def _chains(run: Path, conditions: str | None) -> list[Chain]:
    """Return the records of each cell of a run, also where they lie flat, as published ones do."""
    ends = read_history(run, conditions)
    by_digest = {stored.digest: stored for stored in ends}
    superseded = {stored.record.supersedes for stored in ends}
    chains = []
    for end in ends:
        if end.digest not in superseded:
            links = [end]
            while before := links[0].record.supersedes:
                links.insert(0, by_digest[before])
            chains.append(Chain(run, links))
    return chains


def _of_chain(chain: Chain, out: Path) -> list[tuple[Path, Path]]:
    record, cell = chain.last, chain.last.cell
    pairs = [(stored.path, out / FOLDER / stored.path.name) for stored in chain.stored]
    weights, digest = weights_file(chain.run, cell), weights_digest(chain.run, cell)
    if digest is None:
        return pairs
    if record.weights not in (None, digest):
        raise RecordError(f"{weights}: not the weights that the record of {cell.id} is about")
    return [(weights, weights_file(out, cell)), *pairs]


def _whole_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(PARTIAL))


def _one_each(files: Iterable[tuple[Path, Path]]) -> dict[Path, Path]:
    """Return the file for each place: of starts and audits, where any will do, the first.

    Raises:
        RecordError: two differ that may not; names both.
    """
    home: dict[Path, Path] = {}
    for source, place in files:
        other = home.setdefault(place, source)
        if place.parent.name in (STARTS, AUDITS) or filecmp.cmp(source, other, shallow=False):
            continue
        if ATTACKS in place.parts and "failed" in (
            status := [read_result(p).status for p in (other, source)]
        ):
            home[place] = source if status[0] == "failed" else other
            continue
        raise RecordError(f"{source} and {other} differ: keep one of them")
    return home


def _copy(source: Path, place: Path) -> None:
    if place.exists() and (place.samefile(source) or filecmp.cmp(source, place, shallow=False)):
        return
    with whole_file(place) as aside:
        shutil.copyfile(source, aside)
