"""What others may import of `attacks`: submissions, notebooks, people with scores of their own.

These names stay; everything else in this package may move. An attack is an object with `access` and
`score` (`Attack`), which looks at a target through a view and returns `Findings`; `check_attack`
says whether it keeps the contract. The statistics take arrays and know no model.

    from attacks.api import Findings
"""

from __future__ import annotations

from attacks.base import (
    VIEWS,
    Access,
    Attack,
    Findings,
    LossScores,
    References,
    Scores,
    Transcripts,
    Weights,
)
from attacks.canaries.canary import canaries_among
from attacks.canaries.exposure import Exposure
from attacks.checks import check_attack
from attacks.inversion.descent import Inversion
from attacks.inversion.gradient_leakage import GradientLeakage
from attacks.inversion.restoration import Restoration
from attacks.membership.edit_distance import EditDistance
from attacks.membership.gradient_norm import GradientNorm
from attacks.membership.lira import LiRA
from attacks.membership.loss import Loss
from attacks.membership.rmia import RMIA
from attacks.references import references_of
from attacks.statistics.audit import audited_epsilon, every_bound
from attacks.statistics.evidence import Trials
from attacks.statistics.exposure import exposure, extrapolated_exposure, mean_exposure
from attacks.statistics.ranking import auc, balanced_accuracy, tpr_at_fpr
from attacks.statistics.roc import roc
from attacks.statistics.verdict import verdict

__all__ = [
    "RMIA",
    "VIEWS",
    "Access",
    "Attack",
    "EditDistance",
    "Exposure",
    "Findings",
    "GradientLeakage",
    "GradientNorm",
    "Inversion",
    "LiRA",
    "Loss",
    "LossScores",
    "References",
    "Restoration",
    "Scores",
    "Transcripts",
    "Trials",
    "Weights",
    "auc",
    "audited_epsilon",
    "balanced_accuracy",
    "canaries_among",
    "check_attack",
    "every_bound",
    "exposure",
    "extrapolated_exposure",
    "mean_exposure",
    "references_of",
    "roc",
    "tpr_at_fpr",
    "verdict",
]
