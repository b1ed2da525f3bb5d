"""Merging: all cells of all runs, conflicts by name, and again after a crash."""

from __future__ import annotations

import pytest

from leaderboard.commands.merge import merge
from leaderboard.records import merge as merging
from leaderboard.records.attack_result import read_results, result_file, write_result
from leaderboard.records.record import failed_record
from leaderboard.records.run_folder import history, read_records, write_record
from leaderboard.records.store import RecordError
from leaderboard.spec.paths import weights_file
from tests.leaderboard.records.test_attack_result import attack_result
from tests.leaderboard.views.test_table import CELLS, record

TEN = record("rnnt-dpsgd-eps10-seed0", 10.0, 0.55, 0.4)
NONE = record("rnnt-none-seed0", float("inf"), 0.83, 0.1)


def keep_weights(run, made):
    path = weights_file(run, made.cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"weights of {run.name}")


@pytest.fixture
def runs(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for run, made in ((one, TEN), (two, NONE)):
        write_record(made, run)
        keep_weights(run, made)
        (run / "starts").mkdir()
        (run / "starts" / "start").write_text(run.name)
        (run / "audits").mkdir()
        for name in ("of-both", f"of-{run.name}"):
            (run / "audits" / f"{name}.json").write_text(run.name)
    write_result(attack_result(0.6, 1.0), one)
    (two / "submissions").mkdir()
    (two / "submissions" / "abc.py").write_text("class Mine: ...")
    return one, two, tmp_path / "both"


def test_two_runs_become_one(runs, capsys):
    one, two, both = runs
    merge([one, two], both)
    assert {r.cell.id for r in read_records(both)} == {TEN.cell.id, NONE.cell.id}
    assert weights_file(both, TEN.cell).read_text() == "weights of one"
    assert weights_file(both, NONE.cell).read_text() == "weights of two"
    assert (both / "starts" / "start").read_text() == "one"
    assert (both / "submissions" / "abc.py").exists()
    audits = {path.stem: path.read_text() for path in (both / "audits").iterdir()}
    assert audits == {"of-both": "one", "of-one": "one", "of-two": "two"}
    assert len(read_results(both)) == 1
    assert f"{both}: 2 cells, from {one}, {two}" in capsys.readouterr().out
    merge([two], both)
    assert len(read_records(both)) == 2


def test_a_conflict_is_named_and_nothing_written(runs):
    one, two, both = runs
    write_record(TEN.model_copy(update={"notes": {"steps": 3}}), two)
    with pytest.raises(RecordError, match=rf"^{TEN.cell.id}: .*one and .*two have records"):
        merge([one, two], both)
    assert not both.exists()


def test_a_correction_and_a_success_after_a_failure_win(runs):
    one, two, both = runs
    (two / "records" / f"{TEN.cell.id}.json").write_bytes(
        (one / "records" / f"{TEN.cell.id}.json").read_bytes()
    )
    write_record(TEN.model_copy(update={"notes": {"steps": 3}}), two, correction=True)
    write_record(failed_record(CELLS["rnnt-dpsgd-eps1-seed0"], "no memory"), one)
    write_record(record("rnnt-dpsgd-eps1-seed0", 1.0, 0.5, 0.5), two)
    merge([one, two], both)
    assert [r.notes for r in history(both, TEN.cell)] == [{}, {"steps": 3}]
    statuses = {r.cell.id: r.status for r in read_records(both)}
    assert statuses["rnnt-dpsgd-eps1-seed0"] == "ok"


def test_what_attacks_found_is_joined_and_conflicts_are_named(runs):
    one, two, both = runs
    write_result(attack_result(0.6, 1.0, status="failed"), two)
    merge([two, one], both)
    assert [s.status for s in read_results(both)] == ["ok"]
    result_file(two, attack_result(0.6, 1.0)).unlink()
    write_result(attack_result(0.9, 1.0), two)
    with pytest.raises(RecordError, match=r"differ: keep one"):
        merge([one, two], both)


def test_published_records_lie_flat_and_are_joined_too(runs):
    one, _, both = runs
    flat = one.parent / "flat"
    (one / "records").rename(flat)
    merge([flat], both)
    assert [r.cell.id for r in read_records(both)] == [TEN.cell.id]
    with pytest.raises(RecordError, match="lie flat, and none can be added: name a new --out"):
        merge([both], flat)


def test_weights_that_are_not_the_records_are_refused(runs):
    one, two, both = runs
    (one / "records" / f"{TEN.cell.id}.json").unlink()
    write_record(TEN.model_copy(update={"weights": "0" * 64}), one)
    with pytest.raises(RecordError, match=f"not the weights that the record of {TEN.cell.id}"):
        merge([one, two], both)
    assert not both.exists()


def test_after_a_crash_it_goes_on(runs, monkeypatch):
    one, two, both = runs
    copied = []

    def stumble(source, place):
        if place.parent.name == "records" and copied.count("records"):
            raise KeyboardInterrupt
        copied.append(place.parent.name)
        copy(source, place)

    copy = merging._copy
    monkeypatch.setattr(merging, "_copy", stumble)
    with pytest.raises(KeyboardInterrupt):
        merge([one, two], both)
    assert len(read_records(both)) == 1
    assert weights_file(both, TEN.cell).exists()
    assert weights_file(both, NONE.cell).exists()
    monkeypatch.setattr(merging, "_copy", copy)
    merge([one, two], both)
    assert len(read_records(both)) == 2
