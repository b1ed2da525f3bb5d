"""The status of a row among the others of its board."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leaderboard.records.board import BY_CHANCE, statuses
from leaderboard.records.mechanism_audit import MechanismAudit
from leaderboard.records.record import Record, failed_record
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


MECHANISMS, SEEDS = 4, 3  # of a board whose seeds share the audits of their mechanisms
ERROR = 0.05
AUDIT = MechanismAudit(
    kind="mechanism",
    scheme="dpsgd",
    event="",
    delta=1e-4,
    epsilon=1.0,
    audited=Estimate.unscored("no canary yet"),
    assumes="that it is of its kind",
)


def board_of(seeds: int = SEEDS) -> list[Record]:
    """Return the rows of a board: of each mechanism as many as there are seeds."""
    events = [f"mechanism {mechanism}" for mechanism in range(MECHANISMS)]
    return [one for event in events for one in [row(1.0, 0.5, event=event)] * seeds]


def audited(*p_values: float) -> list[MechanismAudit]:
    """Return an audit of each mechanism, which contradicts its promise where p is at most 5 %."""
    lows = [1.2 if p <= ERROR else 0.8 for p in p_values]
    bounds = [Estimate(low, low, math.inf, 0.95, "its own curve", 40.0) for low in lows]
    return [
        AUDIT.model_copy(update={"event": f"mechanism {m}", "audited": bound, "p_value": p})
        for m, (bound, p) in enumerate(zip(bounds, p_values, strict=True))
    ]


@pytest.mark.parametrize("seeds", [1, 3])
def test_an_audit_that_seeds_share_counts_once(seeds):
    rows, rest = board_of(seeds), ["ok"] * seeds * (MECHANISMS - 1)
    # It is of all rows of its mechanism, and of no other.
    sure = audited(ERROR / MECHANISMS, 0.5, 0.5, 0.5)
    assert statuses(rows, (), sure) == ["falsified"] * seeds + rest
    less_sure = audited(1.01 * ERROR / MECHANISMS, 0.5, 0.5, 0.5)
    assert statuses(rows, (), less_sure) == ["ok"] * seeds + rest


def test_a_promise_that_no_audit_speaks_of_is_no_hypothesis():
    unwatched = [row(0.0, 0.0, name="rnnt-pate-gnmax-eps1-seed0")] * 20
    sure = audited(ERROR / MECHANISMS, 0.5, 0.5, 0.5)
    assert statuses([*board_of(), *unwatched], (), sure)[:SEEDS] == ["falsified"] * SEEDS


@pytest.mark.parametrize("false", [0, 1], ids=["all true", "one false"])
@pytest.mark.parametrize("alike", [False, True], ids=["by themselves", "all alike"])
def test_shared_audits_accuse_a_true_promise_once_in_twenty_boards(false, alike):
    boards, accused = 1_000, 0
    rows, rng = board_of(), np.random.default_rng(7)
    for _ in range(boards):
        p_values = np.full(MECHANISMS, rng.random()) if alike else rng.random(MECHANISMS)
        p_values[:false] = 1e-9
        said = statuses(rows, (), audited(*p_values))
        assert said[: false * SEEDS] == ["falsified"] * false * SEEDS
        accused += "falsified" in said[false * SEEDS :]
    deviation = math.sqrt(ERROR * (1 - ERROR) / boards)
    assert accused / boards <= ERROR + 2 * deviation
    # Independent audits use nearly all of the error: that seeds share them costs nothing.
    assert alike or accused / boards >= ERROR - 2 * deviation
