"""Whole trainings by every scheme, and the steps of every target in those of `ctc`."""

from __future__ import annotations

import pytest

from defenses.registry import SCHEMES
from targets.models.registry import TARGETS
from tests.bench import relative, trainings
from tests.bench.relative import UNIT
from tests.bench.trainings import ELSEWHERE, PLAIN, TIMED, Cost, cost, row

pytestmark = pytest.mark.one_version


def test_every_scheme_is_timed_or_it_is_said_why_not():
    assert sorted([*TIMED, *ELSEWHERE]) == sorted(SCHEMES.names())


def test_a_row_divides_by_plain_training_right_before(monkeypatch):
    # What warms up is left out; the machine is half as fast in the last round.
    costs = [(9, 9), (99, 9), (1, 10), (3, 20), (1, 10), (2, 20), (2, 10), (5, 20)]
    left = iter(costs)
    monkeypatch.setattr(trainings, "cost", lambda *_: Cost(*next(left)))
    assert row("edpsgd", 3) == ["`edpsgd`", "2.00", "2.5x", "1.2x"]


def test_every_target_that_trains_here_has_a_measured_step():
    own = [entry for entry in TARGETS if TARGETS.is_own(entry.name)]
    # A new one: `python -m tests.bench.relative NAME`, and the figure into its entry.
    assert [e.name for e in own if e.step is None] == [e.name for e in own if e.pretrained]
    assert TARGETS[UNIT].step == 1


def test_a_measured_step_is_the_median_of_pairs(monkeypatch):
    # The first pair warms up; the machine is half as fast in the last.
    taken = {UNIT: iter([9, 1, 1, 2]), "rnnt": iter([99, 1.5, 3, 4])}
    monkeypatch.setattr(relative, "clocked", lambda name: lambda: next(taken[name]))
    assert relative.relative("rnnt", rounds=3) == 2


@pytest.mark.slow
def test_gradients_are_counted():
    members = trainings.MEMBERS
    assert cost(PLAIN, {}).gradients == trainings.EPOCHS * members
    # Every step takes public gradients beside private ones.
    steps = 2 * trainings.EPOCHS
    found = cost("adamix", TIMED["adamix"]).gradients - cost("edpsgd", TIMED["edpsgd"]).gradients
    assert found == steps * (members // 16)
