"""Pre-training of a start in a suite: a condition, and none leaves everything as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.spec.cell import Cell
from leaderboard.spec.fields import SuiteError
from leaderboard.spec.load import parse_suite
from leaderboard.spec.paths import start_file
from tests.leaderboard.spec.test_suite import SMALL, WHISPER

GUIDED = '[training.pretraining]\nmethod = "guided-cpc"\nepochs = 2\nlearning_rate = 2e-3\n'


def suite(pretraining="", text=SMALL):
    return parse_suite("small.toml", f"{text}\n{pretraining}")


def test_without_it_digests_are_as_they_were():
    assert "pretraining" not in suite().conditions.model_dump(mode="json")["training"]


def test_it_is_a_condition_and_its_start_is_kept_apart():
    plain, guided, longer = suite(), suite(GUIDED), suite(GUIDED.replace("= 2\n", "= 3\n"))
    assert len({s.conditions.digest for s in (plain, guided, longer)}) == 3
    files = {start_file(Path(), s.conditions, "rnnt", Path()) for s in (plain, guided, longer)}
    assert len(files) == 3
    cell = guided.cells()[0]
    assert Cell.model_validate_json(cell.model_dump_json()) == cell


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"guided-cpc"', '"cpc"', r"training\.pretraining\.method: should be 'guided-cpc'"),
        ("epochs = 2", "epochs = 0", r"training\.pretraining\.epochs: should be greater than 0"),
        ("epochs = 2\n", "", r"training\.pretraining\.epochs: missing"),
        ("epochs", "epoch", r"epoch: unknown key \(known: method, epochs, learning_rate\)"),
    ],
)
def test_a_mistake_names_its_key(old, new, complaint):
    with pytest.raises(SuiteError, match=complaint):
        suite(GUIDED.replace(old, new, 1))


def test_a_target_that_others_trained_has_none():
    text = SMALL
    for old, new in WHISPER.items():
        text = text.replace(old, new, 1)
    with pytest.raises(SuiteError, match=r"'whisper' has been trained already; leave it out"):
        suite(GUIDED, text)
