"""The status of a row among the others of its board."""

from __future__ import annotations

import math

import pytest

from leaderboard.records.board import BY_CHANCE, statuses
from leaderboard.records.record import failed_record
from targets.core.estimate import Estimate
from tests.leaderboard.records.test_attack_result import attack_result
from tests.leaderboard.views.test_table import CELLS, promise, record

CEILING = "cannot tell: ceiling below the claim"


def row(claimed, low, ceiling=9.0, name="rnnt-dpsgd-eps1-seed0", **changes):
    bound = Estimate(low, low, math.inf, 0.95, "a bound", ceiling)
    own = {"audited_epsilon": bound, "guarantee": promise(claimed)} | changes
    return record(name, claimed, 0.5, 0.4, **own)


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (row(1.0, 0.5), "ok"),
        (row(10.0, 0.5), CEILING),
        (row(math.inf, 0.5), "ok"),
        (row(1.0, 0.5, audited_epsilon=Estimate.unscored("x")), "cannot tell: no bound"),
        (row(1.0, 1.5, audited_p=0.01), "falsified"),
        (row(1.0, 1.5, audited_p=0.2), "falsified"),
        (failed_record(CELLS["rnnt-dpsgd-eps1-seed0"], "x"), "failed"),
        (failed_record(CELLS["rnnt-dpsgd-eps1-seed0"], "x", "disqualified"), "disqualified"),
    ],
)
def test_a_row_alone(one, status):
    assert statuses([one]) == [status]


def test_undefended_scores_claimed_as_ten_are_not_ok():
    """Nothing could have been falsified: the ceiling is below the claim."""
    assert statuses([row(10.0, 9.0)]) == [CEILING]


def test_one_of_many_rows_is_above_its_claim_by_chance():
    by_chance = row(0.0, 0.02, status="falsified", audited_p=0.03)
    others = [row(1.0, 0.5)] * 50
    assert statuses([by_chance, *others]) == [BY_CHANCE, *["ok"] * 50]
    # Rows without a promise are no hypotheses.
    free = [row(math.inf, 5.0)] * 50
    assert statuses([by_chance, *free]) == ["falsified", *["ok"] * 50]


def test_a_violation_falls_among_many_rows():
    false = row(1.0, 3.0, status="falsified", audited_p=1e-6)
    assert statuses([false, *[row(1.0, 0.5)] * 1_000])[0] == "falsified"


def test_a_record_that_says_no_p_value_is_above_its_claim_at_its_level():
    assert statuses([row(1.0, 3.0, status="falsified"), row(1.0, 0.5)]) == [BY_CHANCE, "ok"]


def test_a_submitted_attack_falsifies_by_its_bounds_at_smaller_errors():
    name = "rnnt-dpsgd-eps10-seed0"
    claim = row(9.98, 0.5, name=name)
    sure = attack_result(0.9, 15.0)
    levels = [1 - 0.05 / 2**n for n in range(1, 12)]
    bounds = [Estimate(15.0, 15.0, math.inf, level, "a bound", 20.0) for level in levels]
    sure = sure.model_copy(
        update={"audited_epsilon": bounds[0], "audited_later": tuple(bounds[1:])}
    )
    others = [row(1.0, 0.5)] * 200
    assert statuses([claim, *others], [sure])[0] == "falsified"
    barely = sure.model_copy(update={"audited_later": ()})
    assert statuses([claim, *others], [barely])[0] == BY_CHANCE
    assert statuses([claim], [barely]) == ["falsified"]
