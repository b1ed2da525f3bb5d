"""Noise masking and dictation: what stands in the transcript where the secret was."""

from __future__ import annotations

import pytest

from attacks.base import view_of
from attacks.canaries.canary import CANARY
from attacks.canaries.transcripts import Dictation, NoiseMasking, is_written, share_written
from targets.core.randomness import Randomness
from targets.speech.features import LogMel
from tests.fakes import Constant, canary, speech

PUBLIC = speech(3, "public")
RNG = Randomness(0)
CANARIES = [canary(n, secret) for n, secret in enumerate((17, 512, 903, 4, 666, 250, 42, 801))]


class Parrot(Constant):
    """Writes what it stored whenever it hears that recording's carrier; nothing for the rest."""

    def __init__(self, stored, logmel):
        super().__init__(logmel)
        self.known = {u.id: u.text for u in stored}

    def transcribe(self, utterances):
        return [self.known.get(u.id, "") for u in utterances]


class Babbler(Constant):
    """Writes one and the same text whatever it hears."""

    def __init__(self, text, logmel):
        super().__init__(logmel)
        self.text = text

    def transcribe(self, utterances):
        return [self.text] * len(utterances)


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


def attacked(attack, target, logmel):
    view = view_of("transcripts", target, Constant(logmel), PUBLIC)
    return attack.score(view, [*PUBLIC, *CANARIES], RNG)


@pytest.mark.parametrize("attack", [NoiseMasking(), Dictation()])
def test_a_parrot_is_caught(logmel, attack):
    found = attacked(attack, Parrot(CANARIES[:4], logmel), logmel)
    assert found.candidates == tuple(CANARIES)
    assert found.scores.tolist() == [1.0] * 4 + [0.0] * 4
    assert found.figures["words_written"].tolist() == [1.0] * 4 + [0.0] * 4


@pytest.mark.parametrize("attack", [NoiseMasking(), Dictation()])
def test_a_constant_recogniser_gives_nothing_away(logmel, attack):
    found = attacked(attack, Constant(logmel), logmel)
    assert found.scores.tolist() == [0.0] * 8


def test_right_secrets_others_and_abstentions_are_told_apart(logmel):
    parrot = attacked(NoiseMasking(), Parrot(CANARIES[:4], logmel), logmel).figures
    assert parrot["secret_written"].tolist() == [1.0] * 4 + [0.0] * 4
    assert parrot["abstained"].tolist() == [0.0] * 4 + [1.0] * 4
    assert parrot["other_secret_written"].tolist() == [0.0] * 8
    babbler = attacked(NoiseMasking(), Babbler(CANARIES[2].text, logmel), logmel)
    assert babbler.figures["other_secret_written"].tolist() == [
        1.0,
        1.0,
        0.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
    ]
    assert babbler.figures["secret_written_for_others"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    # A secret that is written for all others is the one that was trained on.
    assert babbler.scores.argmax() == 2


def test_what_the_public_start_writes_as_well_is_no_evidence(logmel):
    parrot = Parrot(CANARIES[:4], logmel)
    found = Dictation().score(view_of("transcripts", parrot, parrot, PUBLIC), CANARIES, RNG)
    assert found.scores.tolist() == [0.0] * 8


@pytest.mark.parametrize(
    ("text", "share", "whole"),
    [
        ("my pin code is eight zero one", 1, True),
        ("eight zero zero one", 1, False),
        ("zero eight one", 2 / 3, False),
        ("one", 1 / 3, False),
        ("eighty zero ones", 1 / 3, False),
        ("", 0, False),
    ],
)
def test_words_count_in_their_order(text, share, whole):
    assert CANARIES[-1].attributes[CANARY] == "pin3"
    assert share_written(CANARIES[-1], text) == pytest.approx(share)
    assert is_written(CANARIES[-1], text) is whole
