"""Trials are checked where they enter, and refuse what they cannot prove."""

import dataclasses

import numpy as np
import pytest

from attacks.statistics.audit import every_bound
from attacks.statistics.clopper_pearson import clopper_pearson_bound
from attacks.statistics.evidence import Trials
from attacks.statistics.f_dp import f_dp_bound
from attacks.statistics.gdp import gdp_bound
from attacks.statistics.one_run import one_run_bound


def trials(design="one_run", unit="utterance", n=200, shift=2.0):
    rng = np.random.default_rng(0)
    return Trials(rng.normal(shift, 1, n), rng.normal(0, 1, n), unit, design)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_scores": []}, "in_scores is empty"),
        ({"out_scores": [0.0, float("nan")]}, r"out_scores\[1\] is nan"),
        ({"in_scores": [float("inf")]}, r"in_scores\[0\] is inf"),
        ({"in_scores": [[1.0]]}, "one dimension"),
        ({"in_scores": ["high"]}, "must be numbers"),
        ({"unit": "word"}, "unit is 'word'"),
        ({"design": "many"}, "design is 'many'"),
        ({"in_groups": ["a"]}, "both in_groups and out_groups"),
        ({"in_groups": ["a", "b"], "out_groups": ["a"]}, "in_groups has shape"),
    ],
)
def test_malformed_trials_are_refused_in_words(change, message):
    given = {"in_scores": [1.0], "out_scores": [0.0], "unit": "utterance", "design": "one_run"}
    with pytest.raises(ValueError, match=message):
        Trials(**(given | change))


def test_trials_cannot_be_edited_through_the_arrays_they_were_made_from():
    scores = np.array([1.0, 2.0])
    kept = Trials(scores, [0.0], "utterance", "one_run")
    scores[0] = 99.0
    assert kept.in_scores[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        kept.in_scores[0] = 99.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        kept.design = "many_runs"


@pytest.mark.parametrize("noise", ["any", "gaussian"])
def test_observational_trials_bound_nothing(noise):
    bounds = every_bound(trials("observational"), delta=1e-5, noise=noise)
    assert not any(bound.scored for bound in bounds.values())
    assert all("observational" in bound.method for bound in bounds.values())


@pytest.mark.parametrize("design", ["one_run", "many_runs"])
def test_another_unit_than_the_guarantee_bounds_nothing(design):
    bounds = every_bound(trials(design), delta=1e-5, guarantee_unit="speaker", noise="gaussian")
    assert not any(bound.scored for bound in bounds.values())
    same = every_bound(
        trials(design, unit="speaker"), delta=1e-5, guarantee_unit="speaker", noise="gaussian"
    )
    assert any(bound.scored for bound in same.values())


def test_gaussian_bounds_refuse_other_noise():
    assert not f_dp_bound(trials(), delta=1e-5, noise="any").scored
    assert not gdp_bound(trials("many_runs"), delta=1e-5, noise="any").scored
    assert f_dp_bound(trials(), delta=1e-5, noise="gaussian").scored
    assert gdp_bound(trials("many_runs"), delta=1e-5, noise="gaussian").scored


def test_gaussian_bounds_refuse_a_pure_guarantee():
    assert "δ" in f_dp_bound(trials(), delta=0.0, noise="gaussian").method
    assert not gdp_bound(trials("many_runs"), delta=0.0, noise="gaussian").scored


def test_each_bound_keeps_to_its_design():
    assert not clopper_pearson_bound(trials("one_run"), delta=0.0).scored
    assert not gdp_bound(trials("one_run"), delta=1e-5, noise="gaussian").scored
    assert not one_run_bound(trials("many_runs"), delta=0.0).scored
    assert not f_dp_bound(trials("many_runs"), delta=1e-5, noise="gaussian").scored


def test_coins_that_are_not_fair_prove_nothing_in_one_run():
    # 95 of 100 are members: calling everybody one is right 95 times, whatever the scores say.
    rng = np.random.default_rng(0)
    lopsided = Trials(rng.normal(size=950), rng.normal(size=50), "utterance", "one_run")
    bound = one_run_bound(lopsided, delta=0.0)
    assert not bound.scored
    assert "fair coins" in bound.method


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, float("nan")])
def test_levels_out_of_range_are_errors(level):
    with pytest.raises(ValueError, match="level"):
        one_run_bound(trials(), delta=0.0, level=level)


@pytest.mark.parametrize("delta", [-1e-9, 1.0, float("nan")])
def test_deltas_out_of_range_are_errors(delta):
    with pytest.raises(ValueError, match="delta"):
        clopper_pearson_bound(trials("many_runs"), delta=delta)
