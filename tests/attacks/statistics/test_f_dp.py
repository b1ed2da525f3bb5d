"""The one-run f-DP bound against its pins and a slow re-implementation."""

import numpy as np
import pytest
from scipy.stats import norm

from attacks.statistics.audit import every_bound
from attacks.statistics.evidence import Trials
from attacks.statistics.f_dp import f_dp_bound, mu_from_guesses, refutes
from attacks.statistics.gdp import epsilon_from_mu, mu_from_epsilon
from attacks.statistics.one_run import epsilon_from_guesses


def slow_refutes(mu, m, g, c, alpha):
    """The recursion as the paper runs it: whole lists, no early exit."""
    right, wrong = [0.0] * (c + 1), [0.0] * (c + 1)
    right[c], wrong[c] = alpha * c / m, alpha * (g - c) / m
    for i in range(c - 1, -1, -1):
        wrong[i] = max(wrong[i + 1], norm.cdf(norm.ppf(min(right[i + 1], 1.0)) - mu))
        right[i] = right[i + 1] + i / (g - i) * (wrong[i] - wrong[i + 1])
    return right[0] + wrong[0] > g / m


@pytest.mark.parametrize(
    ("m", "g", "c", "one_run", "f_dp"),
    [
        (1000, 500, 500, 5.1, 9.9),
        (2000, 400, 390, 3.1, 5.0),
        (1000, 1000, 650, 0.51, 0.97),
    ],
)
def test_pins(m, g, c, one_run, f_dp):
    assert epsilon_from_guesses(m, g, c, 1e-5, 0.05) == pytest.approx(one_run, rel=0.02)
    found = epsilon_from_mu(mu_from_guesses(m, g, c, 0.05), 1e-5)
    assert found == pytest.approx(f_dp, rel=0.005)


@pytest.mark.parametrize(
    ("m", "g", "c"), [(100, 100, 70), (100, 40, 40), (60, 20, 15), (50, 50, 25), (30, 8, 1)]
)
def test_decisions_agree_with_the_plain_recursion(m, g, c):
    for mu in np.linspace(0.01, 4.0, 60):
        assert refutes(mu, m, g, c, 0.05) == slow_refutes(mu, m, g, c, 0.05)
    bound = mu_from_guesses(m, g, c, 0.05)
    assert bound == 0.0 or slow_refutes(bound, m, g, c, 0.05)
    assert not slow_refutes(bound + 2e-4, m, g, c, 0.05)


def test_more_right_guesses_never_prove_less():
    bounds = [mu_from_guesses(200, 100, c, 0.05) for c in range(101)]
    assert bounds == sorted(bounds)
    assert bounds[0] == bounds[50] == 0.0
    assert bounds[-1] > 1.0


def test_a_null_of_no_privacy_loss_is_refuted_at_about_its_level():
    # μ = 0 leaves fair coins; the recursion pays a factor for allowing every dependence.
    rng = np.random.default_rng(0)
    critical = min(c for c in range(500, 1001, 2) if refutes(1e-6, 1000, 1000, c, 0.05))
    assert np.mean(rng.binomial(1000, 0.5, 100_000) >= critical) <= 0.05


def test_impossible_counts_are_errors():
    with pytest.raises(ValueError, match="correct <= guesses <= m"):
        mu_from_guesses(10, 11, 10, 0.05)


def test_ideal_gaussian_scores_at_epsilon_ten():
    # The figures seen before were 2.95 (Clopper-Pearson), 2.60 (one run) and 4.30 (f-DP), the last
    # two with a plan of guesses that was not kept: ours must do no worse.
    rng = np.random.default_rng(0)
    mu = mu_from_epsilon(10.0, 1e-5)
    found: dict[str, list[float]] = {}
    for _ in range(20):
        scores = rng.normal(mu, 1, 1000), rng.normal(0, 1, 1000)
        for design in ("one_run", "many_runs"):
            trials = Trials(*scores, "utterance", design)
            for name, bound in every_bound(trials, delta=1e-5, noise="gaussian").items():
                if bound.scored:
                    found.setdefault(name, []).append(bound.low)
    medians = {name: float(np.median(values)) for name, values in found.items()}
    assert medians["Clopper-Pearson"] == pytest.approx(2.95, abs=0.15)
    assert medians["one-run"] >= 2.60
    assert medians["one-run f-DP"] >= 4.30
    assert medians["Gaussian DP"] > 7.0
    # At 95 % one of twenty may be above.
    above = {name: sum(low > 10.0 for low in values) for name, values in found.items()}
    assert max(above.values()) <= 4
    assert {name for name, count in above.items() if count} <= {"Gaussian DP"}


def test_ceiling_is_what_perfect_scores_reach():
    perfect = Trials(np.ones(500), np.zeros(500), "utterance", "one_run")
    bound = f_dp_bound(perfect, delta=1e-5, noise="gaussian")
    assert bound.low == bound.ceiling
