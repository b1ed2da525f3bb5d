"""What is known of speakers, and only what holds for all that they said."""

from __future__ import annotations

from leaderboard.game.cohorts import cohorts
from tests.fakes import utterance


def test_what_holds_for_all_utterances_of_a_speaker_is_kept():
    said = [
        utterance("a", "on", "s0", gender="female", accent="en", rate_factor="1.2"),
        utterance("b", "off", "s0", gender="female", accent="en-US"),
        utterance("c", "on", "s1", age="forties", gender="", language="de"),
        utterance("d", "on", "s2"),
    ]
    assert cohorts(said) == {"s0": {"gender": "female"}, "s1": {"age": "forties", "language": "de"}}


def test_what_is_known_of_some_utterances_alone_is_left_out():
    said = [utterance("a", "on", "s0", gender="male"), utterance("b", "on", "s0")]
    assert cohorts(said) == {}
