"""What was verified is not verified again, and what changed since is."""

from __future__ import annotations

import pytest

from leaderboard.records import store, verified
from leaderboard.records.run_folder import FOLDER, read_records, write_record
from leaderboard.records.store import RecordError
from tests.leaderboard.records.test_record import record


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a run with one record, in a process that has verified nothing yet."""
    monkeypatch.setattr(verified, "_known", {})
    write_record(record(), tmp_path)
    return tmp_path


@pytest.fixture
def counted(monkeypatch):
    """Return what was verified, as a list that grows."""
    digested = []
    digest_of = store.digest_of
    monkeypatch.setattr(store, "digest_of", lambda c: (digested.append(c), digest_of(c))[1])
    return digested


def in_a_new_process(monkeypatch):
    monkeypatch.setattr(verified, "_known", {})


def test_the_next_process_reads_the_same_and_verifies_nothing(run, counted, monkeypatch):
    first = read_records(run)
    verified.keep(run)
    assert len(counted) == 1
    in_a_new_process(monkeypatch)
    assert read_records(run) == first == [record(made=first[0].made)]
    assert len(counted) == 1


def test_without_the_list_everything_is_verified(run, counted, monkeypatch):
    read_records(run)
    for text in (None, "", "[", "7", '{"a": 1}', "[7]"):
        if text is not None:
            (run / verified.FILE).write_text(text)
        in_a_new_process(monkeypatch)
        before = len(counted)
        read_records(run)
        assert len(counted) == before + 1, text


def test_an_edit_is_noticed_after_all(run, monkeypatch):
    read_records(run)
    verified.keep(run)
    in_a_new_process(monkeypatch)
    (path,) = (run / FOLDER).glob("*.json")
    path.write_text(path.read_text().replace("0.3,", "0.1,", 1))
    with pytest.raises(RecordError, match="damaged or edited"):
        read_records(run)


def test_a_list_is_of_one_run_and_grows(run, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_record(record(notes={"n": 1}), other)
    read_records(run)
    verified.keep(run)
    written = (run / verified.FILE).read_bytes()
    read_records(other)
    verified.keep(run)
    assert (run / verified.FILE).read_bytes() == written
    write_record(record(), run, correction=True)
    read_records(run)
    verified.keep(run)
    assert len((run / verified.FILE).read_text().splitlines()) == 4
