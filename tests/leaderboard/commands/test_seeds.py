"""Seeds: the suite's, given ones, or one that is too long to be tried."""

from __future__ import annotations

import re

import pytest

from leaderboard.commands.seeds import at_seeds, chosen_seeds
from leaderboard.spec.load import load_suite
from targets.core.errors import OverheardError

SUITE = load_suite("schemes")


def test_without_a_wish_the_suite_is_as_it_is():
    assert at_seeds(SUITE, [], False) is SUITE
    assert chosen_seeds(SUITE, [], False) == SUITE.seeds


def test_given_seeds_replace_all_of_the_suites():
    assert SUITE.more_seeds
    assert {cell.seed for cell in at_seeds(SUITE, [7, 8], False).cells()} == {7, 8}


def test_a_fresh_seed_has_63_bits_and_is_told(capsys):
    drawn = [at_seeds(SUITE, [], True) for _ in range(8)]
    seeds = [seed for suite in drawn for seed in suite.seeds]
    assert len(set(seeds)) == 8
    assert 2**58 < max(seeds) < 2**63
    assert [int(s) for s in re.findall(r"--seed (\d+)", capsys.readouterr().err)] == seeds
    assert {cell.seed for cell in drawn[0].cells()} == {seeds[0]}
    assert drawn[0].conditions.digest == SUITE.conditions.digest
    with pytest.raises(OverheardError, match="give one of them"):
        chosen_seeds(SUITE, [1], True)
