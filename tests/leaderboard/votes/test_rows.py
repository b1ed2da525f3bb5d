"""Rows about votes: from records alone, with votes beside them, and with the speech."""

from __future__ import annotations

import math

import pytest

from leaderboard.records.record import failed_record
from leaderboard.records.run_folder import write_record
from leaderboard.votes import labels
from leaderboard.votes.kept import NOT_KEPT
from leaderboard.votes.rows import NO_SPEECH, read_votes
from targets.core.errors import OverheardError
from tests.leaderboard.votes.runs import CELLS, SAID, noise_at, record, write_run


def row_at(folder, epsilon, data=None, **asked):
    cells = read_votes(folder, data, **asked).cells
    return next(c.row for c in cells if c.seeds[0].record.cell.epsilon == epsilon)


def test_records_alone_give_noise_errors_and_prices(tmp_path):
    row = row_at(write_run(tmp_path, keep=False, seeds=2), 10.0)
    assert (row["scheme"], row["teachers"], row["queries"], row["answers"]) == (
        "pate-gnmax", 10, 3, 3,
    )  # fmt: skip
    assert row["seeds"] == [0, 1]
    assert row["noise"] == noise_at(10.0)
    assert row["noise_alone"] < row["noise"] < row["noise_added"]
    assert row["lead_needed"] == pytest.approx(1.645 * math.sqrt(2) * row["noise"], rel=1e-3)
    assert row["wer"].value == pytest.approx(0.2)
    assert row["wer_edpsgd"].value == pytest.approx(0.4)
    assert row["of_edpsgd"] == pytest.approx(0.5)
    assert row["wer_less_edpsgd"].value == pytest.approx(-0.2)
    assert row["wer_none"].value == pytest.approx(0.1)
    assert "no row public" in row["wer_less_public"].method
    for key in ("agreement", "lead", "decided", "wer_labels", "epsilon_winners"):
        assert row[key].method == f"unscored: {NOT_KEPT}"


def test_votes_beside_them_give_agreement(tmp_path):
    run = write_run(tmp_path, seeds=2)
    row = row_at(run, 10.0)
    assert row["agreement"].value == pytest.approx((0.9 + 1 + 0.4) / 3)
    assert row["lead"].value == pytest.approx(6)
    assert row["decided"].value == pytest.approx(2 / 3)  # of 8, 10 and 0 votes
    assert row_at(run, 1.0)["decided"].value == 0
    assert row["epsilon_winners"].scored
    assert row["epsilon_released"].value >= row["epsilon_winners"].value
    assert row["wer_labels"].method == f"unscored: {NO_SPEECH}"
    assert [c.row["seed"] for c in read_votes(run, seeds=True).cells] == [0, 1, 0, 1]


def test_the_speech_gives_the_errors_of_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "said_in_public", lambda *_: SAID)
    row = row_at(write_run(tmp_path), 10.0, tmp_path)
    assert row["wer_unvoted"].value == pytest.approx(2 / 9)
    assert row["wer_listed"].value == 0
    assert 0 <= row["wer_labels"].value <= 4 / 9


def test_an_event_that_is_no_plain_gaussian_has_no_other_prices(tmp_path):
    write_record(record("pate-gnmax", 10.0, 2, event="LaplaceDpEvent(3)"), tmp_path)
    row = row_at(tmp_path, 10.0)
    assert row["noise"] == pytest.approx(math.sqrt(2) * noise_at(10.0))
    assert row["noise_renyi"] is None


def test_a_run_without_votes_is_refused(tmp_path):
    write_record(record("none", None, 1), tmp_path)
    write_record(failed_record(CELLS["rnnt-pate-gnmax-eps1-seed0"], "no memory"), tmp_path)
    with pytest.raises(OverheardError, match="holds no row that says how teachers voted"):
        read_votes(tmp_path)
    with pytest.raises(OverheardError, match="holds no row of ctc that says"):
        read_votes(write_run(tmp_path / "run", keep=False), target="ctc")
