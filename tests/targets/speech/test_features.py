"""Frames that are kept: the same as made anew, of those who are still there, within a bound."""

from __future__ import annotations

import numpy as np
import torch

from targets.speech.features import LogMel
from targets.speech.kept_frames import KeptFrames
from targets.speech.utterance import Utterance


class Read:
    """A sound that counts how often it is read."""

    size = 4_000

    def __init__(self) -> None:
        self.times = 0

    def read(self):
        self.times += 1
        return np.sin(np.arange(self.size, dtype=np.float32) / 9)


def said(samples) -> Utterance:
    return Utterance("u", "speaker", samples, "a")


def test_a_sound_is_read_once_and_heard_the_same_by_all():
    sound = Read()
    utterance, copy = said(sound), said(sound.read())
    first, other = LogMel(), LogMel()
    other.calibrate([copy])
    sound.times = 0
    frames = first.raw(utterance)
    assert first.raw(utterance) is other.raw(utterance) is frames
    assert sound.times == 1
    assert torch.equal(frames, first.raw(copy))
    again, counts = other([utterance])
    assert torch.equal(again[0], (frames - other.mean) / other.scale)
    assert counts.tolist() == [len(frames)]


def test_frames_go_with_their_utterance_and_never_pass_the_bound():
    size = 10 * 4
    kept = KeptFrames(bound=2 * size)
    utterances = [said(np.zeros(4, np.float32)) for _ in range(3)]
    frames = [torch.full((10,), float(n)) for n in range(3)]
    for utterance, some in zip(utterances, frames, strict=True):
        kept.keep(utterance, some)
    assert kept.bytes == 2 * size
    assert kept.get(utterances[0]) is frames[0]
    assert kept.get(utterances[2]) is None
    del utterances[0], utterance
    assert kept.bytes == size
    kept.keep(utterances[1], frames[2])
    assert kept.bytes == 2 * size
    kept.keep(utterances[1], frames[1])
    assert kept.bytes == 2 * size
