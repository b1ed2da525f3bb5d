"""Digests are computed once, and belong to what they were computed from."""

from __future__ import annotations

import pickle

from leaderboard.spec.load import parse_suite
from tests.leaderboard.spec.test_suite import SMALL

CELL = parse_suite("small.toml", SMALL).cells()[0]


def test_a_changed_copy_has_a_digest_of_its_own():
    before = CELL.digest, CELL.training_digest, CELL.conditions.digest
    changed = CELL.model_copy(update={"seed": 7})
    assert changed.digest != before[0]
    assert changed.training_digest != before[1]
    conditions = CELL.conditions.model_copy(update={"delta": 0.001})
    assert conditions.digest != before[2]
    assert CELL.model_copy(update={"conditions": conditions}).digest != before[0]
    assert (CELL.digest, CELL.training_digest, CELL.conditions.digest) == before


def test_a_digest_changes_no_comparison_and_no_content():
    fresh = CELL.model_copy()
    content = fresh.model_dump(mode="json")
    assert fresh.digest == CELL.digest
    assert fresh == CELL.model_copy()
    assert fresh.model_dump(mode="json") == content
    assert pickle.loads(pickle.dumps(fresh)) == CELL
