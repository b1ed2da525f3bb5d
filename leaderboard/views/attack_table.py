"""Attack beside attack: how well each tells members apart, overall and by cohort, and its cost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_records
from leaderboard.views.table import TITLES, Format, Row, place, render
from targets.core.estimate import Estimate

FIGURES = ("auc", "tpr_at_1pct_fpr", "tpr_at_0.1pct_fpr", "balanced_accuracy")
KEYS = ("target", "scheme", "seed", "epsilon", "attack", *FIGURES, "cost")

HEADERS = TITLES | {
    "auc": "AUC",
    "tpr_at_1pct_fpr": "TPR at 1 % FPR",
    "tpr_at_0.1pct_fpr": "TPR at 0.1 % FPR",
    "balanced_accuracy": "balanced accuracy",
    "cost": "cost / training",
}

FOOTER = """\
cost / training  seconds of the attack over those of training its target; what earlier attacks have
                 found out already counts as theirs, and reference models are apart"""

COHORT = "auc, "  # what comes after it names the cohort


def attack_rows(records: Iterable[Record]) -> list[Row]:
    """Return one row a record and attack that ranks candidates, in the order of the table."""
    return [
        {
            "target": record.cell.target,
            "scheme": record.cell.label,
            "seed": record.cell.seed,
            "epsilon": record.guarantee.promised if record.guarantee else record.cell.epsilon,
            "attack": attack,
            **{key: figures.get(key, Estimate.unscored("not measured")) for key in FIGURES},
            **{name: figure for name, figure in figures.items() if name.startswith(COHORT)},
            "cost": _cost(record, attack),
        }
        for record in sorted(records, key=place)
        for attack, figures in record.leakages.items()
        if "auc" in figures
    ]


def attack_table(folder: Path, form: Format) -> str:
    """Return the attacks on every record of a folder, one a row; cohorts are further columns."""
    content = attack_rows(read_records(folder))
    cohorts = sorted({key for row in content for key in row if key.startswith(COHORT)})
    nothing = Estimate.unscored("too few of them")
    full = [dict.fromkeys(cohorts, nothing) | row for row in content]
    headers = HEADERS | {key: f"AUC, {key.removeprefix(COHORT)}" for key in cohorts}
    return render(full, (*KEYS[:-1], *cohorts, KEYS[-1]), headers, FOOTER, form)


def _cost(record: Record, attack: str) -> float | None:
    spent, training = record.seconds.get(attack), record.training_seconds
    return spent / training if spent is not None and training else None
