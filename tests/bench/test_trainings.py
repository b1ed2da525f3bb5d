"""What `make bench` says of whole trainings: of every scheme, and by counted gradients."""

from __future__ import annotations

import pytest

from defenses.registry import SCHEMES
from tests.bench import trainings
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


@pytest.mark.slow
def test_gradients_are_counted():
    members = trainings.MEMBERS
    assert cost(PLAIN, {}).gradients == trainings.EPOCHS * members
    # Every step takes public gradients beside private ones.
    steps = 2 * trainings.EPOCHS
    found = cost("adamix", TIMED["adamix"]).gradients - cost("edpsgd", TIMED["edpsgd"]).gradients
    assert found == steps * (members // 16)
