"""`make bench`: every bound on 10,000 + 10,000 scores takes less than a second on one core."""

import time
from functools import partial

import numpy as np
import pytest

from attacks.statistics import f_dp, gdp, one_run
from attacks.statistics.audit import every_bound
from attacks.statistics.clopper_pearson import clopper_pearson_bound, upper_limit
from attacks.statistics.evidence import Trials

N = 10_000
CACHED = (one_run.epsilon_from_guesses, f_dp.mu_from_guesses, gdp.epsilon_from_mu, upper_limit)
SPLIT = {"correction": "split", "rng": np.random.default_rng(0)}
BOUNDS = {
    "one-run": ("one_run", one_run.one_run_bound),
    "one-run, split": ("one_run", partial(one_run.one_run_bound, **SPLIT)),
    "one-run f-DP": ("one_run", partial(f_dp.f_dp_bound, noise="gaussian")),
    "Clopper-Pearson": ("many_runs", clopper_pearson_bound),
    "Clopper-Pearson, split": ("many_runs", partial(clopper_pearson_bound, **SPLIT)),
    "Gaussian DP": ("many_runs", partial(gdp.gdp_bound, noise="gaussian")),
    "all, one run": ("one_run", partial(every_bound, noise="gaussian")),
    "all, many runs": ("many_runs", partial(every_bound, noise="gaussian")),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_bound(benchmark, name):
    design, bound = BOUNDS[name]
    rng = np.random.default_rng(0)
    trials = Trials(rng.normal(2, 1, N), rng.normal(0, 1, N), "utterance", design)

    def fresh():
        for cached in CACHED:
            cached.cache_clear()
        return bound(trials, delta=1e-5)

    began = time.process_time()
    assert fresh()
    assert time.process_time() - began < 1.0
    benchmark.group = "bounds on 10,000 + 10,000 scores"
    benchmark(fresh)
