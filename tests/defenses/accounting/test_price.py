"""Prices against closed forms, against each other, and where mechanisms are absurd."""

from __future__ import annotations

import itertools
import math
import time

import dp_accounting as dp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import erfcx
from scipy.stats import norm

from defenses.accounting.event_algebra import merged, parts_of
from defenses.accounting.price import (
    COARSE_PLD_GRID,
    PLD_GRID,
    TOLERANCE,
    bisected,
    calibrate,
    calibrated,
    confident_test_noise,
    confident_votes_event,
    dp_sgd_event,
    gaussian_votes_event,
    laplace_votes_event,
    price,
)
from defenses.accounting.renyi import ORDERS, renyi_curve, sampled_gaussian_rdp
from targets.core.errors import OverheardError

pytestmark = pytest.mark.one_version


def gaussian_epsilon(noise, delta):
    """Return the exact ε of the Gaussian mechanism (Balle and Wang 2018)."""

    def excess(epsilon):
        a, b = 1 / (2 * noise), epsilon * noise
        # e^ε Φ(-a - b), where 2ab = ε, without two numbers of which only the quotient is finite.
        other = erfcx((a + b) / math.sqrt(2)) * math.exp(-((a - b) ** 2) / 2) / 2
        return norm.cdf(a - b) - other - delta

    return brentq(excess, 0, noise**-2 / 2 + 20 / noise) if excess(0) > 0 else 0.0


def epsilon(event, delta=1e-5):
    return price(event, delta).epsilon


@pytest.mark.parametrize("noise", [0.2, 0.5, 1.0, 3.0, 20.0, 1e3])
@pytest.mark.parametrize("delta", [1e-3, 1e-6])
def test_one_gaussian_costs_what_the_closed_form_says(noise, delta):
    exact = gaussian_epsilon(noise, delta)
    grid = PLD_GRID if noise >= 0.3 else COARSE_PLD_GRID
    assert exact - 1e-9 <= epsilon(dp.GaussianDpEvent(noise), delta) <= exact + grid


@given(noise=st.floats(1, 50), votes=st.integers(1, 200))
@settings(max_examples=10)
def test_gaussian_votes_are_one_gaussian_of_the_whole_sensitivity(noise, votes):
    exact = gaussian_epsilon(noise / math.sqrt(2 * votes), 1e-5)
    found = epsilon(gaussian_votes_event(noise, votes))
    assert exact - 1e-6 <= found <= exact * (1 + 1e-4) + PLD_GRID or exact > 100


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_confident_votes_pay_for_every_test_and_for_the_capped_answers(share):
    test = confident_test_noise(30.0, 500, 100, share)
    squares = 500 / test**2 + 2 * 100 / 30.0**2
    assert 500 / test**2 == pytest.approx(share * squares)
    exact = gaussian_epsilon(1 / math.sqrt(squares), 1e-5)
    found = epsilon(confident_votes_event(30.0, 500, 100, share))
    assert exact - 1e-9 <= found <= exact + 3 * PLD_GRID


# Of ESTIMATORS.md: the σ at which ε = ρ + 2 sqrt(ρ ln 1/δ) with ρ = Q/σ² is 1, or 10.
@pytest.mark.parametrize(
    ("promise", "votes", "noise"),
    [(1, 100, 69), (1, 1_000, 219), (1, 5_000, 490), (1, 20_000, 980),
     (10, 100, 8.0), (10, 1_000, 25), (10, 5_000, 57), (10, 20_000, 114)],
)  # fmt: skip
def test_the_table_of_vote_noises_is_an_upper_bound(promise, votes, noise):
    rho = votes / noise**2
    formula = rho + 2 * math.sqrt(rho * math.log(1e5))
    assert formula == pytest.approx(promise, rel=0.02)
    assert 0.5 * formula < epsilon(gaussian_votes_event(noise, votes)) <= formula
    least = calibrated(gaussian_votes_event, float(promise), 1e-5, votes)
    assert 0.5 * noise < least <= noise * 1.01


@given(noise=st.floats(1e-6, 1e6), votes=st.integers(1, 2_000))
@settings(max_examples=25)
def test_laplace_votes_cost_at_most_their_pure_composition(noise, votes):
    assert epsilon(laplace_votes_event(noise, votes)) <= 2 * votes / noise * (1 + 1e-12)


