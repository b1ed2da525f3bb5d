"""`overheard train`: it hears speakers that it has not heard, or says why it cannot."""

import pytest
import soundfile
import typer
from typer.testing import CliRunner

from leaderboard.commands.train import train
from targets.core.errors import OverheardError
from tests.targets.corpora.making import jsonl, tone

app = typer.Typer()
app.command()(train)

SMALL = ("--epochs", "1", "--channels", "8", "--hidden", "8", "--beam", "1")


def corpus(folder, *, speaker="test", text="yes", seconds=1.0):
    rows = []
    for split in ("train", "test"):
        for i in range(3):
            name = f"{split}{i}.wav"
            soundfile.write(folder / name, tone(seconds if split == "train" else 1.0), 16_000)
            who = f"train-{i}" if split == "train" else f"{speaker}-{i}"
            rows.append({"audio": name, "text": text, "speaker": who, "split": split})
    jsonl(folder / "manifest.jsonl", *rows)
    return str(folder)


def test_it_trains_and_measures(tmp_path):
    result = CliRunner().invoke(app, [corpus(tmp_path), *SMALL], catch_exceptions=False)
    assert result.exit_code == 0
    assert "test WER" in result.stdout


def test_speakers_in_both_splits_are_refused(tmp_path):
    path = corpus(tmp_path, speaker="train")
    with pytest.raises(
        OverheardError, match=r"speaker train-0 \(and 2 more\) is in train and in te"
    ):
        CliRunner().invoke(app, [path, *SMALL], catch_exceptions=False)


def test_a_transcript_that_does_not_fit_is_found_before(tmp_path):
    path = corpus(tmp_path, text="yes please", seconds=0.3)
    with pytest.raises(OverheardError, match=r"manifest.jsonl:1: utterance train0: ctc cannot lea"):
        CliRunner().invoke(app, [path, *SMALL], catch_exceptions=False)
    result = CliRunner().invoke(app, [path, *SMALL, "--target", "rnnt"], catch_exceptions=False)
    assert result.exit_code == 0
