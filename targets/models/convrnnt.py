"""ConvRNN-T: a transducer that streams, on convolutions and an LSTM (Radfar et al. 2022)."""

from __future__ import annotations

from typing import ClassVar

from targets.models.rnnt import Transducer
from targets.nn.convrnnt import ConvRNNEncoder
from targets.nn.encoder import MakeEncoder


class ConvRNNT(Transducer):
    """One that writes while it listens: its states look 100 ms ahead at most. See `Transducer`."""

    make_encoder: ClassVar[MakeEncoder] = ConvRNNEncoder
