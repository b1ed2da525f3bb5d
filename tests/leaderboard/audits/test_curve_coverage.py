"""The bound from an event's own curve, on games whose ε is known."""

from __future__ import annotations

import pytest

from defenses.accounting.price import price
from leaderboard.audits import curve_coverage
from leaderboard.audits.curve_coverage import EVENTS, measure_own_curves

DELTA, LEVEL = 1e-5, 0.95


def measured(monkeypatch, games=slice(None)):
    monkeypatch.setattr(curve_coverage, "EVENTS", EVENTS[games])
    return measure_own_curves(100, seed=1, sizes=(100,), epsilons=(4.0,), delta=DELTA, level=LEVEL)


@pytest.mark.parametrize("epsilon", [0.5, 4.0])
def test_the_event_of_a_game_costs_what_the_game_is_said_to_cost(epsilon):
    for game, event_of in EVENTS:
        found = price(event_of(epsilon, DELTA), DELTA).epsilon
        # PLD accounting rounds up on its grid.
        assert epsilon - 1e-6 <= found <= epsilon + 5e-3, game.name


@pytest.mark.slow
def test_it_errs_no_more_than_its_level_allows_and_finds_much(monkeypatch):
    rows = measured(monkeypatch)
    assert [row.game for row in rows] == [game.name for game, _ in EVENTS]
    assert all(row.holds for row in rows)
    assert all(row.power < 1 for row in rows)
    assert min(row.power for row in rows[:2]) > 0.5
    assert rows[0] == measured(monkeypatch, slice(1))[0]


def test_of_one_gaussian_query_it_finds_most(monkeypatch):
    (row,) = measured(monkeypatch, slice(1))
    assert row.holds
    assert 0.5 < row.power < 1


def test_a_bound_that_takes_the_rate_itself_for_its_limit_is_caught(monkeypatch):
    monkeypatch.setattr(curve_coverage, "lower_limit", lambda won, pairs, _: won / pairs)
    (row,) = measured(monkeypatch, slice(1))
    assert not row.holds
