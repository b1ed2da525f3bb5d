"""Votes that a run keeps: found by their settings, and refused where they are others."""

from __future__ import annotations

import json
import shutil

import numpy as np

from leaderboard.votes.kept import NOT_KEPT, VOTES, KeptVotes, kept_votes
from tests.leaderboard.votes.runs import COUNTS, record, write_run


def kept_of(folder, **changes):
    return kept_votes(folder, record("pate-gnmax", 10.0, 2, **changes))


def test_votes_are_found_in_a_run_and_beside_its_records(tmp_path):
    run = write_run(tmp_path)
    kept = kept_of(run)
    assert isinstance(kept, KeptVotes)
    assert [c.tolist() for c in kept.counts] == [list(c) for c in COUNTS]
    np.testing.assert_allclose(kept.shares, [0.9, 1.0, 0.4])
    np.testing.assert_allclose(kept.leads, [8, 10, 0])
    assert kept.table.tolist() == [[1, 9, 0], [10, 0, 0], [4, 4, 2]]
    assert isinstance(kept_of(run / "records"), KeptVotes)


def test_a_list_of_one_is_led_by_all(tmp_path):
    kept = kept_of(write_run(tmp_path))
    alone = KeptVotes([np.array([10])], 10, kept.found)
    assert alone.leads.tolist() == [10]


def test_what_is_no_vote_of_this_row_is_told(tmp_path):
    run = write_run(tmp_path)
    assert kept_of(tmp_path / "elsewhere") == NOT_KEPT
    assert "0 files" in kept_of(run, seed=3)
    notes = record("pate-gnmax", 10.0, 2).notes
    assert "not of 9 teachers" in kept_of(run, notes=notes | {"teachers": 9})
    assert "and 4 queries" in kept_of(run, notes=notes | {"votes": 4})
    fewer = kept_of(run, notes=notes | {"votes": 2})
    assert isinstance(fewer, KeptVotes)  # polled more, and answered the first
    assert len(fewer.counts) == 2
    (file,) = (run / VOTES).iterdir()
    shutil.copyfile(file, file.with_name(file.name.replace("12345678", "87654321")))
    assert "2 files" in kept_of(run)


def test_a_broken_file_is_told(tmp_path):
    run = write_run(tmp_path)
    (file,) = (run / VOTES).iterdir()
    for content in ("{", "[]", json.dumps({"found": {}}), json.dumps({"found": {"counts": ["x"]}})):
        file.write_text(content)
        assert kept_of(run) == f"{file.name} holds no votes"
