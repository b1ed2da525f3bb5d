"""Texts that public voices say: in whose voice, and what of them becomes speech."""

from __future__ import annotations

import numpy as np

from defenses.text.spoken import SPARE, public_voices, spoken
from targets.core.randomness import Randomness
from targets.synthetic.voices import voice, voice_count
from tests.fakes import speech, utterance, without_text

RNG = Randomness(4)


def test_public_voices_are_those_of_public_speakers():
    names = [voice(n).name for n in (7, 3, 3)]
    heard = [utterance(f"u{i}", "on", name) for i, name in enumerate(names)]
    public = [*without_text(heard), *speech(2, "others")]
    assert public_voices(public) == [3, 7]


def test_where_no_public_speaker_is_embedded_the_last_voices_speak():
    assert public_voices(speech(2, "public")) == list(range(voice_count()))[-SPARE:]


def test_each_text_is_said_in_the_next_voice_and_nothing_is_not_said():
    said = spoken(["turn it on", "", "stop"], [2, 5], "microphone", RNG)
    assert [u.text for u in said] == ["turn it on", "stop"]
    assert [u.speaker for u in said] == [voice(2).name, voice(2).name]
    assert all(u.duration > 0.3 for u in said)
    assert spoken(["", ""], [2], "microphone", RNG) == []


def test_the_channel_is_heard_and_the_stream_decides_the_sound():
    one, again, other = (
        spoken(["stop"], [2], "telephone", RNG.child(n))[0].samples for n in (0, 0, 1)
    )
    assert np.array_equal(one, again)
    assert len(one) != len(other) or not np.array_equal(one, other)
    wide = spoken(["stop"], [2], "microphone", RNG.child(0))[0].samples
    assert not np.array_equal(one, wide)