def test_pure_epsilon_needs_no_delta():
    found = price(laplace_votes_event(4.0, 6), 0.0)
    assert found.epsilon == pytest.approx(3.0)
    assert found.basis == "audited code"


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "delta"),
    [(1.0, 0.1, 100, 1e-3), (0.6, 0.02, 500, 1e-8), (4, 0.5, 9, 1e-3), (4, 0.5, 9, 1e-8)],
)
def test_the_price_is_never_above_the_renyi_bound(noise, rate, steps, delta):
    event = dp_sgd_event(noise, rate, steps)
    renyi = dp.rdp.RdpAccountant()
    renyi.compose(event)
    found = price(event, delta)
    assert 0 < found.epsilon <= renyi.get_epsilon(delta)
    assert found.accountant == "pld (dp-accounting)"


def test_sampling_all_is_no_sampling():
    assert epsilon(dp_sgd_event(2.0, 1.0, 16)) == pytest.approx(
        gaussian_epsilon(0.5, 1e-5), abs=16 * PLD_GRID
    )


@pytest.mark.parametrize(("noise", "rate", "steps"), [(0.7, 0.3, 5), (3.0, 0.05, 50)])
def test_more_noise_costs_less_more_of_all_else_more(noise, rate, steps):
    here = epsilon(dp_sgd_event(noise, rate, steps))
    assert epsilon(dp_sgd_event(noise * 1.5, rate, steps)) <= here
    assert epsilon(dp_sgd_event(noise, rate * 1.5, steps)) >= here
    assert epsilon(dp_sgd_event(noise, rate, steps + 20)) >= here
    assert price(dp_sgd_event(noise, rate, steps), 1e-3).epsilon <= here


@pytest.mark.parametrize(
    ("event_of", "settings", "target"),
    [
        pytest.param(event_of, settings, target, marks=[pytest.mark.slow] if slow else [])
        for event_of, settings in (
            (dp_sgd_event, (0.05, 200)),
            (gaussian_votes_event, (400,)),
            (laplace_votes_event, (400,)),
        )
        for target in (0.1, 1.0, 10.0, 300.0)
        for slow in [event_of is dp_sgd_event and target != 0.1]
    ],
)
def test_calibration_hits_the_target_from_below(event_of, settings, target):
    noise = calibrate(lambda n: event_of(n, *settings), target, 1e-4)
    assert epsilon(event_of(noise, *settings), 1e-4) <= target
    assert epsilon(event_of(noise * (1 - 2 * TOLERANCE), *settings), 1e-4) > target
    assert calibrated(event_of, target, 1e-4, *settings) == noise


def plain_bisection(cost, epsilon, low, high):
    while high / low > 1 + TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if cost(middle) <= epsilon else (middle, high)
    return high


@given(
    power=st.floats(0.1, 8), knee=st.floats(0.01, 10), target=st.floats(1e-6, 1e6),
    low=st.floats(1e-3, 1), ratio=st.floats(1.5, 100),
)  # fmt: skip
@settings(max_examples=200)
def test_few_prices_end_where_bisection_ends(power, knee, target, low, ratio):
    asked = []

    def cost(noise):
        asked.append(noise)
        return 0.0 if noise > 100 * knee else (knee / noise) ** power + (noise < knee)

    high = low * ratio
    assert bisected(cost, target, low, high) == plain_bisection(cost, target, low, high)
    asked.clear()
    bisected(lambda noise: asked.append(noise) or noise**-1.5, (low * math.sqrt(ratio)) ** -1.5,
             low, high)  # fmt: skip
    assert len(asked) <= 6


@pytest.mark.parametrize(
    ("target", "delta"),
    [(0, 1e-5), (-1, 1e-5), (1, 0), (1, 1), (1, -1), (math.nan, 1e-5), (math.inf, 1e-5)],
)
def test_senseless_promises_are_refused(target, delta):
    with pytest.raises(OverheardError, match="epsilon must be above 0 and delta in"):
        calibrate(gaussian_votes_event, target, delta)


def test_what_is_out_of_reach_says_what_is_within():
    with pytest.raises(OverheardError, match=r"out of reach: with noise .* it is still 0\.172"):
        calibrate(lambda n: dp_sgd_event(n, 1.0, 10**9), 1e-4, 1e-9)


ABSURD = [
    (dp_sgd_event, 1e-6, 0.01, 1000), (dp_sgd_event, 1e6, 0.01, 1000),
    (dp_sgd_event, 1e6, 1.0, 10**6), (dp_sgd_event, 1.1, 0.01, 10**6),
    (dp_sgd_event, 0.1, 1e-6, 10), (dp_sgd_event, 0.1, 0.5, 1), (dp_sgd_event, 1.0, 1e-6, 10**8),
    (dp_sgd_event, 5.0, 0.03, 10**12), (dp_sgd_event, 1.0, 0.0, 10), (dp_sgd_event, 100, 1e-9, 10),
    (gaussian_votes_event, 1e-6, 1), (gaussian_votes_event, 1e6, 10**6),
    (gaussian_votes_event, 10.0, 0),
    (laplace_votes_event, 1e-6, 10**6), (laplace_votes_event, 1e6, 1),
    (laplace_votes_event, 10.0, 0), (laplace_votes_event, 1e4, 10**8),
]  # fmt: skip


