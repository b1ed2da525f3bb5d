"""The cells of a submission: claimed, reused, superseded, disqualified, and attacked later."""

from __future__ import annotations

import json
from pathlib import Path

import dp_accounting as dp
import numpy as np
import pytest

from attacks.base import Findings
from defenses.base import Trained
from defenses.public.nonprivate import NonPrivate
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.pending import finished
from leaderboard.experiment.start import PublicStart
from leaderboard.game.game import Game
from leaderboard.records.attack_result import read_results
from leaderboard.records.run_folder import history, read_records
from leaderboard.records.strongest import disproof, strongest
from leaderboard.spec.load import load_suite
from leaderboard.spec.paths import weights_file
from leaderboard.submissions import attack_runs
from leaderboard.submissions.attack_runs import attack_jobs, run_attack
from leaderboard.submissions.defense_runs import (
    keep,
    refuse_taken,
    run_submitted,
    submitted_cells,
    submitted_jobs,
)
from leaderboard.submissions.limits import LIMITS, DisqualifiedError, SubmissionFailedError
from leaderboard.submissions.sandboxed import SandboxedDefense
from leaderboard.submissions.submission import Submission, SubmissionError
from leaderboard.views.table import Format, table
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import canary, put_in_place_of_speech, speech, without_text

TINY = load_suite("tiny")
TINY = TINY.model_copy(update={"attacks": TINY.attacks[:2]})  # the others take their time
MINE = Submission("mine.py", "class Mine: ...", "Mine", "defense")
HIT = Submission("hit.py", "class Hit: ...", "Hit", "attack")
(CELL,) = submitted_cells(TINY, MINE, "mine", [0])


def small_game(conditions, target, seed, data):  # noqa: ARG001
    public = [*speech(4, "public"), *without_text(speech(3, "audio"))]
    private = [*speech(40, "private"), *(canary(n, 100 * n, repetitions=1 + n) for n in range(4))]
    return Game.set_up(public, private, speech(4, "test"), Randomness(seed))


@pytest.fixture(autouse=True)
def tones(monkeypatch):
    put_in_place_of_speech(monkeypatch, small_game)


@pytest.fixture
def out(tmp_path):
    PublicStart(Experiment.of(CELL, tmp_path, Path())).compute()
    return tmp_path


class Claims:
    """Trains plainly, and claims whatever it is given."""

    def __init__(self, event, error=None, unit="utterance"):
        self.event, self.error, self.unit, self.times = event, error, unit, 0

    def train(self, recipe, members, public, rng):
        self.times += 1
        if self.error:
            raise self.error
        trained = NonPrivate().train(recipe, members, public, rng)
        return Trained(trained.weights, self.event, unit=self.unit)


def run(defense, out, cell=CELL):
    run_submitted(cell, Experiment.of(cell, out, Path()), defense, report=lambda _: None)
    return history(out, cell)[-1]


def test_its_promise_is_a_claim_and_it_is_trained_once(out, monkeypatch):
    keep(MINE, out)
    claims = Claims(dp.GaussianDpEvent(1.0))
    record = run(claims, out)
    assert record.status == "ok"
    assert record.guarantee.basis == "claimed"
    assert record.guarantee.epsilon > 0
    assert record.cell.options["sha256"] == MINE.sha256
    assert finished(out, CELL, {})
    assert submitted_jobs([CELL], SandboxedDefense(MINE), out, Path())[0].finished()
    # Corrected code of ours that it is built on makes it stale.
    monkeypatch.setattr("leaderboard.experiment.pending.submission_code", lambda _: "edited")
    assert not finished(out, CELL, {})
    monkeypatch.undo()
    put_in_place_of_speech(monkeypatch, small_game)
    # Another file under the same name: a result that supersedes the first.
    other = Submission("mine.py", "class Mine: ... # better", "Mine", "defense")
    (cell,) = submitted_cells(TINY, other, "mine", [0])
    assert not finished(out, cell, {})
    assert [j.id for j in submitted_jobs([cell], SandboxedDefense(other), out, Path())] == [
        "start-ctc",
        cell.id,
    ]
    # Not unseen, though: another name, or a word that it is meant so.
    with pytest.raises(SubmissionError, match=r"of mine\.py:Mine with another .*--supersede"):
        refuse_taken([cell], out)
    refuse_taken([CELL], out)
    refuse_taken(submitted_cells(TINY, other, "another", [0]), out)
    again = run(claims, out, cell)
    assert claims.times == 2
    assert again.supersedes == record.digest
    assert len(read_records(out)) == 1


def test_a_promise_for_a_speaker_is_recorded_as_one(out):
    record = run(Claims(dp.GaussianDpEvent(1.0), unit="speaker"), out)
    assert record.guarantee.unit == "speaker"
    assert record.guarantee.relation == "add or remove one speaker"
    assert record.access == dict.fromkeys(record.leakages, "scores")
    (row,) = json.loads(table(out, Format.JSON))
    assert row["unit"] == "speaker"


def test_what_the_rules_forbid_is_an_outcome(out):
    record = run(Claims(None, DisqualifiedError("its weights are not finite: bias")), out)
    assert (record.status, record.reason) == ("disqualified", "its weights are not finite: bias")
    assert finished(out, CELL, {})


