"""What a mechanism costs, as a value: light enough for whoever only reads records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from targets.speech.utterance import Unit


@dataclass(frozen=True)
class Guarantee:
    """(ε, δ)-differential privacy, with what it is about and where it comes from.

    `unit` is what may be added or removed; `relation` the neighbouring relation. ε = inf is no
    guarantee. `basis` says why it should be believed: 'audited code' where this project's own
    mechanism made the event, 'claimed' where a submission did, 'none' without a guarantee. δ,
    relation and accountant may be None where nothing is promised.
    """

    epsilon: float
    delta: float | None
    unit: Unit
    relation: str | None
    accountant: str | None
    basis: str

    @property
    def promised(self) -> float | None:
        """ε as records and tables state it: None where nothing is promised."""
        return None if math.isinf(self.epsilon) else self.epsilon
