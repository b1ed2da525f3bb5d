"""Rules learnt from some speakers and judged on others, and intervals over speakers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from attacks.membership.logistic import learn
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness

FOLDS = 5
REPLICATES = 500
LEVEL = 0.95

Array = NDArray[np.float64]
Labels = NDArray[np.bool_]
Names = NDArray[np.str_]


def read_off(
    features: Array, labels: Labels, speakers: Names, penalty: float, rng: Randomness
) -> Array | None:
    """Return a score (N,) for each row of features (N, D), by rules learnt without its speaker.

    None where a rule would have one side alone to learn from.
    """
    names = sorted(set(speakers.tolist()))
    order = rng.numpy().permutation(len(names))
    fold_of = {names[s]: n % FOLDS for n, s in enumerate(order)}
    folds = np.array([fold_of[s] for s in speakers.tolist()])
    found = np.zeros(len(features))
    for fold in sorted(set(folds.tolist())):
        rest = folds != fold
        if len(set(labels[rest].tolist())) < 2:
            return None
        rule = learn(features[rest], labels[rest], penalty)
        # Without the bias: how many of each side the other folds have must not matter.
        found[~rest] = rule.logits(features[~rest]) - rule.bias
    return found


def areas(scores: Array, labels: Labels) -> Array:
    """Return the AUC of each column of scores (N, K)."""
    n_in, n_out = int(labels.sum()), int((~labels).sum())
    ranks = rankdata(scores, axis=0)
    return (ranks[labels].sum(axis=0) - n_in * (n_in + 1) / 2) / (n_in * n_out)


def over_speakers(
    figure: Callable[[Array, Labels], float],
    scores: Array,
    labels: Labels,
    speakers: Names,
    rng: Randomness,
) -> Estimate:
    """Return a figure of scores (N, K), with the interval of speakers drawn again and again."""
    value = float(figure(scores, labels))
    draw, drawn = rng.numpy(), []
    _, speaker = np.unique(speakers, return_inverse=True)
    of_speaker = [np.flatnonzero(speaker == s) for s in range(speaker.max() + 1)]
    for _ in range(REPLICATES):
        picked = draw.integers(len(of_speaker), size=len(of_speaker))
        index = np.concatenate([of_speaker[p] for p in picked])
        if len(set(labels[index].tolist())) == 2:
            drawn.append(float(figure(scores[index], labels[index])))
    if len(drawn) < REPLICATES // 2:
        return Estimate(value, -1.0, 1.0, LEVEL, "too few speakers for an interval")
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    method = f"percentile bootstrap over {len(of_speaker)} speakers"
    return Estimate(value, float(low), float(high), LEVEL, method)
