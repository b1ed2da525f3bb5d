"""A cell of a pretrained target from end to end, on tones and a Whisper of toy size."""

from __future__ import annotations

import math

import pytest
from safetensors.torch import load_file

from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.pending import finished
from leaderboard.experiment.stages.start import PublicStart
from leaderboard.experiment.train import run_cell
from leaderboard.game.game import Game
from leaderboard.records.run_folder import read_records
from leaderboard.spec.load import parse_suite
from leaderboard.spec.paths import start_file, weights_file
from leaderboard.views.table import Format, table
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import canary, put_in_place_of_speech, speech
from tests.tiny_whisper import make_whisper

SUITE = """
name = "toy"
description = "A pretrained target."
seeds = [0]
targets = ["whisper"]
tokens = "checkpoint"

[speech]
public = { source = "embedded", speakers = 2, utterances = 4, phrases = "spelled" }
private = { source = "embedded", speakers = 2, utterances = 20 }
test = { source = "embedded", speakers = 2, utterances = 4 }

[canaries]
count = 4
template = "pin3"

[training]
checkpoint = "toy-whisper"
adapter_rank = 2
public_epochs = 1
epochs = 1
batch_size = 4
learning_rate = 1e-2

[[schemes]]
name = "none"

[[schemes]]
name = "start"

[[schemes]]
name = "edpsgd"
epsilon = [4]
options = { epochs = 1, batch_size = 6 }

[[attacks]]
name = "membership"

[[attacks]]
name = "membership-calibrated"

[[attacks]]
name = "membership-gradient"
"""


def small_game(conditions, target, seed, data):  # noqa: ARG001
    private = [
        *speech(20, "private"),
        *(canary(n, 100 * n, repetitions=1 + n % 2) for n in range(4)),
    ]
    return Game.set_up(speech(4, "public"), private, speech(4, "test"), Randomness(seed))


@pytest.fixture
def data(tmp_path, monkeypatch):
    put_in_place_of_speech(monkeypatch, small_game)
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path / "cache"))
    make_whisper(tmp_path / "data" / "toy-whisper")
    return tmp_path / "data"


@pytest.mark.slow
def test_schemes_and_attacks_run_as_on_any_target(data, tmp_path):
    out, suite = tmp_path / "run", parse_suite("toy.toml", SUITE)
    cells = suite.cells()
    PublicStart(Experiment.of(cells[0], out, data)).compute()
    for cell in cells:
        run_cell(cell, Experiment.of(cell, out, data), report=lambda _: None)
        assert finished(out, cell, Experiment.of(cell, out, data).stamps)
    records = {r.cell.label: r for r in read_records(out)}
    assert {r.status for r in records.values()} == {"ok"}
    for record in records.values():
        assert record.wer.scored
        assert set(record.stamps) == {"toy-whisper"}
        assert all(math.isfinite(s) for found in record.scores.values() for s in found.values())
        assert set(record.scores) == {a.name for a in suite.attacks}
    promised = {label: r.guarantee.promised for label, r in records.items()}
    assert promised["none"] is None
    assert promised["start"] == 0
    assert 0 < promised["edpsgd"] <= 4
    # What is kept are the adapters alone.
    kept = load_file(weights_file(out, cells[0]))
    assert all(name.startswith("network.adapters.") for name in kept)
    assert "edpsgd" in table(out, Format.TEXT)


def test_another_checkpoint_is_another_start(data, tmp_path):
    cell = parse_suite("toy.toml", SUITE).cells()[0]
    before = start_file(tmp_path, cell.conditions, "whisper", data)
    make_whisper(data / "toy-whisper", layers=1)
    assert start_file(tmp_path, cell.conditions, "whisper", data) != before


def test_a_missing_checkpoint_is_named(data, tmp_path):
    cell = parse_suite("toy.toml", SUITE.replace("toy-whisper", "none")).cells()[0]
    with pytest.raises(OverheardError, match="none: no such checkpoint; put it there"):
        PublicStart(Experiment.of(cell, tmp_path, data)).compute()
