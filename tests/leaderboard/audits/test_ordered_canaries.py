"""Canaries in a fixed order: the filter is the likelihood ratio, and the audit is tight."""

from __future__ import annotations

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent
from scipy.stats import multivariate_normal

from defenses.accounting.price import dp_sgd_event
from defenses.dpsgd.ftrl import DPFTRL
from leaderboard.audits.gradient_canaries import Setting, many_runs, train_and_watch
from leaderboard.audits.ordered_canaries import statistics
from leaderboard.audits.training_audit import conclude
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

pytestmark = pytest.mark.one_version

DELTA, RNG = 1e-5, Randomness(0)
DEFENSE = DPFTRL(10.0, epochs=2, batch_size=4, band=3)
SETTING = Setting(DEFENSE, 16, DELTA)
MECHANISM = DEFENSE.mechanism(16)
NAMES = ["canary-0", "canary-1", "canary-2"]


def test_the_filter_is_the_ratio_of_densities():
    updates = RNG.child("updates").numpy().normal(size=(8, 3))
    event, root = GaussianDpEvent(0.8), MECHANISM.root
    inverse = np.linalg.inv(root.times(np.eye(8)))
    noise = (0.8 * root.sensitivity(4)) ** 2 * inverse @ inverse.T
    found = statistics(updates, event, MECHANISM, NAMES)["likelihood"]
    for n, name in enumerate(NAMES):
        signal = root.participation(MECHANISM.place(name), 4)
        inside = multivariate_normal(signal, noise).logpdf(updates[:, n])
        outside = multivariate_normal(np.zeros(8), noise).logpdf(updates[:, n])
        assert found[n] == pytest.approx(inside - outside)


def test_a_canary_moves_the_steps_of_its_place(monkeypatch):
    monkeypatch.setattr("defenses.dpsgd.ftrl.calibrated", lambda *_: 0.0)
    _, updates = train_and_watch(SETTING, [True, False, True], RNG)
    for n, name in enumerate(NAMES):
        expected = MECHANISM.root.participation(MECHANISM.place(name), 4) * (n != 1)
        np.testing.assert_allclose(updates[:, n], expected, rtol=1e-5)


def test_another_kind_of_event_is_refused():
    with pytest.raises(OverheardError, match="ordered canaries audit one Gaussian query"):
        statistics(np.zeros((8, 3)), dp_sgd_event(1.0, 0.5, 8), MECHANISM, NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("band", [1, 16])
def test_at_epsilon_ten_the_audit_proves_four_fifths(band):
    defense = DPFTRL(10.0, epochs=2, batch_size=4, band=band)
    evidence = many_runs(Setting(defense, 16, DELTA), 1_500, RNG)
    audit = conclude("dp-ftrl", "updates", evidence, delta=DELTA)
    assert audit.verdict == "consistent"
    assert 0.8 < audit.ratio < 1


def test_where_an_epoch_is_one_step_there_is_no_range():
    whole = DPFTRL(10.0, epochs=2, batch_size=4).mechanism(4)
    assert list(statistics(np.zeros((2, 1)), GaussianDpEvent(1.0), whole, ["a"])) == ["likelihood"]
