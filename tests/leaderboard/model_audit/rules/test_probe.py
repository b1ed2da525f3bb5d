from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.questions import BASE, MODEL, Question
from leaderboard.model_audit.rules.probe import PENALTY, probes
from leaderboard.model_audit.rules.speakers import read_off
from leaderboard.model_audit.run import Asked, audit_model
from leaderboard.planting.planted import Candidate
from leaderboard.recognisers.states import as_text
from targets.core.randomness import Randomness
from tests.leaderboard.model_audit.fakes import Fake, game

RNG = Randomness(4)
DRAW = np.random.default_rng(0)


def people(speakers=60, each=4):
    """Return speech of speakers, every second of whom was trained on, and a third are women."""
    return [
        Candidate(
            *(f"u{s}-{n}", Path("none"), "turn left", s % 2 == 0, f"s{s}", f"s{s}"),
            attributes={"gender": "female" if s % 3 == 0 else "male"},
        )
        for s in range(speakers)
        for n in range(each)
    ]


def answered(path, said, model, base=None):
    with Answers(path / "a.jsonl", "x") as answers:
        for role, states in ((MODEL, model), (BASE, base)):
            for c, row in zip(said, states if states is not None else (), strict=False):
                answers.give(Question(role, c.id, "states"), as_text(row))
    return answers


def states_of(said, *, members=0.0, women=0.0):
    """Return states (N, 8): a voice of each speaker, noise, and what is to be read off."""
    voices = {s: DRAW.normal(size=8) for s in sorted({c.speaker for c in said})}
    found = np.array([voices[c.speaker] + 0.3 * DRAW.normal(size=8) for c in said])
    found[:, 0] += members * np.array([c.member for c in said])
    found[:, 1] += women * np.array([c.attributes["gender"] == "female" for c in said])
    return found.astype(np.float32)


def test_what_the_base_says_too_is_no_gain_and_what_training_adds_is(tmp_path):
    said = people()
    base = states_of(said, women=4.0)
    model = base + states_of(said, members=5.0, women=0.0) * [1, 0, 0, 0, 0, 0, 0, 0]
    trained, gender = probes(said, answered(tmp_path, said, model, base), RNG, base=True)
    assert (trained.what, gender.what) == ("trained on", "gender: male")
    assert trained.gain.low > 0.2
    assert trained.base.low < 0.5 < trained.base.high
    assert gender.model.low > 0.9
    assert gender.gain.low <= 0.0 <= gender.gain.high
    assert not trained.same


def test_an_encoder_that_was_not_trained_gains_exactly_nothing(tmp_path):
    said = people()
    states = states_of(said)
    found = probes(said, answered(tmp_path, said, states, states), RNG, base=True)
    for one in found:
        assert one.same
        assert one.gain.value == one.gain.low == one.gain.high == 0.0


def test_voices_that_say_nothing_of_the_coin_are_at_chance_though_they_are_told_apart():
    """A rule that was learnt from the speakers whom it judges would be near 1 here."""
    said = people(each=6)
    labels, speakers = np.array([c.member for c in said]), np.array([c.speaker for c in said])
    areas = []
    for n in range(8):
        scores = read_off(
            states_of(said).astype(np.float64), labels, speakers, PENALTY, RNG.child(n)
        )
        areas.append(np.mean(scores[labels][:, None] > scores[~labels]))
    assert abs(np.mean(areas) - 0.5) < 0.1


def test_too_few_speakers_and_no_states_say_nothing(tmp_path):
    few = people(speakers=8)
    assert probes(few, answered(tmp_path, few, states_of(few)), RNG, base=False) == ()
    said = people()
    (tmp_path / "b").mkdir()
    assert probes(said, answered(tmp_path / "b", said, []), RNG, base=False) == ()
    alone = probes(said, answered(tmp_path / "c", said, states_of(said)), RNG, base=False)
    assert not alone[0].gain.scored
    assert not alone[0].same


class Shows(Fake):
    """A fake whose encoder says how long the sound is, and where it knows it, that."""

    def embedding(self, audio, rate):
        known = audio.tobytes() in self.known
        return np.array([len(audio) / rate, audio[0], float(known)], dtype=np.float32)


@pytest.mark.parametrize("same", [True, False])
def test_states_are_asked_of_model_and_base(tmp_path, same):
    planted = game(tmp_path, canaries=False)
    trained = None if same else planted.folder / "train"
    model, base = Shows(trained, name="tuned"), Shows(name="base")
    found = audit_model(planted, model, tmp_path / "out", Asked(1e-5), base=base)
    (one,) = found.probes
    assert one.utterances == len(planted.candidates)
    assert one.same == same
    assert (one.gain.value == 0.0) == same
    assert not any(name.startswith("what its states") for name in found.absent)


def test_two_lists_without_a_base_are_not_read_off(tmp_path):
    planted = replace(game(tmp_path, canaries=False), design="observational")
    found = audit_model(planted, Shows(), tmp_path / "out", Asked(1e-5))
    assert found.probes == ()
    assert "give a --base" in found.absent["what its states say of speakers"]