def test_what_did_not_come_to_an_end_fails_and_is_tried_again(out):
    reason = "it took longer than the 2 s allowed"
    with pytest.raises(SubmissionFailedError, match=reason):
        run(Claims(None, SubmissionFailedError(reason)), out)
    (*_, job) = submitted_jobs([CELL], SandboxedDefense(MINE), out, Path())
    job.on_failure(reason)
    (record,) = read_records(out)
    assert (record.status, record.reason) == ("failed", reason)
    assert not job.finished()
    refuse_taken(submitted_cells(TINY, HIT, "mine", [0]), out)  # of a failure nothing is lost
    assert run(Claims(dp.GaussianDpEvent(1.0)), out).status == "ok"


@pytest.fixture
def claimed(out):
    """A run with one entry that promises far too much."""
    return run(Claims(dp.GaussianDpEvent(50.0)), out)


def attack(out, monkeypatch, score):
    """Run an attack that gives certain scores on all entries of a run."""

    class Scores:
        def __init__(self, *_):
            pass

        def score_with_access(self, view, candidates, rng):  # noqa: ARG002
            return score(candidates), "scores"

    monkeypatch.setattr(attack_runs, "SandboxedAttack", Scores)
    (job,) = attack_jobs(read_records(out), HIT, None, out, Path(), limits=LIMITS, trust=True)
    assert job.id == "hit-on-ctc-mine-seed0"
    assert not job.finished()
    run_attack(*job.arguments, report=lambda _: None)
    assert job.finished()
    return read_results(out)


def test_an_attack_that_knows_falsifies(out, claimed, monkeypatch):
    game = small_game(None, "ctc", 0, None)
    known = {c.id: float(h) for c, h in zip(game.candidates, game.coins, strict=True)}

    def oracle(candidates):
        return Findings(tuple(candidates), np.array([known[c.id] for c in candidates]))

    (result,) = attack(out, monkeypatch, oracle)
    assert result.leakage["auc"].value == 1.0
    assert result.audited_epsilon.level == pytest.approx(0.975)
    assert (result.number, result.access) == (1, "scores")
    bounds = [result.audited_epsilon, *result.audited_later]
    assert [b.level for b in bounds[:3]] == pytest.approx([0.975, 0.9875, 0.99375])
    assert [b.low for b in bounds] == sorted((b.low for b in bounds), reverse=True)
    assert disproof(claimed, [result])
    assert "proves more than ε" in result.reason
    assert strongest(claimed, [result])["strongest_auc"].value == 1.0
    # Nor does it speak of weights that were trained anew since.
    assert result.weights == claimed.weights
    assert not disproof(claimed.model_copy(update={"weights": "0" * 64}), [result])
    other = Submission("hit.py", "class Hit: ... # again", "Hit", "attack")
    (job,) = attack_jobs([claimed], other, None, out, Path(), limits=LIMITS, trust=True)
    assert job.arguments[0].number == 2


def test_an_attack_is_run_again_where_what_it_is_built_on_changed(out, claimed, monkeypatch):
    def guess(candidates):
        return Findings(tuple(candidates), Randomness(5).numpy().normal(size=len(candidates)))

    (result,) = attack(out, monkeypatch, guess)
    assert result.fingerprint
    monkeypatch.setattr(attack_runs, "submission_code", lambda _: "corrected")
    (job,) = attack_jobs([claimed], HIT, None, out, Path(), limits=LIMITS, trust=True)
    assert not job.finished()
    # It is one more attack, with a share of its own.
    assert job.arguments[0].number == 2
    job.function(*job.arguments, report=lambda _: None)
    assert sorted(s.number for s in read_results(out)) == [1, 2]


def test_weights_that_are_not_the_records_are_not_attacked(out, claimed):
    with weights_file(out, claimed.cell).open("ab") as file:
        file.write(b" ")
    with pytest.raises(OverheardError, match="not the weights that the record of ctc-mine-seed0"):
        attack_jobs([claimed], HIT, None, out, Path(), limits=LIMITS, trust=True)


def test_an_attack_that_guesses_changes_nothing(out, claimed, monkeypatch):
    before = strongest(claimed, [])

    def guess(candidates):
        return Findings(tuple(candidates), Randomness(5).numpy().normal(size=len(candidates)))

    (result,) = attack(out, monkeypatch, guess)
    assert result.status == "ok"
    assert not disproof(claimed, [result])
    after = strongest(claimed, [result])
    assert all(after[key].value >= before[key].value for key in before)


def test_an_attack_against_the_rules_is_written_down(out, claimed, monkeypatch):
    def refuse(candidates):  # noqa: ARG001
        raise DisqualifiedError("a score is not finite")

    (result,) = attack(out, monkeypatch, refuse)
    assert (result.status, result.reason) == ("disqualified", "a score is not finite")
    assert strongest(claimed, [result]) == strongest(claimed, [])


def test_without_weights_there_is_nothing_to_attack(out, claimed):
    for path in (out / "weights").iterdir():
        path.unlink()
    with pytest.raises(OverheardError, match="holds no weights to attack"):
        attack_jobs([claimed], HIT, None, out, Path(), limits=LIMITS, trust=True)
