"""The built-in schemes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from defenses.base import Defense
from defenses.dpsgd import DPSGD, EDPSGD
from defenses.microbatch import MicrobatchDPSGD
from defenses.none import NonPrivate
from defenses.pate import PATE
from defenses.public import PublicStudent
from defenses.self_trained import SelfTrainedEDPSGD

SCHEMES: Mapping[str, Callable[..., Defense]] = {
    "none": NonPrivate,
    "public": PublicStudent,
    "dpsgd": DPSGD,
    "edpsgd": EDPSGD,
    "edpsgd-self-trained": SelfTrainedEDPSGD,
    "edpsgd-microbatch": MicrobatchDPSGD,
    "pate-lnmax": partial(PATE, noise="laplace"),
    "pate-gnmax": partial(PATE, noise="gaussian"),
    "pate-confident-gnmax": partial(PATE, noise="confident"),
}
