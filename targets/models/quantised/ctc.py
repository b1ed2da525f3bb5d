"""CTC with 8, 5, 4 and 2 bits a weight: for the question what quantising hides."""

from __future__ import annotations

from targets.models.ctc import CTC
from targets.models.quantised.network import quantised

CTC8, CTC5, CTC4, CTC2 = (quantised(CTC, bits) for bits in (8, 5, 4, 2))
