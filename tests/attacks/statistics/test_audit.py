"""The audited ε: fixed beforehand, the level spent once, and a verdict that admits its ceiling."""

import math

import numpy as np
import pytest

from attacks.statistics.audit import audited_epsilon, best_of, every_bound
from attacks.statistics.evidence import Trials
from targets.core.estimate import Estimate


def trials(design="one_run", shift=2.5, n=1000, seed=0):
    rng = np.random.default_rng(seed)
    return Trials(rng.normal(shift, 1, n), rng.normal(0, 1, n), "utterance", design)


@pytest.mark.parametrize(
    ("design", "noise", "name"),
    [
        ("one_run", "any", "one-run"),
        ("one_run", "gaussian", "one-run f-DP"),
        ("many_runs", "any", "Clopper-Pearson"),
        ("many_runs", "gaussian", "Gaussian DP"),
    ],
)
def test_the_method_follows_from_design_and_noise(design, noise, name):
    game = trials(design)
    audited = audited_epsilon(game, delta=1e-5, noise=noise)
    assert audited == every_bound(game, delta=1e-5, noise=noise)[name]
    assert audited.value == audited.low > 1.0
    assert audited.high == math.inf
    assert audited.low <= audited.ceiling


def test_it_is_not_the_best_of_what_is_valid():
    # Scores on which f-DP is allowed and Steinke's bound would be higher must not switch methods.
    perfect = Trials(np.ones(4), np.zeros(4), "utterance", "one_run")
    for noise in ("any", "gaussian"):
        method = audited_epsilon(perfect, delta=1e-5, noise=noise).method
        assert ("f-DP" in method) == (noise == "gaussian")


def test_a_pure_guarantee_falls_back_to_the_general_bound():
    assert "Steinke" in audited_epsilon(trials(), delta=0.0, noise="gaussian").method


def test_several_attacks_share_the_level():
    sharp, dull = trials(shift=2.5), trials(shift=0.5)
    both = audited_epsilon({"sharp": sharp, "dull": dull}, delta=1e-5)
    alone = audited_epsilon(sharp, delta=1e-5)
    assert both.low == audited_epsilon(sharp, delta=1e-5, level=0.975).low
    assert 0 < both.low < alone.low
    assert both.ceiling < alone.ceiling
    assert both.level == 0.95
    assert "sharp" in both.method


def test_one_named_attack_pays_nothing():
    game = trials()
    named, plain = audited_epsilon({"only": game}, delta=1e-5), audited_epsilon(game, delta=1e-5)
    assert named.low == pytest.approx(plain.low)


def test_a_refused_attack_keeps_its_share():
    watched = trials("observational")
    both = audited_epsilon({"coins": trials(), "watched": watched}, delta=1e-5)
    assert both.low == audited_epsilon(trials(), delta=1e-5, level=0.975).low
    none = audited_epsilon({"watched": watched}, delta=1e-5)
    assert not none.scored
    assert "watched: unscored: observational" in none.method


def test_no_attack_is_an_error():
    with pytest.raises(ValueError, match="no attack"):
        audited_epsilon({}, delta=1e-5)


def test_the_level_cannot_be_spent_twice():
    bound = audited_epsilon(trials(), delta=1e-5)
    with pytest.raises(ValueError, match="spend an error"):
        best_of({"a": bound, "b": bound}, 0.95)


def bound(low, ceiling):
    return Estimate(low, low, math.inf, 0.95, "test", ceiling)
