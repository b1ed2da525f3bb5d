"""A projection is arithmetic: costs that are given, figures computed by hand."""

from __future__ import annotations

import json

import pytest

from leaderboard.commands.plan import plan as plan_command
from leaderboard.scale import projection
from leaderboard.scale.projection import (
    ASSUMED,
    Costs,
    Projection,
    Speed,
    disk_of,
    memory_of_cell,
    memory_of_references,
    operations_of_cell,
    operations_of_stage,
    spoken_bytes,
)
from leaderboard.spec.load import load_suite
from targets.core.errors import OverheardError
from targets.models.facts import facts_of
from targets.models.registry import TARGETS

SUITE = load_suite("librispeech")
CONDITIONS = SUITE.conditions
COSTS = Costs(1000, forward=2.0, plain=6.0, private=7.0, plain_bytes=3200, private_bytes=9000)
SMALL = """
name = "far"
description = "speech that is not there"
seeds = [0]
targets = ["ctc"]
[speech.public]
source = "away"
utterances = 100
[speech.private]
source = "away"
utterances = 1000
[speech.test]
source = "away"
utterances = 10
[training]
public_epochs = 3
epochs = 2
batch_size = 16
learning_rate = 1e-3
channels = 4
hidden = 4
[[schemes]]
name = "none"
[[schemes]]
name = "edpsgd"
epsilon = [1]
[[attacks]]
name = "membership"
"""


def cell_of(scheme: str):
    return next(cell for cell in SUITE.cells() if cell.scheme == scheme)


@pytest.mark.parametrize(
    ("scheme", "trained"),
    [("public", 0), ("none", 126_351 * 30 * 6), ("edpsgd", 126_351 * 30 * 7)],
)
def test_a_cell_trains_on_half_and_is_heard_twice(scheme, trained):
    found = operations_of_cell(cell_of(scheme), COSTS)
    assert found == trained + (2 * 252_702 + 2620) * 2


def test_what_is_not_counted_has_no_time():
    cell = cell_of("edpsgd").model_copy(update={"scheme": "pate-gnmax"})
    assert operations_of_cell(cell, COSTS) is None
    assert operations_of_stage("votes", CONDITIONS, COSTS, 16) is None
    shown = Projection(SUITE, Speed(10.0, "a test"), 12.3, {"conformer": COSTS}, 16)
    assert shown.duration_of_cell(cell).seconds is None


def test_a_shared_stage():
    assert operations_of_stage("start", CONDITIONS, COSTS, 16) == 28_539 * 100 * 6
    references = 16 * (126_351 * 30 * 6 + 252_702 * 2)
    assert operations_of_stage("references", CONDITIONS, COSTS, 16) == references
    shown = Projection(SUITE, Speed(10.0, "a test"), 12.3, {"conformer": COSTS}, 16)
    assert shown.duration_of_stage("references", cell_of("none")).seconds == references / 10


def test_memory_and_disk():
    assert memory_of_cell("none", COSTS) == 16_000 + 3200
    assert memory_of_cell("edpsgd", COSTS) == 24_000 + 9000
    assert memory_of_cell("dpsgd", COSTS) == 24_000 + 100
    # Two models of 32 rows each, of sixteen: the weights of all are there.
    assert memory_of_references(CONDITIONS, COSTS, 16) == 2 * 16_000 + 2 * 3200 + 16 * 4000
    assert memory_of_references(CONDITIONS, COSTS, 1) == 16_000 + 3200 + 4000
    assert disk_of(15, 1, 48, COSTS, 10.0) == {
        "weights of cells": 60_000,
        "starts": 4000,
        "references": 192_000,
        "features of one training": 10 * 100 * 64 * 4,
    }
    assert [spoken_bytes(b) for b in (0, 4e8, 9.67e9, 1.4e10)] == [
        "0 GB",
        "0.40 GB",
        "9.7 GB",
        "14 GB",
    ]


def test_the_suite_is_what_it_says():
    training = SUITE.training
    facts = facts_of(TARGETS["conformer"], 28, training.channels, training.hidden)
    assert facts.weights == pytest.approx(100e6, rel=0.01)
    assert SUITE.speech.public.utterances + SUITE.speech.private.utterances == 281_241
    assert len(SUITE.seeds) == 3
    assert SUITE.schemes[-1].epsilon == (1, 3, 10)


def test_the_command_projects_where_speech_is_not_there(tmp_path, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(projection, "needed", lambda *a: asked.append(a) or 12)
    path = tmp_path / "far.toml"
    path.write_text(SMALL)

    def told(**options):
        plan_command(
            suite=str(path), out=tmp_path / "out", data=tmp_path, workers=2, seconds=0.5, **options
        )
        return capsys.readouterr().out

    content = json.loads(told(as_json=True, speed=1e9, speed_from="a stopwatch"))
    costs = content["projection"]["costs"]["ctc"]
    seconds = {line["job"]: line["seconds"] for line in content["jobs"]}
    assert seconds["start-ctc"] == pytest.approx(100 * 3 * costs["plain"] / 1e9)
    none = 500 * 2 * costs["plain"] + 1010 * costs["forward"]
    assert seconds["ctc-none-seed0"] == pytest.approx(none / 1e9)
    private = 500 * 10 * costs["private"] + 1010 * costs["forward"]
    assert seconds["ctc-edpsgd-eps1-seed0"] == pytest.approx(private / 1e9)
    assert content["projection"]["speed"]["source"] == "a stopwatch"
    assert content["projection"]["candidates_needed"] == {"1": {"any": 12, "gaussian": 12}}
    assert {(epsilon, noise) for epsilon, _, noise in asked} == {(1, "any"), (1, "gaussian")}

    text = told(as_json=False)
    assert "away: no such corpus" in text
    assert ASSUMED.source in text
    assert "tried 3 times more" in text


def test_what_cannot_be_projected_is_one_line(tmp_path):
    path = tmp_path / "far.toml"

    def told(text: str, **options) -> None:
        path.write_text(text)
        plan_command(suite=str(path), out=tmp_path / "out", data=tmp_path, **options)

    with pytest.raises(OverheardError, match="away: no such corpus"):
        told(SMALL.replace('"ctc"', '"rnnt"'))
    with pytest.raises(OverheardError, match="target rnnt: its work is not counted"):
        told(SMALL.replace('"ctc"', '"rnnt"'), speed=1e9)
    with pytest.raises(OverheardError, match=r"speech\.private\.utterances: say how many"):
        told(SMALL.replace("utterances = 1000", ""), speed=1e9)
    with pytest.raises(OverheardError, match="--speed and --seconds: give numbers above 0"):
        told(SMALL, speed=0.0)
