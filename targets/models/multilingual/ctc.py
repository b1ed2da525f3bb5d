"""CTC on a conformer that languages share, with attention of each language's own."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from targets.models.ctc import CTC
from targets.models.multilingual.encoder import MultilingualEncoder
from targets.nn.encoder import MakeEncoder
from targets.speech.language_frames import LanguageLogMel


class MultilingualCTC(CTC):
    """One that is told the language of each utterance. See `CTC`.

    Without parameters of languages it is the target `conformer`.
    """

    make_encoder: ClassVar[MakeEncoder] = MultilingualEncoder

    def front_end(self) -> nn.Module:
        """See `HearsItself`."""
        return LanguageLogMel()
