"""Log-mel frames that say the language of their utterance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from targets.core.errors import OverheardError
from targets.speech.features import MELS, LogMel
from targets.speech.language import LANGUAGE, LANGUAGES
from targets.speech.utterance import Utterance

# From one language to the next in the column of frames that says it. So large that noise on frames,
# as some attacks add it, does not make one language of another.
STEP = 10.0


class LanguageLogMel(nn.Module):
    """Log-mel frames with one more column that says the language, in place of `LogMel`.

    It is `STEP` times the place of the language in `LANGUAGES`, from 1; 0 where the utterance
    states no language.
    """

    has_log_mel: ClassVar[bool] = True  # see `LogMel`

    def __init__(self) -> None:
        super().__init__()
        self.logmel = LogMel()

    def calibrate(self, public: Sequence[Utterance]) -> None:
        """See `LogMel.calibrate`."""
        self.logmel.calibrate(public)

    def prepare(self, utterances: Sequence[Utterance]) -> None:
        """Do nothing: frames are cheap."""

    def forward(self, utterances: Sequence[Utterance]) -> tuple[Tensor, Tensor]:
        """Return frames (B, T, M + 1), padded with zeros, and the frame counts (B,).

        Raises:
            OverheardError: an utterance states a language that is not in `LANGUAGES`.
        """
        frames, counts = self.logmel(utterances)
        column = frames.new_zeros(*frames.shape[:2], 1)
        for row, (utterance, count) in enumerate(zip(utterances, counts.tolist(), strict=True)):
            column[row, :count] = STEP * _place(utterance)
        return torch.cat([frames, column], -1), counts


def _place(utterance: Utterance) -> int:
    language = utterance.attributes.get(LANGUAGE)
    if not language:
        return 0
    if language not in LANGUAGES:
        # It would be heard as English, while its cohort has the name that it states.
        raise OverheardError(
            f"utterance {utterance.id!r} is in {language!r}, and this target knows "
            f"{', '.join(LANGUAGES)}: state one of these in the corpus, or none for English"
        )
    return LANGUAGES.index(language) + 1


def told_apart(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return the log-mel (B, T, M) of frames, and the number (B,) of the language that they say.

    It is the place in `LANGUAGES`, from 0: the first one where they say none, as those of `LogMel`.
    """
    if frames.shape[2] == MELS:
        return frames, torch.zeros(len(frames), dtype=torch.long, device=frames.device)
    said = (frames[:, 0, MELS].detach() / STEP).nan_to_num(0, 0, 0).round().long()
    return frames[..., :MELS], (said - 1).clamp(0, len(LANGUAGES) - 1)
