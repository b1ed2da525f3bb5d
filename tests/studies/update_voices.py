"""Whose voice is it? The place of the true speaker, in what updates give away and in controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attacks.inversion.voiceprint import Voiceprint, unit
from targets.speech.features import LogMel
from targets.speech.utterance import Utterance


class Voices:
    """Speakers to choose among, each enrolled by recordings; the embedding is of public voices."""

    def __init__(
        self,
        logmel: LogMel,
        public: Sequence[Utterance],
        enrolled: Mapping[str, Sequence[Utterance]],
    ) -> None:
        self.logmel = logmel
        self.voiceprint = Voiceprint.learn(
            [self._raw(logmel([u])[0][0]) for u in public], [u.speaker for u in public]
        )
        self.speakers = list(enrolled)
        spectrograms = [[logmel([u])[0][0] for u in enrolled[s]] for s in self.speakers]
        self.prints = unit(np.stack([self._embed(s).mean(0) for s in spectrograms]))

    def ranks(self, guesses: Sequence[Tensor], speakers: Sequence[str]) -> NDArray[np.float64]:
        """Return the place (N,) of each true speaker by standardised frames (T, M); 1 is first."""
        likeness = self._embed(guesses) @ self.prints.T
        own = likeness[np.arange(len(guesses)), [self.speakers.index(s) for s in speakers]]
        return 1.0 + (likeness > own[:, None]).sum(1)

    def _embed(self, spectrograms: Sequence[Tensor]) -> NDArray[np.float64]:
        return self.voiceprint.embed([self._raw(s) for s in spectrograms])

    def _raw(self, frames: Tensor) -> NDArray[np.float64]:
        return (frames * self.logmel.scale + self.logmel.mean).double().numpy()
