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


def test_frames_go_with_their_utterance():
    kept = KeptFrames()
    utterance, frames = said(np.zeros(4, np.float32)), torch.zeros(10)
    kept.keep(utterance, frames)
    kept.keep(utterance, frames)
    assert kept.get(utterance) is frames
    assert kept.bytes == 40
    del utterance
    assert kept.bytes == 0


def test_of_too_many_none_are_kept_until_the_speech_is_gone():
    kept = KeptFrames(bound=80)
    few = [said(np.zeros(4, np.float32)) for _ in range(2)]
    for utterance in few:
        kept.keep(utterance, torch.zeros(10))
    assert kept.bytes == 80
    one_more = said(np.zeros(4, np.float32))
    for utterance in (one_more, few[0]):
        kept.keep(utterance, torch.zeros(10))
        assert kept.get(utterance) is None
        assert kept.bytes == 0
    del utterance, one_more
    kept.keep(few[0], torch.zeros(10))
    assert kept.bytes == 40
