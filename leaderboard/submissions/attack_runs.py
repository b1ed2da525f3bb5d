"""A submitted attack on the weights that a run has kept, cell by cell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attacks.base import view_of
from attacks.statistics.verdict import verdict
from defenses.accounting.event_text import noise_kind_of_text
from leaderboard.experiment import measure
from leaderboard.experiment.choices import recipe_as_begun
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.fingerprints import submission_code
from leaderboard.experiment.train import load_recognizer
from leaderboard.jobs.job import Job, Named, Report
from leaderboard.records.attack_result import (
    ERROR,
    SPARE,
    AttackResult,
    read_result,
    read_results,
    result_file,
    write_result,
)
from leaderboard.records.record import Record
from leaderboard.spec.paths import weights_digest, weights_file
from leaderboard.submissions.defense_runs import label_of
from leaderboard.submissions.limits import DisqualifiedError, Limits
from leaderboard.submissions.sandboxed import SandboxedAttack
from leaderboard.submissions.submission import Submission
from targets.core.errors import OverheardError
from targets.core.progress import listening


def attack_jobs(
    records: Sequence[Record],
    submission: Submission,
    name: str | None,
    out: Path,
    data: Path,
    device: str = "cpu",
    *,
    limits: Limits,
    trust: bool,
) -> list[Job]:
    """Return the jobs of an attack: one for each entry of a run whose weights are there.

    Raises:
        OverheardError: there is none.
    """
    entry: dict[str, Any] = {
        "attack": label_of(submission, name),
        "file": submission.file,
        "sha256": submission.sha256,
        "name": submission.name,
        "settings": dict(submission.settings),
        "fingerprint": submission_code(submission.source),
    }
    known = read_results(out)
    earlier = [s.number for s in known if {key: getattr(s, key) for key in entry} == entry]
    number = earlier[0] if earlier else 1 + max((s.number for s in known), default=0)
    jobs = []
    for record in records:
        weights = weights_digest(out, record.cell)
        if record.status not in ("ok", "falsified") or weights is None:
            continue
        if record.weights not in (None, weights):
            raise OverheardError(
                f"{weights_file(out, record.cell)}: not the weights that the record of "
                f"{record.cell.id} is about; `overheard run` trains them again"
            )
        begun = AttackResult(
            **entry,
            number=number,
            cell=record.cell.id,
            training_digest=record.cell.training_digest,
            weights=weights,
            status="failed",
            reason="not reached",
        )
        jobs.append(
            Job(
                id=f"{begun.attack}-on-{record.cell.id}",
                function=Named("leaderboard.submissions.attack_runs", "run_attack"),
                arguments=(
                    begun,
                    record,
                    submission,
                    limits,
                    trust,
                    Experiment.of(record.cell, out, data, device),
                ),
                finished=partial(attacked, out, begun),
                on_failure=partial(_note_failure, begun, out),
            )
        )
    if not jobs:
        raise OverheardError(f"{out}: holds no weights to attack; `overheard run` keeps them there")
    return jobs


def attacked(out: Path, begun: AttackResult) -> bool:
    """Return whether an attack has had its turn on a cell."""
    path = result_file(out, begun)
    if not path.exists():
        return False
    return read_result(path).status != "failed"


def run_attack(
    begun: AttackResult,
    record: Record,
    submission: Submission,
    limits: Limits,
    trust: bool,
    experiment: Experiment,
    *,
    report: Report,
) -> None:
    """Run an attack on the weights of a cell, and write what it found."""
    cell, out, began = record.cell, experiment.out, time.monotonic()
    assert record.guarantee is not None
    game, target = experiment.game, load_recognizer(experiment, cell)
    recipe = recipe_as_begun(cell, experiment.recipe, target.state_dict())
    public = [u for u in game.public if u.text]
    view = view_of("weights", target, recipe.build(), public)
    # The name of this stream is older than our words; another would give other intervals.
    rng = experiment.rng("siege", begun.attack)
    sandboxed = SandboxedAttack(submission, recipe, limits, trust)
    try:
        with listening(report):
            found, access = sandboxed.score_with_access(view, game.candidates, rng.child("attack"))
    except DisqualifiedError as error:
        write_result(begun.model_copy(update={"status": "disqualified", "reason": str(error)}), out)
        return
    audited, *later = (
        measure.audit_alone(
            found,
            record.coins,
            record.guarantee.delta or 0.0,
            noise_kind_of_text(str(record.event)),
            1 - ERROR / 2**number,
            game.unit,
            record.guarantee.unit,
        )
        for number in range(begun.number, begun.number + SPARE + 1)
    )
    claimed = record.guarantee.promised
    falsified = verdict(audited, claimed) == "falsified"
    content = {
        "access": access,
        "status": "ok",
        "reason": f"proves more than ε = {claimed:.3g}" if falsified else None,
        "leakage": measure.leakage(found, record.coins, rng.child("intervals"), game.unit),
        "audited_epsilon": audited,
        "audited_later": tuple(later),
        "scores": {c.id: float(s) for c, s in zip(found.candidates, found.scores, strict=True)},
        "seconds": round(time.monotonic() - began, 1),
    }
    write_result(begun.model_copy(update=content), out)


def _note_failure(begun: AttackResult, out: Path, reason: str) -> None:
    write_result(begun.model_copy(update={"reason": reason}), out)
