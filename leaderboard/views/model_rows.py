"""Rows of models that others trained, beside those of suites: another game, which they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard.figures.headline import CANARY, HEADLINE, MEMBERSHIP
from leaderboard.records.model_audit import ModelAudit, of_looks
from targets.core.estimate import Estimate

SUITE = "your model"  # what stands for a suite
NOTE = (
    f"{SUITE}: another game than any suite's (other speech, other coins), so that its figures "
    "compare with no other row;\nWER is on held-out candidates, exposure of canaries said once "
    "among far fewer secrets, and a status is of that row alone"
)
NOT_ASKED = Estimate.unscored("`overheard audit-model` has no such figure")
NOT_TRAINED = Estimate.unscored("how it was trained is not known")


def model_rows(audits: Sequence[ModelAudit]) -> list[dict[str, Any]]:
    """Return one row an audit, with all that a table or a comparison shows."""
    return [_row(audit) for audit in audits]


def _row(audit: ModelAudit) -> dict[str, Any]:
    bound, claim = audit.bound, audit.claimed_epsilon
    return {
        "suite": SUITE,
        "target": audit.name,
        "scheme": audit.scheme,
        "seed": None,
        "seeds": [],
        "unit": audit.unit,
        "epsilon": claim,
        "delta": audit.delta,
        "wer": audit.wer_held_out,
        **dict.fromkeys(HEADLINE, NOT_ASKED),
        MEMBERSHIP: audit.membership,
        CANARY: audit.exposure,
        "audited_epsilon": bound,
        "audited_epsilon_worst_case": NOT_TRAINED,
        "audited_epsilon_mechanism": NOT_TRAINED,
        "strongest_auc": audit.membership,
        "strongest_audited": bound,
        "ceiling": bound.ceiling,
        "ratio": bound.value / claim if bound.scored and claim else None,
        "status": audit.status,
        "membership_attack": audit.attack,
        "membership_tried": 1,
    }


def note(audits: Sequence[ModelAudit]) -> str:
    """Return what a reader has to know of such rows, in lines."""
    looked = [
        f"{audit.name}: look {audit.look} of {count}; {of_looks(count)}"
        for audit in audits
        if (count := len(audit.looks)) > 1
    ]
    return "\n".join([NOTE, *looked])
