from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from leaderboard.model_audit.observed import observed
from leaderboard.model_audit.report import headline, report
from leaderboard.model_audit.run import Asked, audit_model
from targets.core.errors import OverheardError
from targets.corpora.entry import CorpusError
from tests.leaderboard.model_audit.fakes import Fake
from tests.leaderboard.model_audit.lists import lists


def test_lists_have_no_epsilon_and_the_report_begins_with_the_blind_baseline(tmp_path):
    members, others = lists(tmp_path / "l", longer=1.5)
    game = observed(members, others, tmp_path / "out")
    assert sum(c.member for c in game.candidates) == 40
    found = audit_model(game, Fake(members), tmp_path / "out", Asked(1e-5, claimed_epsilon=0.1))
    assert found.rankings["loss"]["all candidates"].auc.value == 1.0
    assert not found.bound.scored
    assert "without coins" in found.bound.method
    assert found.verdict == "cannot tell: no bound"
    assert "Without the model the lists are told by AUC" in headline(found)
    assert found.blind is not None
    assert found.blind.auc.value > 0.9
    assert "differ without any model" in found.advice[0]
    page = report(found, game)
    assert "Without the model" in page
    assert "ε ≥" not in page
    assert "Planted secrets" not in page
    assert "Who was trained on?" not in page


def test_the_same_lists_are_the_same_game(tmp_path):
    members, others = lists(tmp_path / "l")
    one, two = (observed(members, others, tmp_path / name) for name in ("a", "b"))
    assert one.digest == two.digest
    assert observed(others, members, tmp_path / "c").digest != one.digest


def test_who_is_on_both_lists_is_refused(tmp_path):
    members, _ = lists(tmp_path / "l")
    with pytest.raises(OverheardError, match=r"is in .* and in"):
        observed(members, members, tmp_path / "out")


def test_a_list_that_cannot_be_read_is_one_line(tmp_path):
    members, others = lists(tmp_path / "l")
    (tmp_path / "l" / "others-3.flac").unlink()
    with pytest.raises(CorpusError, match=r"others\.jsonl:4"):
        observed(members, others, tmp_path / "out")


def test_lists_without_a_baseline_show_no_figure_of_an_attack(tmp_path):
    members, others = lists(tmp_path / "l", speakers=1)
    game = observed(members, others, tmp_path / "out")
    found = audit_model(game, Fake(members), tmp_path / "out", Asked(1e-5))
    assert found.blind is None
    assert "is not known" in found.advice[0]
    assert not any("trained on can be told" in line for line in found.advice)
    page = report(found, game)
    assert "no figure of an attack is shown" in page
    assert "Who was trained on?" not in page
    assert "Members that are surest" not in page


def test_recordings_of_earlier_lists_do_not_stay(tmp_path):
    members, others = lists(tmp_path / "l")
    observed(members, others, tmp_path / "out")
    members, others = lists(tmp_path / "m", count=10)
    game = observed(members, others, tmp_path / "out")
    left = set((tmp_path / "out" / "speech").iterdir())
    assert left == {c.audio for c in game.candidates}


def test_samples_on_the_scale_of_integers_are_refused(tmp_path):
    members, others = lists(tmp_path / "l")
    rows = [json.loads(line) for line in others.read_text().splitlines()]
    samples = np.random.default_rng(0).normal(0, 3000, 8000)
    soundfile.write(tmp_path / "l" / "big.wav", samples, 16_000, subtype="FLOAT")
    rows[2]["audio"] = "big.wav"
    others.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(CorpusError, match="divide by 32768"):
        observed(members, others, tmp_path / "out")
