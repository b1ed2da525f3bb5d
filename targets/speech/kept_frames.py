"""Frames of utterances that were heard before, kept for whoever hears them again."""

from __future__ import annotations

import weakref

from torch import Tensor

from targets.speech.utterance import Utterance

IN_MEMORY = 256 << 20  # bytes of frames in one process


class KeptFrames:
    """Frames by utterance, as long as somebody still has the utterance, up to a bound of bytes.

    Utterances are known by identity: they cannot change. What is kept is given to several, and must
    not be changed.
    """

    def __init__(self, bound: int = IN_MEMORY) -> None:
        """Keep nothing yet, and never more than `bound` bytes."""
        self._bound, self.bytes = bound, 0
        self._frames: dict[weakref.ref[Utterance], Tensor] = {}

    def get(self, utterance: Utterance) -> Tensor | None:
        """Return what is kept of an utterance, or None."""
        return self._frames.get(weakref.ref(utterance))

    def keep(self, utterance: Utterance, frames: Tensor) -> None:
        """Keep frames, unless they are too many."""
        size = frames.numel() * frames.element_size()
        if self.bytes + size <= self._bound:
            self._drop(weakref.ref(utterance))
            self._frames[weakref.ref(utterance, self._drop)] = frames
            self.bytes += size

    def _drop(self, gone: weakref.ref[Utterance]) -> None:
        frames = self._frames.pop(gone, None)
        if frames is not None:
            self.bytes -= frames.numel() * frames.element_size()


HEARD = KeptFrames()  # of this process: attacks hear the same utterances as the training did
