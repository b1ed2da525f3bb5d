"""What stands for an attack: the largest of the list, secrets said once, or a dash."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.figures.headline import (
    exposure,
    headline,
    largest,
    membership,
    repetitions,
    short_name,
    strongest,
)
from leaderboard.records.record import failed_record
from targets.core.estimate import Estimate
from tests.leaderboard.figures.making import NONE, row
from tests.leaderboard.views.test_table import measured


def with_attacks(**aucs):
    return row(
        "none", leakages={name.replace("_", "-"): {"auc": auc} for name, auc in aucs.items()}
    )


def test_one_attack_alone_stands_for_itself():
    alone = measured(0.7)
    assert headline(with_attacks(membership=alone), "membership") is alone
    other = with_attacks(membership_lira=alone)
    assert headline(other, "membership") is alone
    assert strongest(membership(other)) == "membership-lira"


def test_of_several_it_is_the_largest_with_an_interval_for_all():
    found = with_attacks(
        membership=measured(0.5), membership_calibrated=measured(0.6), canary=measured(0.9)
    )
    best = headline(found, "membership")
    assert best.value == 0.6
    assert best.low < 0.55
    assert best.high > 0.65
    assert best.level == 0.95
    assert "(membership-calibrated, largest of 2, interval widened for as many)" in best.method


def test_an_attack_that_failed_counts_as_tried():
    aucs = {"membership": measured(0.6), "membership-lira": Estimate.unscored("it failed")}
    assert largest(aucs).value == 0.6
    assert largest(aucs).low < 0.55
    nothing = {"membership": Estimate.unscored("it failed")}
    assert largest(nothing).method == "unscored: it failed"
    assert strongest(nothing) is None


def test_names_beside_a_figure_are_short():
    assert [short_name(n) for n in ("membership", "membership-lira", "toy")] == [
        "loss",
        "lira",
        "toy",
    ]


def test_what_is_missing_says_why():
    record = row("none", leakages={})
    assert headline(record, "membership").method == "unscored: the suite has no such attack"
    assert headline(record, "canary").method == "unscored: the suite has no such attack"
    failed = failed_record(NONE, "no memory")
    assert headline(failed, "membership").method == "unscored: failed: no memory"


BITS = np.arange(12.0) / 2
NAMES = [f"canary-{n:04d}" for n in range(12)]


def with_canaries(said, **changes):
    """Return a record of twelve secrets, each trained on, said 1, 4, 16 times in turn."""
    conditions = NONE.conditions
    canaries = conditions.canaries.model_copy(update={"count": 12, "repetitions": said})
    conditions = conditions.model_copy(update={"canaries": canaries})
    record = row(
        "none",
        coins=dict.fromkeys(NAMES, True),
        scores={"canary": dict(zip(NAMES, BITS.tolist(), strict=True))},
        leakages={"canary": {"exposure": measured(float(BITS.mean()))}},
        speakers={},
    )
    cell = record.cell.model_copy(update={"conditions": conditions})
    return record.model_copy(update={"cell": cell, **changes})


@pytest.mark.parametrize("old", [True, False])
def test_exposure_is_of_secrets_said_once(old):
    record = with_canaries((1, 4, 16))
    if not old:
        kept = {n: often for i, n in enumerate(NAMES) if (often := (1, 4, 16)[i % 3]) > 1}
        changes = {"speakers": {"x": tuple(NAMES)}, "repetitions": kept}
        record = record.model_copy(update=changes)
    assert {often: len(names) for often, names in repetitions(record).items()} == {
        1: 4,
        4: 4,
        16: 4,
    }
    found = headline(record, "canary")
    assert found.value == np.mean(BITS[::3])
    assert found.low >= 0
    assert "4 secrets said once" in found.method
    assert exposure(record, 16).value == np.mean(BITS[2::3])
    assert "two are needed" in exposure(record, 2).method


def test_where_all_are_said_once_the_stored_figure_stands():
    record = with_canaries((1,))
    assert headline(record, "canary") is record.leakages["canary"]["exposure"]


def test_where_none_is_said_once_there_is_nothing_to_show():
    assert headline(with_canaries((4,)), "canary").method.endswith("two are needed")


def test_scores_that_are_no_bits_are_left_alone():
    """Where the secret is heard, what is ranked by is not the exposure."""
    record = with_canaries((1, 4, 16), leakages={"canary": {"exposure": measured(9.0)}})
    assert repetitions(record) == {}
    assert headline(record, "canary") is record.leakages["canary"]["exposure"]
