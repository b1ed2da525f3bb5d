"""`overheard merge`: runs made on different machines become one."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.atomic import PARTIAL, whole_file
from leaderboard.layout import weights_file
from leaderboard.record import FOLDER, Record, RecordError, history, read_records
from leaderboard.strongest import FOLDER as ATTACKS
from leaderboard.strongest import read_siege

STARTS, SUBMISSIONS = "starts", "submissions"


@dataclass(frozen=True)
class Chain:
    """The records of one cell in one run, each superseding the one before."""

    run: Path
    records: list[Record]

    @property
    def digests(self) -> list[str]:
        """The records' digests, in order."""
        return [record.digest for record in self.records]

    @property
    def failed(self) -> bool:
        """Whether nothing has succeeded yet."""
        return all(record.status == "failed" for record in self.records)


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="The folders of runs.")],
    out: Annotated[Path, typer.Option(help="The folder of all of them; it may have some already.")],
) -> None:
    """Join runs made under the same conditions, with their weights and submissions."""
    sources = [out, *runs] if (out / FOLDER).is_dir() else list(runs)
    chosen = _chosen(sources)
    files = [pair for chain in chosen for pair in _of_chain(chain, out)]
    for run in sources:
        for folder in (STARTS, SUBMISSIONS, ATTACKS):
            files += [(path, out / path.relative_to(run)) for path in _whole_files(run / folder)]
    # Records last: whoever sees one finds all that it needs, also after a crash.
    for place, source in sorted(_one_each(files).items(), key=lambda p: p[0].parent.name == FOLDER):
        _copy(source, place)
    typer.echo(f"{out}: {len(chosen)} cells, from {', '.join(map(str, runs))}")


def _chosen(runs: Iterable[Path]) -> list[Chain]:
    """Return for each cell the records that count.

    Raises:
        RecordError: one line for each cell that two runs have and neither continues the other.
    """
    conditions: str | None = None
    best: dict[str, Chain] = {}
    conflicts = []
    for run in runs:
        for record in read_records(run, conditions):
            conditions = record.cell.conditions.digest
            chain = Chain(run, history(run, record.cell))
            other = best.setdefault(record.cell.id, chain)
            longer, shorter = sorted((other, chain), key=lambda c: -len(c.records))
            if longer.digests[: len(shorter.records)] == shorter.digests:
                best[record.cell.id] = longer
            elif other.failed or chain.failed:
                best[record.cell.id] = chain if other.failed else other
            else:
                conflicts.append(
                    f"{record.cell.id}: {other.run} and {run} have records of their own: "
                    f"keep one of them (`overheard verify` tells whether they agree)"
                )
    if conflicts:
        raise RecordError("\n".join(conflicts))
    return list(best.values())


def _of_chain(chain: Chain, out: Path) -> list[tuple[Path, Path]]:
    cell = chain.records[-1].cell
    names = [f"{cell.id}.json"]
    names += [f"{cell.id}.{number}.json" for number in range(2, len(chain.records) + 1)]
    pairs = [(chain.run / FOLDER / name, out / FOLDER / name) for name in names]
    weights = weights_file(chain.run, cell)
    return [(weights, weights_file(out, cell)), *pairs] if weights.exists() else pairs


def _whole_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(PARTIAL))


def _one_each(files: Iterable[tuple[Path, Path]]) -> dict[Path, Path]:
    """Return the file for each place: of public starts, where any will do, the first.

    Raises:
        RecordError: two differ that may not; names both.
    """
    home: dict[Path, Path] = {}
    for source, place in files:
        other = home.setdefault(place, source)
        if place.parent.name == STARTS or filecmp.cmp(source, other, shallow=False):
            continue
        if ATTACKS in place.parts and "failed" in (
            status := [read_siege(p).status for p in (other, source)]
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
