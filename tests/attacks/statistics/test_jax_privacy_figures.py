"""Our bounds beside an independent implementation: jax-privacy 2.0.0, on the same guesses.

Its `auditing` module was run once, by itself; the package needs JAX and is no dependency. Columns:
candidates, guesses, right ones, δ, and at 95 % its ε of one run (Steinke et al.) and by f-DP
(Mahloujifar et al.).
"""

from __future__ import annotations

import pytest

from attacks.statistics.clopper_pearson import upper_limit
from attacks.statistics.f_dp import mu_from_guesses
from attacks.statistics.gdp import epsilon_from_mu
from attacks.statistics.one_run import epsilon_from_guesses

THEIRS = [
    (50, 50, 40, 1e-5, 0.7738, 1.8181),
    (50, 50, 40, 1e-3, 0.7442, 1.2252),
    (200, 50, 45, 1e-5, 1.3920, 2.4464),
    (200, 50, 45, 1e-3, 1.1883, 1.6845),
    (1000, 100, 90, 1e-5, 1.6261, 2.4564),
    (1000, 100, 90, 1e-3, 0.3885, 1.6920),
    (1000, 1000, 650, 1e-5, 0.5080, 0.9675),
    (2000, 400, 390, 1e-5, 3.1181, 5.0083),
    (2000, 400, 390, 1e-3, 1.4897, 3.6244),
    (10000, 500, 450, 1e-5, 1.9355, 2.5862),
    (10000, 500, 450, 1e-3, 0.0, 1.7879),
    (1600, 1600, 900, 1e-5, 0.1670, 0.3258),
]


@pytest.mark.parametrize(("candidates", "guesses", "correct", "delta", "one_run", "f_dp"), THEIRS)
def test_guesses_prove_what_they_prove_elsewhere(
    candidates, guesses, correct, delta, one_run, f_dp
):
    ours = epsilon_from_guesses(candidates, guesses, correct, delta, 0.05)
    assert ours == pytest.approx(one_run, abs=1e-4)
    mu = mu_from_guesses(candidates, guesses, correct, 0.05)
    assert epsilon_from_mu(mu, delta) == pytest.approx(f_dp, abs=1e-3)


@pytest.mark.parametrize(
    ("errors", "trials", "alpha", "limit"),
    [(0, 100, 0.05, 0.0295130), (3, 250, 0.025, 0.0346666), (40, 1000, 0.01, 0.0568481)],
)
def test_limits_of_rates(errors, trials, alpha, limit):
    assert upper_limit(errors, trials, alpha) == pytest.approx(limit, abs=1e-6)