@pytest.mark.parametrize("mechanism", ABSURD, ids=lambda m: f"{m[0].__name__}{m[1:]}")
def test_absurd_mechanisms_are_priced_at_once(mechanism):
    event_of, *settings = mechanism
    began = time.process_time()
    found = price(event_of(*settings), 1e-6)
    # A second or so by itself; wider, for a machine that is doing something else.
    assert time.process_time() - began < 4
    assert 0 <= found.epsilon < math.inf
    if settings[0] == 1e-6:
        assert found.epsilon > 1e5


GRID = list(itertools.product((1e-8, 1e-3, 0.3, 1e8), (1e-9, 0.5, 1.0), (1, 10**9)))


@pytest.mark.parametrize(("noise", "rate", "steps"), GRID)
def test_extremes_cost_a_second_and_no_less_than_they_must(noise, rate, steps):
    began = time.process_time()
    found = epsilon(dp_sgd_event(noise, rate, steps), 1e-6)
    assert time.process_time() - began < 5
    assert 0 <= found < math.inf
    # All of the first step's loss is there where the unit is drawn, which has this chance.
    if rate > 1e-6:
        assert found >= 0.99 * (gaussian_epsilon(noise, 1e-6 / rate) + math.log(rate))


@pytest.mark.parametrize(("noise", "rate", "steps"), [(1e8, 0.5, 10**9), (1.0, 1e-9, 10**15)])
def test_a_billion_steps_that_give_next_to_nothing_away_give_something(noise, rate, steps):
    """The central limit of so many steps is one Gaussian query (Bu et al. 2020).

    At the largest order Rényi accounting still adds a little for δ.
    """
    mu = rate * math.sqrt(steps * math.expm1(noise**-2))
    exact = gaussian_epsilon(1 / mu, 1e-6)
    assert exact > 0
    found = epsilon(dp_sgd_event(noise, rate, steps), 1e-6)
    assert 0.999 * exact <= found <= 2 * exact + math.log(1e6) / ORDERS[-1]


@pytest.mark.parametrize(("rate", "noise"), [(0.3, 2.0), (0.01, 0.8), (0.9, 5.0), (1.0, 3.0)])
def test_the_divergence_of_a_sampled_query_is_that_of_dp_accounting(rate, noise):
    renyi = dp.rdp.RdpAccountant(orders=ORDERS)
    renyi.compose(dp_sgd_event(noise, rate, 1))
    own = dp.rdp.compute_epsilon(ORDERS, sampled_gaussian_rdp(rate, noise), 1e-3)[0]
    assert own == pytest.approx(renyi.get_epsilon(1e-3), rel=1e-9)


@pytest.mark.parametrize(
    "event",
    [
        dp_sgd_event(1.0, 0.1, 100),
        dp_sgd_event(0.4, 0.9, 3),  # best below order 2
        dp_sgd_event(20.0, 0.01, 10),
        dp.ComposedDpEvent([dp_sgd_event(2.0, 0.2, 30), dp.LaplaceDpEvent(3.0)]),
    ],
)
def test_orders_left_out_would_not_have_been_the_best(event):
    every = dp.rdp.RdpAccountant()
    every.compose(event)
    curve = renyi_curve(merged(parts_of(event)))
    for delta in (0.3, 1e-2, 1e-5, 1e-12, 1e-200, 0.0):
        assert curve(delta) == every.get_epsilon(delta)


def sampled(noise, rate=0.01):
    return dp.PoissonSampledDpEvent(rate, dp.GaussianDpEvent(noise))


def test_steps_too_small_to_count_are_priced_beside_steps_that_never_are():
    small = dp.SelfComposedDpEvent(sampled(1.0, 1e-9), 10**9)
    assert epsilon(dp.ComposedDpEvent([small, sampled(1.0, 0.0)])) == epsilon(small)


MANY = {
    "gaussian": [dp.GaussianDpEvent(10 + n / 10) for n in range(2_000)],
    "laplace": [dp.LaplaceDpEvent(30 + n / 10) for n in range(200)],
    "sampled": [sampled(1 + n / 1_000) for n in range(1_000)],
    "the same": [sampled(1.0)] * 1_000,
    "rates": [sampled(2.0, 0.5 + n / 1_000) for n in range(99)],
    "all sorts": [sampled(1.0, 0.1), dp.GaussianDpEvent(2.0), dp.LaplaceDpEvent(3.0)] * 30,
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n == "rates" else []) for n in MANY]
)
def test_many_different_steps_are_priced_at_once(name):
    began = time.process_time()
    found = epsilon(dp.ComposedDpEvent(MANY[name]))
    assert time.process_time() - began < 5
    # Between as many of the cheapest and as many of the dearest.
    if name not in ("the same", "all sorts"):
        first, last = MANY[name][0], MANY[name][-1]
        ends = [epsilon(dp.SelfComposedDpEvent(e, len(MANY[name]))) for e in (first, last)]
        assert min(ends) <= found <= max(ends)


