"""Secrets by how often they are said: each number by itself, with the ε of such a group."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from leaderboard.records.run_folder import write_record
from leaderboard.views.repetition_table import repeats, repetition_rows, repetition_table
from leaderboard.views.table import Format
from tests.leaderboard.figures.making import row
from tests.leaderboard.views.test_table import measured

NAMES = [f"canary-{n:04d}" for n in range(12)]
BITS = np.arange(12.0) / 2


def with_secrets(scheme, epsilon, seed=0, more=0.0, **changes):
    """Return a record of twelve secrets, each trained on, said 1, 4 and 16 times in turn."""
    bits = BITS + more
    content = {
        "coins": dict.fromkeys(NAMES, True),
        "scores": {"canary": dict(zip(NAMES, bits.tolist(), strict=True))},
        "leakages": {"canary": {"exposure": measured(float(bits.mean()))}},
        "speakers": {"x": tuple(NAMES)},
        "repetitions": {n: k for i, n in enumerate(NAMES) if (k := (1, 4, 16)[i % 3]) > 1},
    }
    return row(scheme, epsilon, seed, **(content | changes))


PRIVATE = with_secrets("dpsgd", 1.0, group_epsilon={"4": 4.8, "16": 27.0})


def test_each_number_has_its_exposure_and_its_promise():
    (found,), numbers = repetition_rows([PRIVATE])
    assert numbers == repeats(PRIVATE) == [1, 4, 16]
    for turn, often in enumerate(numbers):
        assert found[f"said_{often}"].value == pytest.approx(np.mean(BITS[turn::3]))
    assert [found[f"epsilon_of_{n}"] for n in numbers] == [1.0, 4.8, 27.0]


def test_without_a_promise_or_before_it_was_kept_there_is_a_dash():
    endless = with_secrets("dpsgd", 1.0, group_epsilon={"4": 4.8, "16": math.inf})
    for record, promised in (
        (with_secrets("none", None), [None, None, None]),
        (with_secrets("dpsgd", 1.0), [1.0, None, None]),
        (endless, [1.0, 4.8, None]),
    ):
        (found,), numbers = repetition_rows([record])
        assert [found[f"epsilon_of_{n}"] for n in numbers] == promised


def test_where_none_is_repeated_there_is_no_row(tmp_path):
    once = with_secrets("dpsgd", 1.0, repetitions={})
    assert repetition_rows([once, row("public")]) == ([], [])
    write_record(once, tmp_path)
    assert json.loads(repetition_table(tmp_path, Format.JSON)) == []


def test_seeds_are_one_row_or_each_its_own(tmp_path):
    for seed, more in ((0, 0.0), (1, 1.0)):
        write_record(with_secrets("dpsgd", 1.0, seed, more, group_epsilon={"4": 4.8}), tmp_path)
    lines = repetition_table(tmp_path, Format.MARKDOWN).splitlines()
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in lines]
    (found,) = [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]
    assert (found["seeds"], found["ε of 4"], found["ε of 16"]) == ("2", "4.8", "-")
    assert found["exposure bits, said once"].startswith(f"{np.mean(BITS[::3]) + 0.5:.2f} [")
    each = repetition_table(tmp_path, Format.MARKDOWN, seeds=True).splitlines()
    assert len(each) == 4
