"""Labels made again from kept votes are those that the scheme itself taught its student."""

from __future__ import annotations

from pathlib import Path

import pytest

from defenses.pate import scheme as pate
from leaderboard.experiment.choices import defense_of
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.train import training_rng
from leaderboard.game import build
from leaderboard.spec.load import load_suite
from leaderboard.votes.kept import LabelErrors, kept_votes
from leaderboard.votes.labels import label_errors, said_in_public
from targets.speech.wer import word_errors
from tests.fakes import recipe_for, utterance, without_text
from tests.leaderboard.votes.runs import ASKED, DELTA, SAID, record, votes, write_run


@pytest.mark.parametrize("epsilon", [1.0, 10.0])
def test_they_are_what_the_student_was_taught(tmp_path, monkeypatch, epsilon):
    row = record("pate-gnmax", epsilon, 2)
    audio = [utterance(f"a{n}", text, "public") for n, text in enumerate(SAID)]
    public = [utterance("t", "on", "public"), *without_text(audio)]
    recipe = recipe_for("ctc", public, delta=DELTA)
    lessons = []
    monkeypatch.setattr(
        pate, "taught", lambda recipe, _, labels, *__: lessons.append(labels) or recipe.build()
    )
    rng = training_rng(Experiment.of(row.cell, Path(), Path()), row.cell)
    defense_of(row.cell).finish(recipe, public, votes().to_json(), rng)
    taught = {u.id: u.text for u in lessons[0]}
    kept = kept_votes(write_run(tmp_path), row)
    found = label_errors(row, kept, SAID)
    assert isinstance(found, LabelErrors)
    expected = [word_errors(SAID[place], taught[f"a{place}"]) for place in ASKED]
    assert found.voted.tolist() == [list(errors) for errors in expected]
    # "milk and", "turn it on", "turn it of" are believed without votes; the truth is on each list.
    assert found.unvoted.tolist() == [[1, 3], [0, 3], [1, 3]]
    assert found.listed.tolist() == [[0, 3], [0, 3], [0, 3]]


def test_what_cannot_be_made_again_is_told(tmp_path):
    row = record("pate-gnmax", 10.0, 2)
    kept = kept_votes(write_run(tmp_path), row)
    assert "about 4 utterances, the speech has 3" in label_errors(row, kept, SAID[:3])
    other = record("pate-gnmax", 10.0, 2, notes=dict(row.notes) | {"vote_noise": 1.0})
    assert "not what this code draws" in label_errors(other, kept, SAID)
    assert "does not say how" in label_errors(record("edpsgd", 10.0, 4), kept, SAID)


def test_what_the_public_audio_says_comes_in_the_order_of_the_game(monkeypatch):
    def say(voices, utterances, **_):
        numbers = range(utterances)
        return [utterance(f"{voices[0]}-{n}", "on " * (n + 1), f"v{voices[0]}") for n in numbers]

    monkeypatch.setattr(build, "say_phrases", say)
    monkeypatch.setattr(build, "speak", lambda *_, **__: [])
    suite = load_suite("tiny")
    conditions = suite.conditions
    more = conditions.speech.test
    speech = conditions.speech.model_copy(update={"untranscribed": more})
    canaries = conditions.canaries.model_copy(update={"count": 0})
    conditions = conditions.model_copy(update={"speech": speech, "canaries": canaries})
    game = build.build_game(conditions, "ctc", 0, Path("nowhere"))
    audio = [u for u in game.public if not u.text]
    said = said_in_public(conditions, Path("nowhere"))
    assert [len(words.split()) for words in said] == [int(u.id.split("-")[1]) + 1 for u in audio]
    assert len(said) > more.utterances > 0
