"""The conformer encoder under CTC and under a transducer (Gulati et al. 2020)."""

from __future__ import annotations

from typing import ClassVar

from targets.models.ctc import CTC
from targets.models.rnnt import Transducer
from targets.nn.conformer import ConformerEncoder, StreamingConformerEncoder
from targets.nn.encoder import MakeEncoder


class ConformerCTC(CTC):
    """A conformer and one linear layer. See `CTC`."""

    make_encoder: ClassVar[MakeEncoder] = ConformerEncoder


class StreamingConformerCTC(CTC):
    """One that writes while it listens: its states look 100 ms ahead at most. See `CTC`."""

    make_encoder: ClassVar[MakeEncoder] = StreamingConformerEncoder


class ConformerTransducer(Transducer):
    """A conformer, a prediction network and a joiner. See `Transducer`."""

    make_encoder: ClassVar[MakeEncoder] = ConformerEncoder
