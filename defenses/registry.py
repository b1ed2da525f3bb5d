"""The built-in schemes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from defenses.base import Defense
from defenses.dpsgd.microbatch import MicrobatchDPSGD
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from defenses.dpsgd.self_trained import SelfTrainedEDPSGD
from defenses.pate.scheme import PATE
from defenses.public.nonprivate import NonPrivate
from defenses.public.scheme import PublicStudent

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
