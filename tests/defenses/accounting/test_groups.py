"""Group privacy against the exact mixture, against what it must reduce to, and where absurd."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from dp_accounting import (
    ComposedDpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    NoOpDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)
from dp_accounting.dp_event import ZCDpEvent
from scipy.stats import binom, norm

from attacks.statistics.gdp import delta_from_mu, mu_from_epsilon
from defenses.accounting.groups import group_guarantee, group_losses
from defenses.accounting.price import dp_sgd_event, gaussian_votes_event, laplace_votes_event, price
from targets.core.errors import OverheardError

pytestmark = pytest.mark.one_version

DELTA = 1e-5


def group_epsilon(event, delta, size):
    return group_guarantee(event, delta, size).epsilon


def test_a_group_of_one_is_promised_the_guarantee_of_one():
    for rate in (1.0, 0.25):
        event = dp_sgd_event(2.0, rate, 8)
        assert group_epsilon(event, DELTA, 1) == pytest.approx(
            price(event, DELTA).epsilon, abs=0.02
        )


def test_a_coarser_grid_costs_little():
    event = dp_sgd_event(4.0, 0.2, 8)
    fine, coarse = (group_losses(event, 4, grid).get_epsilon(DELTA) for grid in (1e-3, 1e-2))
    assert fine <= coarse < 1.01 * fine


def test_in_full_batches_a_group_is_a_sensitivity():
    assert group_epsilon(dp_sgd_event(3.0, 1.0, 5), DELTA, 3) == pytest.approx(
        price(dp_sgd_event(1.0, 1.0, 5), DELTA).epsilon
    )


@pytest.mark.slow
def test_the_guarantee_of_a_group_is_worse_than_of_one_and_grows():
    for rate in (1.0, 0.25):
        event = dp_sgd_event(4.0, rate, 8)
        found = [group_epsilon(event, DELTA, size) for size in (1, 2, 8)]
        assert found == sorted(found)
        assert found[2] > 4 * found[0]


@pytest.mark.slow
def test_the_price_of_one_step_is_the_excess_that_the_mixture_has():
    # δ(ε) of both neighbours by numerical integration of the densities.
    noise, rate, size = 1.5, 0.25, 4
    epsilon = group_epsilon(dp_sgd_event(noise, rate, 1), DELTA, size)
    x = np.linspace(-20, 30, 400_001)
    out = norm(0, noise).pdf(x)
    inside = sum(binom.pmf(n, size, rate) * norm(n, noise).pdf(x) for n in range(size + 1))
    excess = max(
        np.trapezoid(np.maximum(p - np.exp(epsilon) * q, 0), x)
        for p, q in ((inside, out), (out, inside))
    )
    assert excess == pytest.approx(DELTA, rel=0.02)


@pytest.mark.parametrize("size", [2, pytest.param(16, marks=pytest.mark.slow)])
def test_the_gaussian_curve_bounds_the_group_of_the_drawn_batches_of_these_audits(size):
    # What the bound on μ assumes, as for a canary that is there once.
    losses = group_losses(dp_sgd_event(4.0, 0.25, 8), size)
    epsilon = losses.get_epsilon(DELTA)
    mu = mu_from_epsilon(epsilon, DELTA)
    for smaller in np.linspace(0, 0.99, 12) * epsilon:
        assert losses.get_delta(smaller) <= delta_from_mu(mu, smaller) * (1 + 1e-2) + 1e-9


def test_laplace_votes_of_a_group_cost_at_most_its_size_times_as_much():
    event = laplace_votes_event(50.0, 20)
    assert group_epsilon(event, 0.0, 4) == pytest.approx(4 * price(event, 0.0).epsilon)
    assert group_epsilon(event, DELTA, 4) == price(laplace_votes_event(12.5, 20), DELTA).epsilon


def test_gaussian_votes_of_a_group_have_so_much_less_noise():
    found = group_guarantee(gaussian_votes_event(60.0, 20), DELTA, 3)
    assert found.epsilon == price(gaussian_votes_event(20.0, 20), DELTA).epsilon
    assert found.accountant.startswith("size x sensitivity")


def test_what_is_known_of_one_alone_bounds_the_group():
    """Of zero-concentrated privacy the group's is known: size squared as much."""
    found = group_guarantee(ZCDpEvent(1e-3), DELTA, 3)
    assert found.accountant == "group privacy, rdp (dp-accounting)"
    exact = price(ZCDpEvent(9e-3), DELTA).epsilon
    assert exact <= found.epsilon < 2 * exact


@pytest.mark.slow
def test_the_bounds_of_a_drawn_group_bound_the_exact_one():
    event = dp_sgd_event(4.0, 0.25, 8)
    exact = group_losses(event, 4).get_epsilon(DELTA)
    assert group_epsilon(event, DELTA, 4) == exact
    assert exact < group_epsilon(dp_sgd_event(4.0, 1.0, 8), DELTA, 4)


@pytest.mark.slow
def test_steps_of_several_kinds_are_grouped_together():
    steps = [PoissonSampledDpEvent(0.25, GaussianDpEvent(noise)) for noise in (4.0, 4.5)]
    mixed = group_epsilon(ComposedDpEvent(steps), DELTA, 3)
    ends = [group_epsilon(SelfComposedDpEvent(step, 2), DELTA, 3) for step in steps]
    assert ends[1] < mixed < ends[0]


def test_a_step_that_gives_nothing_away_changes_no_group():
    step, nothing = dp_sgd_event(4.0, 0.25, 8), dp_sgd_event(1e8, 1e-9, 1)
    found = group_epsilon(ComposedDpEvent([step, nothing]), DELTA, 2)
    assert found >= group_epsilon(step, DELTA, 2)


ABSURD = [
    dp_sgd_event(noise, rate, steps)
    for noise, rate, steps in itertools.product((1e-8, 1.0, 1e8), (1e-9, 0.5), (1, 10**9))
]


@pytest.mark.parametrize("size", [pytest.param(2, marks=pytest.mark.slow), 64, 10**6])
def test_absurd_groups_are_priced_at_once(size):
    # Each event in a group of many, or of more still; in both by the slow one.
    for event in {2: ABSURD, 64: ABSURD[::2], 10**6: ABSURD[1::2]}[size]:
        began = time.process_time()
        found = group_epsilon(event, 1e-6, size)
        assert time.process_time() - began < 30  # no promise of speed: it must not hang
        assert found >= price(event, 1e-6).epsilon


def test_a_group_is_said_to_be_one():
    found = group_guarantee(dp_sgd_event(4.0, 1.0, 8), DELTA, 3, unit="speaker", basis="claimed")
    assert (found.unit, found.relation) == ("speaker", "add or remove up to 3 speakers")
    assert (found.basis, found.delta) == ("claimed", DELTA)


def test_a_group_has_no_guarantee_where_one_has_none_and_nothing_to_fear_where_one_has_not():
    for event in (NonPrivateDpEvent(), LaplaceDpEvent(0.0)):
        assert group_epsilon(event, DELTA, 3) == math.inf
    assert group_epsilon(NoOpDpEvent(), DELTA, 3) == 0


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(OverheardError, match="whole number of utterances above 0"):
        group_guarantee(dp_sgd_event(4.0, 1.0, 8), DELTA, size)
