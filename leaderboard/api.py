"""What others may import of `leaderboard`: notebooks that read records, and draw tables of them.

These names stay; everything else in this package may move. Nothing here imports torch.

    from leaderboard.api import Format, read_records, table
"""

from __future__ import annotations

from defenses.accounting.guarantee import Guarantee
from leaderboard.records.agreement import agreement
from leaderboard.records.attack_result import AttackResult, read_result, read_results
from leaderboard.records.merge import merge_runs
from leaderboard.records.model_audit import ModelAudit, read_model_audit
from leaderboard.records.numbers import (
    estimate_from_json,
    estimate_to_json,
    number_from_json,
    number_to_json,
)
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_history, read_record, read_records
from leaderboard.records.store import RecordError
from leaderboard.records.strongest import disproof, results_on, strongest
from leaderboard.site.build import published_runs, write_site
from leaderboard.spec.cell import Cell
from leaderboard.spec.fields import SuiteError
from leaderboard.spec.load import built_in_suites, load_suite, parse_suite
from leaderboard.spec.suite import Suite
from leaderboard.views.compare import compare, comparison
from leaderboard.views.controls import controls_table
from leaderboard.views.export import export, figures
from leaderboard.views.repetition_table import repetition_table
from leaderboard.views.table import Format, rows, rows_over_seeds, table
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate

__all__ = [
    "AttackResult",
    "Cell",
    "Estimate",
    "Format",
    "Guarantee",
    "ModelAudit",
    "OverheardError",
    "Record",
    "RecordError",
    "Suite",
    "SuiteError",
    "agreement",
    "built_in_suites",
    "compare",
    "comparison",
    "controls_table",
    "disproof",
    "estimate_from_json",
    "estimate_to_json",
    "export",
    "figures",
    "load_suite",
    "merge_runs",
    "number_from_json",
    "number_to_json",
    "parse_suite",
    "published_runs",
    "read_history",
    "read_model_audit",
    "read_record",
    "read_records",
    "read_result",
    "read_results",
    "repetition_table",
    "results_on",
    "rows",
    "rows_over_seeds",
    "strongest",
    "table",
    "write_site",
]
