"""What the first page shows of models that others trained: a table of its own, another game."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard.figures.headline import HEADLINE
from leaderboard.records.model_audit import ModelAudit
from leaderboard.site.board import Shown
from leaderboard.views.model_rows import model_rows, note
from leaderboard.views.table import TITLES, Row, for_reading
from targets.core.estimate import Estimate

KEYS = (
    "target", "scheme", "unit", "epsilon", "delta", "wer", *HEADLINE, "audited_epsilon", "ceiling",
    "status",
)  # fmt: skip
HEADERS = TITLES | {"target": "model", "epsilon": "claimed ε"}


def models(audits: Sequence[ModelAudit]) -> dict[str, Any] | None:
    """Return what the template asks for; None where there are none."""
    if not audits:
        return None
    return {
        "notes": note(audits).splitlines(),
        "headings": [HEADERS.get(key, key) for key in KEYS],
        "lines": [[_cell(key, row) for key in KEYS] for row in model_rows(audits)],
    }


def _cell(key: str, row: Row) -> Shown:
    value = row[key]
    if not isinstance(value, Estimate):
        return Shown(for_reading(key, row))
    if not value.scored:
        return Shown("-", why=value.method, number=True)
    below = {"membership": f"by {row['membership_attack']}", "audited_epsilon": value.method}
    return Shown(for_reading(key, row), (below[key],) if key in below else (), number=True)
