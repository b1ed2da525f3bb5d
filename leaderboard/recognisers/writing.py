"""A recogniser of which transcripts alone are asked, through a function that writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import soxr

from leaderboard.recognisers.base import Ability, UnheardError, checked, refuse
from targets.speech.utterance import Samples

WHY = "this door asks for transcripts only; write a class around the model for more"


@dataclass(frozen=True, eq=False)
class WritingRecogniser:
    """A recogniser behind `write`, which takes audio (S,) at `rate`. See `OutsideRecogniser`."""

    name: str
    kind: str
    rate: int
    write: Callable[[Samples], str]
    digest: str | None = None

    @property
    def cannot(self) -> Mapping[Ability, str]:
        """Anything but transcripts."""
        return {"log_likelihood": WHY, "gradient_norm": WHY}

    def transcribe(self, audio: Samples, rate: int) -> str:
        """See `OutsideRecogniser`."""
        samples = checked(audio, rate, self.name)
        if rate != self.rate:
            samples = soxr.resample(samples, rate, self.rate)
        try:
            return self.write(samples).strip()
        except Exception as error:  # of another library, at audio that it cannot take
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UnheardError(
                f"{self.name}: cannot take an utterance of {len(audio) / rate:.2f} s: {reason}"
            ) from None

    def log_likelihood(self, audio: Samples, rate: int, text: str) -> NoReturn:
        """Refuse: see `cannot`."""
        del audio, rate, text
        refuse(self, "log_likelihood")

    def gradient_norm(self, audio: Samples, rate: int, text: str) -> NoReturn:
        """Refuse: see `cannot`."""
        del audio, rate, text
        refuse(self, "gradient_norm")
