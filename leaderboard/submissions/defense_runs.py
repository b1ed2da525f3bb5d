"""The cells of a submission: the suite's targets and seeds, trained by what was submitted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from defenses.registry import SCHEMES
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.plan import cell_jobs
from leaderboard.experiment.train import run_cell
from leaderboard.jobs.job import Job, Named, Report
from leaderboard.records.record import failed_record
from leaderboard.records.run_folder import history, write_record
from leaderboard.spec.cell import SUBMISSION, Cell
from leaderboard.spec.fields import NAME
from leaderboard.spec.paths import submitted_file
from leaderboard.spec.suite import Suite
from leaderboard.submissions.limits import DisqualifiedError
from leaderboard.submissions.sandboxed import SandboxedDefense
from leaderboard.submissions.submission import Submission, SubmissionError, check_source
from targets.core.files import whole_file


def label_of(submission: Submission, name: str | None) -> str:
    """Return the name of a submission's rows: the one given, or the class's in small letters.

    Raises:
        SubmissionError: it is not fit for a file name, or the name of a built-in scheme.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", submission.name)
    label = name or words.strip("_").replace("_", "-").lower()
    if not re.fullmatch(NAME, label) or label in SCHEMES:
        raise SubmissionError(
            f"{label}: no name for an entry: small letters, digits, dots and dashes, and none of "
            f"{', '.join(SCHEMES.names())}; give another with --name"
        )
    return label


def submitted_cells(
    suite: Suite, submission: Submission, label: str, seeds: Iterable[int]
) -> list[Cell]:
    """Return the cells of a submission under a suite's conditions.

    Raises:
        SubmissionError: the suite has a cell of that name.
    """
    cells = [
        Cell(
            suite=suite.name,
            conditions=suite.conditions,
            target=target,
            scheme=SUBMISSION,
            label=label,
            epsilon=None,
            options={
                "file": submission.file,
                "sha256": submission.sha256,
                "class": submission.name,
                "settings": dict(submission.settings),
            },
            seed=seed,
        )
        for target in suite.targets
        for seed in seeds
    ]
    taken = {cell.id for cell in suite.cells()} & {cell.id for cell in cells}
    if taken:
        raise SubmissionError(f"the suite has a {min(taken)} of its own: give another --name")
    return cells


def refuse_taken(cells: Iterable[Cell], out: Path) -> None:
    """Check that no other submission has results under the names of some cells.

    Raises:
        SubmissionError: one has; it would be superseded, and nobody would see it.
    """
    for cell in cells:
        for record in history(out, cell)[-1:]:
            if record.status != "failed" and record.cell.options != cell.options:
                other = record.cell.options
                raise SubmissionError(
                    f"{cell.id}: an entry of {out} already, of {other['file']}:{other['class']} "
                    f"with another content or other settings: give yours another --name, or let "
                    f"it correct that one with --supersede"
                )


def submission_of(cell: Cell, home: Path, file: Path | None = None) -> Submission:
    """Return what trained a cell: from `file`, or from what a run keeps in its folder `home`.

    Raises:
        SubmissionError: it is not there, or not the one that was recorded.
    """
    options: Mapping[str, Any] = cell.options
    place = file or submitted_file(home, options["sha256"])
    try:
        source = place.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        raise SubmissionError(
            f"{place}: cannot be read; name the file of {options['file']} with --submission"
        ) from None
    submission = Submission(
        options["file"], source, options["class"], "defense", options["settings"]
    )
    if submission.sha256 != options["sha256"]:
        raise SubmissionError(f"{place}: is not the {options['file']} that was recorded")
    check_source(submission)
    return submission


def keep(submission: Submission, out: Path) -> None:
    """Put a submission's file beside the records that it will be named in."""
    place = submitted_file(out, submission.sha256)
    if not place.exists():
        with whole_file(place) as aside:
            aside.write_text(submission.source, encoding="utf-8", newline="")


def submitted_jobs(
    cells: Iterable[Cell],
    sandboxed: SandboxedDefense,
    out: Path,
    data: Path,
    device: str = "cpu",
) -> list[Job]:
    """Return the jobs of a submission's cells, and of what those still to run need.

    What is submitted runs on the CPU; start, references and attacks on the device.
    """
    work = Named("leaderboard.submissions.defense_runs", "run_submitted")
    return cell_jobs(list(cells), out, data, device, function=work, more=(sandboxed,))


def run_submitted(
    cell: Cell, experiment: Experiment, sandboxed: SandboxedDefense, *, report: Report
) -> None:
    """Train, attack and measure one cell of a submission, and write its record.

    What the rules forbid ends in a record too: it is an outcome, and is not tried again.
    """
    try:
        run_cell(cell, experiment, report=report, defense=sandboxed)
    except DisqualifiedError as error:
        record = failed_record(cell, str(error), "disqualified")
        write_record(record, experiment.out, correction=True)
