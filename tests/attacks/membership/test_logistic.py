"""Logistic regression against scikit-learn's."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from attacks.membership.logistic import FARTHEST, learn

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(300, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 1.0]
LABELS = FEATURES @ [1.0, -0.2, 3.0] + RNG.logistic(size=300) > 2.0


def test_it_finds_what_scikit_learn_finds():
    rule = learn(FEATURES, LABELS)
    design = (FEATURES - FEATURES.mean(0)) / FEATURES.std(0)
    assert np.abs(design).max() < FARTHEST
    design = np.hstack([design, np.ones((300, 1))])
    twin = LogisticRegression(fit_intercept=False, tol=1e-8).fit(design, LABELS)
    np.testing.assert_allclose([*rule.weights, rule.bias], twin.coef_[0], atol=1e-3)
    np.testing.assert_allclose(rule.logits(FEATURES), design @ twin.coef_[0], atol=1e-2)


def test_a_constant_feature_weighs_nothing():
    rule = learn(np.hstack([FEATURES, np.full((300, 1), 7.0)]), LABELS)
    assert rule.weights[3] == 0.0
    without = learn(FEATURES, LABELS)
    np.testing.assert_allclose(rule.weights[:3], without.weights, atol=1e-3)


def test_separated_and_missing_labels_leave_a_finite_rule():
    for labels in (FEATURES[:, 0] > 0, np.zeros(300, bool)):
        assert np.isfinite(learn(FEATURES, labels).logits(FEATURES)).all()
    assert np.isfinite(learn(FEATURES[:1], LABELS[:1]).logits(FEATURES)).all()


def test_one_outlier_does_not_command():
    rule = learn(FEATURES, LABELS)
    far = np.array([[1e9, 5.0, 1.0]])
    assert np.isfinite(rule.logits(far)).all()
    assert abs(rule.logits(far)[0] - rule.bias) <= FARTHEST * np.abs(rule.weights).sum()
