"""Submitted attacks beside the suite's: a figure of privacy can only get worse."""

from __future__ import annotations

import json
import math

import pytest

from leaderboard.records.attack_result import (
    ERROR,
    TOO_LATE,
    AttackResult,
    read_result,
    read_results,
    result_file,
    write_result,
)
from leaderboard.records.run_folder import write_record
from leaderboard.records.store import RecordError
from leaderboard.records.strongest import disproof, strongest
from leaderboard.views.table import FOR_MACHINES, KEYS, Format, table
from targets.core.estimate import Estimate
from tests.leaderboard.views.test_table import measured, record

TARGET = record("rnnt-dpsgd-eps10-seed0", 10.0, 0.55, 0.4)


def attack_result(auc: float, epsilon: float, name: str = "mine", **changes) -> AttackResult:
    content = {
        "attack": name,
        "file": f"{name}.py",
        "sha256": "0" * 64,
        "name": "Mine",
        "settings": {},
        "number": 1,
        "cell": TARGET.cell.id,
        "training_digest": TARGET.cell.training_digest,
        "status": "ok",
        "leakage": {"auc": measured(auc)},
        "audited_epsilon": Estimate(epsilon, epsilon, math.inf, 0.975, "one-run"),
        # As sure at every further level.
        "audited_later": tuple(
            Estimate(epsilon, epsilon, math.inf, 1 - ERROR / 2**n, "one-run") for n in range(2, 18)
        ),
    }
    return AttackResult(**(content | changes))


@pytest.mark.parametrize(
    ("found", "auc", "epsilon"),
    [
        ([], 0.55, 0.7),
        ([attack_result(0.5, 0.0)], 0.55, 0.7),
        ([attack_result(0.7, 0.1)], 0.7, 0.7),
        ([attack_result(0.7, 2.0), attack_result(0.6, 3.0, "other")], 0.7, 3.0),
        # No weak attack takes a strong one's place by taking its name.
        ([attack_result(0.5, 0.0, "membership")], 0.55, 0.7),
        ([attack_result(0.7, 2.0), attack_result(0.6, 0.1, sha256="1" * 64)], 0.7, 2.0),
        ([attack_result(0.9, 9.0, training_digest="other weights")], 0.55, 0.7),
        ([attack_result(0.9, 9.0, status="failed")], 0.55, 0.7),
        ([attack_result(0.9, 9.0, cell="another")], 0.55, 0.7),
    ],
)
def test_the_strongest_is_the_largest(found, auc, epsilon):
    known = strongest(TARGET, found)
    assert known["strongest_auc"].value == auc
    assert known["strongest_audited"].low == epsilon
    assert not disproof(TARGET, found)


def test_every_membership_attack_of_the_suite_counts():
    figures = {"membership-lira": {"auc": measured(0.6)}, "canary": {"auc": measured(0.9)}}
    richer = TARGET.model_copy(update={"leakages": TARGET.leakages | figures})
    assert strongest(richer, [])["strongest_auc"].value == 0.6


def test_the_method_names_the_attack():
    mine = attack_result(0.7, 2.0)
    method = strongest(TARGET, [mine])["strongest_auc"].method
    assert method == f"test (mine {mine.entry[:8]})"
    assert (
        disproof(TARGET, [attack_result(0.99, 10.1)])
        == "The attack mine, submitted later, proved at least ε = 10.1."
    )


def test_joined_runs_have_one_order_of_attacks(tmp_path):
    """Two first attacks spend 2.5 % each; joined, one of them has 1.25 % to spend."""

    def audited(number):
        return Estimate(9.0 / number, 9.0 / number, math.inf, 1 - ERROR / 2**number, "one-run")

    def attack(sha256, number, made, **changes):
        return attack_result(
            0.6, 0.0, sha256=sha256 * 64, number=number, made=made, audited_epsilon=audited(number),
            audited_later=tuple(audited(number + n) for n in (1, 2)), **changes,
        )  # fmt: skip

    for one in (
        attack("a", 1, "2026-02"), attack("b", 1, "2026-01"), attack("b", 1, "2026-05", cell="x"),
        attack("c", 2, "2026-04"), attack("d", 2, "2026-03"),
    ):  # fmt: skip
        write_result(one, tmp_path)
    found = read_results(tmp_path)
    assert {s.sha256[0]: s.number for s in found} == {"b": 1, "a": 2, "d": 3, "c": 4}
    spent = {s.label: 1 - s.audited_epsilon.level for s in found}
    assert sum(spent.values()) <= ERROR
    assert all(s.audited_epsilon == audited(s.number) for s in found)
    # Who had no bound left so far back proves nothing any more.
    (last,) = (s.numbered(6) for s in found if s.number == 4)
    assert last.audited_epsilon.method == f"unscored: {TOO_LATE}"


def test_the_table_shows_both_once_there_is_one(tmp_path):
    write_record(TARGET, tmp_path)
    (before,) = json.loads(table(tmp_path, Format.JSON))
    assert tuple(before) == (*KEYS, *FOR_MACHINES)
    write_result(attack_result(0.8, 11.0), tmp_path)
    (after,) = json.loads(table(tmp_path, Format.JSON))
    assert after.pop("strongest_auc")["value"] == 0.8
    assert after.pop("strongest_audited")["value"] == 11.0
    assert before.pop("status") == "cannot tell: ceiling below the claim"
    assert after.pop("status") == "falsified"
    assert after == before
    for form in Format:
        assert table(tmp_path, form)


def test_what_was_found_is_kept_and_cannot_be_changed(tmp_path):
    write_result(attack_result(0.8, 1.0, status="failed"), tmp_path)
    write_result(attack_result(0.8, 1.0), tmp_path)
    with pytest.raises(RecordError, match="never overwritten"):
        write_result(attack_result(0.5, 0.0), tmp_path)
    write_result(attack_result(0.5, 0.0, settings={"power": 2}), tmp_path)
    assert len(read_results(tmp_path)) == 2
    path = result_file(tmp_path, attack_result(0.8, 1.0))
    path.write_text(path.read_text().replace("0.8", "0.4"))
    with pytest.raises(RecordError, match="damaged or edited"):
        read_result(path)
    path.write_text("[]")
    with pytest.raises(RecordError, match="no result of an attack"):
        read_result(path)
