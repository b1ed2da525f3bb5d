"""The transducer with residual adapters in its encoder: a base that stays, and few weights.

The public start of a suite is the base, and computes exactly what `rnnt` does. Schemes train the
adapters alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from targets.models.rnnt import Transducer
from targets.nn.encoder import MakeEncoder
from targets.nn.residual_adapters import AdaptedEncoder, MakeAdapter, ResidualAdapter


class AdaptedTransducer(Transducer):
    """A transducer whose encoder has adapters. See `Transducer` and `HasAdapters`."""

    encoder: AdaptedEncoder
    make_encoder: ClassVar[MakeEncoder] = AdaptedEncoder
    make_adapter: ClassVar[MakeAdapter] = ResidualAdapter

    def __init__(self, vocabulary: int, channels: int, hidden: int) -> None:
        super().__init__(vocabulary, channels, hidden)
        self.encoder.add_adapters(self.make_adapter)

    def adapter_weights(self) -> Sequence[nn.Parameter]:
        """See `HasAdapters`."""
        return list(self.encoder.adapters.parameters())
