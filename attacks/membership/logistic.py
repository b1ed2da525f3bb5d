"""Logistic regression on a few features: arrays in, a scoring rule out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Features = NDArray[np.float64]
Labels = NDArray[np.bool_]

FARTHEST = 6.0  # standard deviations: a feature farther out says no more than one there


@dataclass(frozen=True, eq=False)
class Rule:
    """A linear rule on features (N, D): standardised, cut at `FARTHEST`, weighed and added up."""

    centre: Features
    scale: Features
    weights: Features
    bias: float

    def logits(self, features: Features) -> Features:
        """Return the log-odds (N,) of a positive label."""
        return _standardised(features, self.centre, self.scale) @ self.weights + self.bias


def learn(features: Features, labels: Labels, penalty: float = 1.0) -> Rule:
    """Return the rule that minimises the log-loss plus penalty / 2 times its squared weights.

    `features` is (N, D), `labels` (N,). Weights and bias are penalised, so that the rule is finite
    even if a feature separates the labels or one of them is missing.
    """
    centre, scale = features.mean(axis=0), features.std(axis=0)
    # A feature that never varies is left out.
    scale = np.where(scale > 1e-9, scale, np.inf)
    design = np.hstack([_standardised(features, centre, scale), np.ones((len(features), 1))])
    signs = np.where(labels, 1.0, -1.0)

    def objective(weights: Features) -> tuple[float, Features]:
        margins = signs * (design @ weights)
        loss = np.logaddexp(0.0, -margins).sum() + penalty / 2 * weights @ weights
        slope = -design.T @ (signs * expit(-margins)) + penalty * weights
        return float(loss), slope

    found = minimize(objective, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x
    return Rule(centre, scale, found[:-1], float(found[-1]))


def _standardised(features: Features, centre: Features, scale: Features) -> Features:
    return np.clip((features - centre) / scale, -FARTHEST, FARTHEST)
