"""The built-in attacks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from attacks.base import Attack
from attacks.canary import Extraction
from attacks.inversion import Inversion
from attacks.membership import Loss

ATTACKS: Mapping[str, Callable[..., Attack]] = {
    "membership": Loss,
    "membership-calibrated": partial(Loss, calibrated=True),
    "canary": Extraction,
    "inversion": Inversion,
}
