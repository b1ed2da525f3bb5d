"""What was proven of mechanisms: kept whole, found by the rows of that mechanism and no other."""

from __future__ import annotations

import json
import math

import pytest

from leaderboard.records import mechanism_audit
from leaderboard.records.board import statuses
from leaderboard.records.mechanism_audit import (
    MechanismAudit,
    audited_mechanism,
    audited_worst_case,
    read_audits,
    worst_cases,
    write_audit,
)
from leaderboard.records.run_folder import write_record
from leaderboard.records.store import RecordError
from leaderboard.views.compare import compare
from leaderboard.views.table import Format, table
from targets.core.estimate import Estimate
from tests.leaderboard.views.test_table import record

EVENT = "GaussianDpEvent(noise_multiplier=0.5)"
ROW = record("rnnt-dpsgd-eps10-seed0", 9.98, 0.55, 0.4, event=EVENT)


def audit(low=8.5, **changes):
    content = {
        "kind": "mechanism",
        "scheme": "dpsgd",
        "event": EVENT,
        "delta": 1e-4,
        "epsilon": 9.98,
        "audited": Estimate(low, low, math.inf, 0.95, "its own curve", 40.0),
        "p_value": 0.5,
        "assumes": "that it is of its kind",
    }
    return MechanismAudit(**(content | changes))


@pytest.fixture(autouse=True)
def none_published(monkeypatch):
    monkeypatch.setattr(mechanism_audit, "worst_cases", lambda: ())


def test_it_is_kept_whole(tmp_path):
    path = write_audit(audit(), tmp_path)
    assert path.parent == tmp_path / "audits"
    assert read_audits(tmp_path) == [audit()]
    assert read_audits(tmp_path / "elsewhere") == []
    path.write_text(path.read_text().replace("8.5", "9.5"))
    with pytest.raises(RecordError, match="damaged or edited"):
        read_audits(tmp_path)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"scheme": "edpsgd"}, False),
        ({"event": "GaussianDpEvent(noise_multiplier=0.6)"}, False),
        ({"delta": 1e-5}, False),
        ({"kind": "worst-case"}, False),
        ({"epsilon": ROW.promised * (1 + 1e-11)}, True),  # as another machine computed it
        ({"epsilon": ROW.promised * 1.001}, False),
    ],
)
def test_only_the_same_mechanism_counts(changes, found):
    assert audited_mechanism(ROW, [audit(**changes)]).scored == found


def test_a_worst_case_is_of_the_same_scheme_and_about_the_same_claim():
    def worst(**changes):
        return audit(5.0, kind="worst-case", **changes)

    assert audited_worst_case(ROW, [worst(epsilon=10.0, event="other", delta=1e-6)]).low == 5.0
    assert not audited_worst_case(ROW, [worst(epsilon=3.0)]).scored
    assert not audited_worst_case(ROW, [worst(scheme="edpsgd")]).scored
    free = record("rnnt-none-seed0", math.inf, 0.8, 0.1)
    assert "nothing is promised" in audited_worst_case(free, [worst()]).method
    assert "nothing is promised" in audited_mechanism(free, [audit()]).method


def test_the_three_stand_side_by_side(tmp_path):
    write_record(ROW, tmp_path)
    write_audit(audit(), tmp_path)
    write_audit(audit(6.0, kind="worst-case"), tmp_path)
    for written in (table(tmp_path, Format.JSON), compare([tmp_path], Format.JSON)):
        (row,) = json.loads(written)
        assert row["audited_epsilon"]["value"] == 0.7
        assert row["audited_epsilon_worst_case"]["value"] == 6.0
        assert row["audited_epsilon_mechanism"]["value"] == 8.5
        assert row["audited_epsilon_mechanism"]["ceiling"] == 40.0


def test_a_mechanism_that_is_not_as_told_falsifies():
    false = audit(12.0, p_value=1e-6)
    assert statuses([ROW], (), [false]) == ["falsified"]
    assert statuses([ROW], (), [audit(12.0, p_value=0.4)]) != ["falsified"]


def test_what_comes_with_overheard_can_be_read(monkeypatch):
    monkeypatch.undo()
    worst_cases.cache_clear()
    for found in worst_cases():
        assert found.kind == "worst-case"
        assert 0 < found.audited.low <= found.epsilon
        assert found.assumes
