"""The largest AUC against closed forms, and against what no attack can pass."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import (
    ComposedDpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    NoOpDpEvent,
    UnsupportedDpEvent,
)
from scipy.special import ndtr

from attacks.statistics.gdp import delta_from_mu
from defenses.accounting import trade_off
from defenses.accounting.event_json import EventError
from defenses.accounting.event_text import event_to_text
from defenses.accounting.price import dp_sgd_event, gaussian_votes_event, price
from defenses.accounting.trade_off import area_allowed, largest_auc, largest_auc_of_text
from targets.core.errors import OverheardError

CLOSE = 5e-4


@pytest.mark.parametrize("mu", [0.1, 1.0, 3.0])
def test_the_area_under_a_gaussian_curve_is_the_closed_form(mu):
    epsilons = np.linspace(0, mu**2 / 2 + 5 * mu, 400)
    deltas = np.array([delta_from_mu(mu, e) for e in epsilons])
    exact = ndtr(mu / math.sqrt(2))
    assert exact <= area_allowed(epsilons, deltas) <= exact + CLOSE
    assert largest_auc(GaussianDpEvent(1 / mu)) == pytest.approx(exact)


def test_gaussian_queries_are_one_gaussian_query():
    once = largest_auc(GaussianDpEvent(2.0))
    assert largest_auc(ComposedDpEvent([GaussianDpEvent(4.0)] * 4)) == pytest.approx(once)
    assert largest_auc(gaussian_votes_event(20.0, 50)) == pytest.approx(
        ndtr(10 / 20 / math.sqrt(2))
    )


@pytest.mark.parametrize(("noise", "rate"), [(0.5, 0.1), (1.0, 0.5), (2.0, 0.01)])
def test_a_sampled_query_is_a_mixture(noise, rate):
    """Its best attack looks at the sum: half the time right where the unit was not drawn."""
    exact = (1 - rate) / 2 + rate * ndtr(1 / (noise * math.sqrt(2)))
    # Add and remove are taken together, which loses a little.
    assert (
        exact <= largest_auc(dp_sgd_event(noise, rate, 1)) <= exact + 0.05 * (exact - 0.5) + CLOSE
    )


def test_laplace_noise_leaves_less_than_its_epsilon():
    # P[X + 1 > Y] for independent Laplace X and Y of scale one.
    exact = 1 - 0.75 / math.e
    found = largest_auc(LaplaceDpEvent(1.0))
    assert exact <= found <= exact + CLOSE
    pure = area_allowed(np.array([1.0]), np.array([0.0]))
    assert pure == pytest.approx(math.e / (1 + math.e), abs=CLOSE)
    assert found < pure


def test_nothing_and_everything():
    assert largest_auc(NoOpDpEvent()) == pytest.approx(0.5, abs=1e-4)
    assert largest_auc(NonPrivateDpEvent()) == 1
    assert largest_auc(ComposedDpEvent([NonPrivateDpEvent(), GaussianDpEvent(1.0)])) == 1
    assert largest_auc(GaussianDpEvent(0.0)) == 1
    assert area_allowed(np.array([math.inf]), np.array([0.1])) == 1
    assert largest_auc(dp_sgd_event(0.01, 0.5, 100)) > 0.99


def test_it_is_much_less_than_one_guarantee_would_leave():
    event = dp_sgd_event(6.0, 0.3, 50)
    epsilon = price(event, 1e-5).epsilon
    assert largest_auc(event) < area_allowed(np.array([epsilon]), np.array([1e-5])) - 0.1


def test_without_pld_it_is_a_little_more(monkeypatch):
    event = dp_sgd_event(2.0, 0.1, 50)
    tight = largest_auc(event)
    monkeypatch.setattr(trade_off, "losses_of", lambda _: None)
    assert tight < largest_auc(event) < tight + 0.15


def test_a_text_is_read_and_remembered(monkeypatch):
    text = event_to_text(dp_sgd_event(3.0, 0.1, 7))
    found = largest_auc_of_text(text)
    assert found == largest_auc(dp_sgd_event(3.0, 0.1, 7))
    monkeypatch.setattr(trade_off, "largest_auc", None)
    assert largest_auc_of_text(text) == found
    with pytest.raises(EventError):
        largest_auc_of_text("print(1)")


def test_what_has_no_price_has_no_largest_auc():
    with pytest.raises(OverheardError):
        largest_auc(GaussianDpEvent(math.nan))
    with pytest.raises(OverheardError, match="no accountant for"):
        largest_auc(UnsupportedDpEvent())
