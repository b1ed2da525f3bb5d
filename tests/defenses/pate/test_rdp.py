"""Data-dependent costs of votes against exact divergences, simulation and the papers' values."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy.special import ndtr

from defenses.accounting.price import gaussian_votes_event, price
from defenses.pate.rdp import (
    ORDERS,
    confident_rdp,
    epsilon_of,
    gnmax_log_q,
    gnmax_rdp,
    lnmax_log_q,
    lnmax_rdp,
    threshold_log_q,
    threshold_rdp,
)

SOME = np.array([1.1, 1.5, 2.5, 4.0, 16.0, 64.0])


def divergence(p, q, order):
    """Return the exact Rényi divergence of two coins with heads at p and q."""
    terms = [order * np.log(a) + (1 - order) * np.log(b) for a, b in ((p, q), (1 - p, 1 - q))]
    return np.logaddexp(*terms) / (order - 1)


def gaussian_heads(gap, scale):
    return ndtr(gap / (math.sqrt(2) * scale))


def laplace_heads(gap, scale):
    tail = (2 + abs(gap) / scale) / 4 * math.exp(-abs(gap) / scale)
    return 1 - tail if gap >= 0 else tail


@pytest.mark.parametrize("scale", [0.5, 2.0, 7.0, 30.0])
@pytest.mark.parametrize(
    ("heads", "log_q", "rdp"),
    [(gaussian_heads, gnmax_log_q, gnmax_rdp), (laplace_heads, lnmax_log_q, lnmax_rdp)],
)
def test_two_classes_never_cost_less_than_the_exact_divergence(heads, log_q, rdp, scale):
    counts = np.array([[50 + half, 50 - half] for half in range(51)])
    bounds = rdp(log_q(counts, scale), scale, SOME)
    for (yes, no), bound in zip(counts, bounds, strict=True):
        here = heads(yes - no, scale)
        for gap in (yes - no + 2, yes - no - 2):
            there = heads(gap, scale)
            if min(here, there, 1 - here, 1 - there) > 1e-7:  # 1 - p is exact enough
                assert np.all(divergence(here, there, SOME) <= bound * (1 + 1e-9) + 1e-12)


@pytest.mark.parametrize("sigma", [0.7, 3.0, 12.0])
def test_the_threshold_never_costs_less_than_the_exact_divergence(sigma):
    votes = np.arange(1, 60)
    counts = np.stack([votes, np.zeros_like(votes)], axis=1)
    bounds = threshold_rdp(threshold_log_q(counts, 30.5, sigma), sigma, SOME)
    for vote, bound in zip(votes, bounds, strict=True):
        here = ndtr((vote - 30.5) / sigma)
        for other in (vote - 1, vote + 1):
            there = ndtr((other - 30.5) / sigma)
            if min(here, there) > 0 and max(here, there) < 1 - 1e-9:
                assert np.all(divergence(here, there, SOME) <= bound * (1 + 1e-9) + 1e-12)


@pytest.mark.parametrize(
    ("log_q", "draw"), [(gnmax_log_q, "normal"), (lnmax_log_q, "laplace")], ids=["gauss", "laplace"]
)
@pytest.mark.parametrize("counts", [[30, 20, 10, 5], [9, 8, 8, 8], [40, 0, 0, 0]])
def test_q_is_at_least_the_simulated_chance_of_a_miss(log_q, draw, counts):
    generator = np.random.default_rng(0)
    noisy = counts + getattr(generator, draw)(0, 8.0, (40_000, 4))
    missed = np.mean(noisy.argmax(axis=1) != 0)
    bound = math.exp(log_q(np.array([counts]), 8.0)[0])
    assert missed <= bound + 4 * math.sqrt(bound / 40_000)
    assert bound <= 3 * missed + 0.01


# Of Papernot et al. 2018: -ln q0, below which the data begin to matter, read off to two figures.
@pytest.mark.parametrize(
    ("sigma", "known"),
    [
        (1.5, [2.8, 2.6, 427]),
        (15.0, [4.8, 4.0, 4.7, 275]),
        (1500.0, [9.6, 8.8, 6.0, 4.0]),
        (15000.0, [12, 11.2, 8.6, 6.4]),
    ],
)
def test_data_begin_to_matter_where_the_paper_says(sigma, known):
    for order, at in zip([1.1, 2.5, 32.0, 250.0], known, strict=False):
        log_q = -np.array([at - 0.3, at + 0.6 + at / 500])
        before, after = gnmax_rdp(log_q, sigma, np.array([order]))[:, 0]
        assert before == pytest.approx(order / sigma**2, rel=1e-12)
        assert after < before


@pytest.mark.parametrize("sigma", [0.5, 4.0, 40.0])
def test_the_cost_grows_with_the_chance_of_a_miss(sigma):
    costs = gnmax_rdp(-np.geomspace(700, 1e-3, 3_000), sigma, SOME)
    assert np.all(np.diff(costs, axis=0) >= -1e-12 * costs[1:])
    assert costs[-1] == pytest.approx(SOME / sigma**2)


def test_laplace_votes_cost_for_all_data_what_pure_privacy_says():
    always = lnmax_rdp(np.zeros(1), 4.0, SOME)[0]
    assert always == pytest.approx(np.minimum(0.5**2 * SOME / 2, 0.5))


def test_all_data_together_cost_what_the_event_does():
    rdp = 300 * ORDERS / 40.0**2
    exact = price(gaussian_votes_event(40.0, 300), 1e-5).epsilon
    assert exact <= epsilon_of(rdp, 1e-5) <= 1.1 * exact


def test_nothing_to_choose_from_costs_nothing():
    assert gnmax_rdp(gnmax_log_q(np.array([[9]]), 1.0), 1.0, SOME).max() == 0


def test_only_answered_queries_pay_for_the_answer():
    counts = np.array([[30, 5, 5], [14, 13, 13], [40, 0, 0]])
    answered = np.array([True, False, True])
    spent = confident_rdp(counts, answered, 24.0, 10.0, 5.0, SOME)
    tests = threshold_rdp(threshold_log_q(counts, 24.0, 10.0), 10.0, SOME)
    votes = gnmax_rdp(gnmax_log_q(counts, 5.0), 5.0, SOME)
    np.testing.assert_allclose(spent, tests + votes * answered[:, None])
    assert np.all(tests <= SOME / (2 * 10.0**2) * (1 + 1e-12))


def test_thousands_of_queries_take_seconds():
    counts = np.random.default_rng(0).multinomial(250, [0.7] + [0.3 / 15] * 15, size=5_000)
    began = time.process_time()
    rdp = gnmax_rdp(gnmax_log_q(counts, 40.0), 40.0, ORDERS).sum(axis=0)
    assert 0 < epsilon_of(rdp, 1e-5) < epsilon_of(5_000 * ORDERS / 1600, 1e-5)
    assert time.process_time() - began < 5