def test_gaussian_steps_are_one_whatever_their_number():
    squares = sum(event.noise_multiplier**-2 for event in MANY["gaussian"])
    exact = gaussian_epsilon(1 / math.sqrt(squares), 1e-5)
    assert exact <= epsilon(dp.ComposedDpEvent(MANY["gaussian"])) <= exact + 1e-8


@pytest.mark.parametrize("settings", [(1e-9, 10**9), (1.0, 10**9), (0.5, 1)])
def test_calibration_at_the_extremes_ends_or_says_what_is_in_reach(settings):
    noise = calibrate(lambda n: dp_sgd_event(n, *settings), 5.0, 1e-6)
    assert epsilon(dp_sgd_event(noise, *settings), 1e-6) <= 5.0
    with pytest.raises(OverheardError, match="out of reach: with noise"):
        calibrate(lambda n: dp_sgd_event(n, 1.0, 10**15), 1e-3, 1e-9)


@pytest.mark.parametrize("noise", [1e-200, 1e200])
def test_numbers_that_no_accountant_can_count_with_are_refused(noise):
    for event in (dp.GaussianDpEvent(noise), dp.LaplaceDpEvent(noise)):
        with pytest.raises(OverheardError, match="noise must be 0, or from 1e-100 to 1e"):
            price(event, 1e-5)
    with pytest.raises(OverheardError, match="more than 1e"):
        price(dp_sgd_event(1.0, 0.1, 10**400), 1e-5)


@pytest.mark.parametrize(
    "event",
    [
        dp.NonPrivateDpEvent(),
        dp.GaussianDpEvent(0.0),
        dp.ComposedDpEvent([dp.GaussianDpEvent(1.0), dp.NonPrivateDpEvent()]),
        dp.SelfComposedDpEvent(dp.LaplaceDpEvent(0.0), 3),
    ],
)
def test_no_noise_is_no_guarantee(event):
    found = price(event, 1e-5)
    assert (found.epsilon, found.basis) == (math.inf, "none")


@pytest.mark.parametrize("event", [dp.NoOpDpEvent(), dp.ComposedDpEvent([])])
def test_doing_nothing_costs_nothing(event):
    assert epsilon(event) == 0.0


@pytest.mark.parametrize(
    "event",
    [
        dp.UnsupportedDpEvent(),
        dp.GaussianDpEvent(math.nan),  # dp-accounting itself prices it at zero
        dp.GaussianDpEvent(math.inf),
        dp.LaplaceDpEvent(-1.0),
        dp_sgd_event(math.nan, 0.1, 10),
        dp_sgd_event(1.0, 1.5, 10),
        dp_sgd_event(1.0, math.nan, 10),
        dp_sgd_event(1.0, 0.1, 0),
        dp.ComposedDpEvent([dp.GaussianDpEvent(1.0), dp.GaussianDpEvent(math.nan)]),
    ],
    ids=repr,
)
def test_events_without_a_price_are_refused_in_words(event):
    with pytest.raises(OverheardError, match="DpEvent"):
        price(event, 1e-5)


@pytest.mark.parametrize("delta", [-1e-9, 1.0, 2.0, math.nan])
def test_a_delta_out_of_range_is_refused(delta):
    with pytest.raises(OverheardError, match="delta"):
        price(dp.GaussianDpEvent(1.0), delta)


def test_a_guarantee_says_what_it_is_about():
    found = price(dp.GaussianDpEvent(1.0), 1e-5, unit="speaker", basis="claimed")
    assert (found.unit, found.relation) == ("speaker", "add or remove one speaker")
    assert (found.basis, found.delta) == ("claimed", 1e-5)


def test_laplace_votes_are_priced_by_their_losses():
    """Of dp-accounting 0.6.0, at a grid of 1e-4; Rényi accounting alone asks for more."""
    event = laplace_votes_event(52.5, 150)
    exact = 1.2471692449
    guarantee = price(event, 1e-5)
    assert exact <= guarantee.epsilon <= exact + PLD_GRID
    assert guarantee.accountant == "pld (dp-accounting)"
    assert dp.rdp.RdpAccountant().compose(event).get_epsilon(1e-5) > 1.04 * exact
