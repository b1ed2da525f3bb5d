"""What others may import of `defenses`: submissions, notebooks, people with a model of their own.

These names stay; everything else in this package may move.
"""

from __future__ import annotations

from defenses.accounting.guarantee import Guarantee
from defenses.accounting.price import calibrate, calibrated, dp_sgd_event, price
from defenses.base import Defense, Trained, weights_of
from defenses.checks import check_defense
from defenses.dpsgd.clipping import normalised_sum
from defenses.dpsgd.mechanism import set_noisy_mean
from defenses.dpsgd.sampling import poisson_batches
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from defenses.public.nonprivate import NonPrivate

__all__ = [
    "DPSGD",
    "EDPSGD",
    "Defense",
    "Guarantee",
    "NonPrivate",
    "Trained",
    "calibrate",
    "calibrated",
    "check_defense",
    "dp_sgd_event",
    "normalised_sum",
    "poisson_batches",
    "price",
    "set_noisy_mean",
    "weights_of",
]
