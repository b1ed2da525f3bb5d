"""Frames of utterances that were heard before, kept for whoever hears them again."""

from __future__ import annotations

import weakref

from torch import Tensor

from targets.speech.utterance import Utterance

IN_MEMORY = 512 << 20  # bytes of frames in one process, two and a half hours of speech


class KeptFrames:
    """Frames by utterance, as long as somebody still has the utterance, if all of them are few.

    Beyond a bound of bytes all are let go: of much speech the share that could stay would save
    little time. Utterances are known by identity: they cannot change. What is kept is given to
    several, and must not be changed.
    """

    def __init__(self, bound: int = IN_MEMORY) -> None:
        """Keep nothing yet, and never more than `bound` bytes."""
        self._bound, self.bytes = bound, 0
        self._frames: dict[weakref.ref[Utterance], Tensor] = {}
        self._one_too_many: weakref.ref[Utterance] | None = None

    def get(self, utterance: Utterance) -> Tensor | None:
        """Return what is kept of an utterance, or None."""
        return self._frames.get(weakref.ref(utterance))

    def keep(self, utterance: Utterance, frames: Tensor) -> None:
        """Keep frames, unless they are too many, or were so while this speech has been there."""
        if self._one_too_many is not None and self._one_too_many() is not None:
            return
        self._drop(weakref.ref(utterance))
        size = frames.numel() * frames.element_size()
        if self.bytes + size > self._bound:
            self._frames.clear()
            self.bytes, self._one_too_many = 0, weakref.ref(utterance)
            return
        self._frames[weakref.ref(utterance, self._drop)] = frames
        self.bytes += size

    def _drop(self, gone: weakref.ref[Utterance]) -> None:
        frames = self._frames.pop(gone, None)
        if frames is not None:
            self.bytes -= frames.numel() * frames.element_size()


HEARD = KeptFrames()  # of this process: attacks hear the same utterances as the training did
