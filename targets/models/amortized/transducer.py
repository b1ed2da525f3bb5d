"""The compute-amortised transformer transducer (Xie et al. 2022, arXiv 2207.02393)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from targets.models.amortized.encoder import SwitchedEncoder
from targets.models.rnnt import Transducer
from targets.nn.encoder import MakeEncoder, for_all

# Nats that training pays for the whole compute of a state of 80 ms. Paid from random weights on, it
# saves 70 % of the compute, paid later a third (`tests.studies.amortized`).
COMPUTE_WEIGHT = 0.1


class AmortizedTransducer(Transducer):
    """A transducer whose encoder skips blocks frame by frame. See `Transducer`.

    Training pays for each utterance's own compute, `compute_weight` nats a state: see
    `TrainsOnMore`. What it may learn from that is seen from outside: see `ReportsCompute`.
    """

    make_encoder: ClassVar[MakeEncoder] = SwitchedEncoder

    def __init__(self, vocabulary: int, channels: int, hidden: int) -> None:
        super().__init__(vocabulary, channels, hidden)
        self.compute_weight = COMPUTE_WEIGHT

    def training_loss(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """See `TrainsOnMore`."""
        states, counts, gates = self._encoder().traced(features, counts)
        losses = self.nll_of_states(*for_all((states, counts), len(labels)), labels)
        return losses + self.compute_weight * self._encoder().soft_compute(gates)

    @torch.no_grad()
    def compute(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReportsCompute`; of the encoder, its arbitrators included."""
        encoder = self._encoder()
        _, states, gates = encoder.traced(features, counts)  # how many states there are
        on = (gates > 0).sum(1)
        most = states[:, None].expand_as(on)
        return encoder.operations(counts, on), encoder.operations(counts, most)

    def _encoder(self) -> SwitchedEncoder:
        assert isinstance(self.encoder, SwitchedEncoder)
        return self.encoder
