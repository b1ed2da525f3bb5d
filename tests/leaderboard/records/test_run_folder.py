"""A plan's glance at a record: what it asks is there, and a changed file is read again."""

from __future__ import annotations

import json

import pytest

from leaderboard.records import run_folder
from leaderboard.records.run_folder import glances, history, read_record, write_record
from leaderboard.records.store import RecordError
from targets.core.digests import digest_of
from tests.leaderboard.records.test_record import CELLS, record


@pytest.fixture
def read(monkeypatch):
    """Return the paths that were read, as a list that grows."""
    paths = []
    whole = run_folder.read_digested

    def reading(path, *arguments):
        paths.append(path)
        return whole(path, *arguments)

    monkeypatch.setattr(run_folder, "read_digested", reading)
    return paths


def test_a_glance_is_the_record_without_its_candidates(tmp_path):
    path = write_record(record(repetitions={"a": 4}, speakers={"s": ("a", "b")}), tmp_path)
    ((where, digest, seen),) = glances(tmp_path, CELLS[1])
    whole = read_record(path)
    assert (where, digest) == (path, whole.digest)
    assert seen.scores == {"membership": {}}
    less = {"coins": {}, "speakers": {}, "repetitions": {}, "scores": {"membership": {}}}
    assert seen == whole.model_copy(update=less)


def test_a_file_is_read_once_as_long_as_it_stays(tmp_path, read):
    write_record(record(status="failed", reason="no memory"), tmp_path)
    for _ in range(3):
        assert [seen.record.status for seen in glances(tmp_path, CELLS[1])] == ["failed"]
    assert len(read) == 1
    write_record(record(), tmp_path)
    assert [seen.record.status for seen in glances(tmp_path, CELLS[1])] == ["failed", "ok"]
    assert glances(tmp_path, CELLS[0]) == []


def test_a_glance_at_what_was_read_reads_nothing(tmp_path, read):
    write_record(record(), tmp_path)
    history(tmp_path, CELLS[1])
    before = len(read)
    assert glances(tmp_path, CELLS[1])
    assert len(read) == before


def test_a_changed_file_is_read_again(tmp_path):
    path = write_record(record(), tmp_path)
    assert glances(tmp_path, CELLS[1])
    path.write_text(path.read_text().replace('"ok"', '"falsified"', 1))
    with pytest.raises(RecordError, match="damaged or edited"):
        glances(tmp_path, CELLS[1])


def test_records_share_their_conditions_and_keep_their_digests(tmp_path):
    one, other = (read_record(write_record(record(cell), tmp_path)) for cell in CELLS[:2])
    assert one.cell.conditions is other.cell.conditions
    assert one.cell.conditions.digest == CELLS[0].conditions.digest
    for cell, found in zip(CELLS, (one, other), strict=False):
        assert found.cell == cell


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"cell": {"seed": -1}}, "cell.seed: "),
        ({"cell": {"conditions": {"delta": 2}}}, "cell.conditions.delta: "),
        ({"scores": {"membership": {"a": "much"}}}, "scores.membership.a: "),
        ({"scores": {"membership": [1.0]}}, "scores.membership: "),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, change, complaint):
    path = write_record(record(), tmp_path)
    content = json.loads(path.read_text())
    del content["digest"]

    def put(into, changes):
        for key, value in changes.items():
            if isinstance(value, dict):
                put(into[key], value)
            else:
                into[key] = value

    put(content, change)
    path.write_text(json.dumps({**content, "digest": digest_of(content)}))
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert f"{path}: {complaint}" in str(caught.value)
