"""Without privacy the targets recognise speech: what protects nothing should cost nothing."""

import os
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from leaderboard.commands.train import train
from targets.core.randomness import Randomness
from targets.corpora.read import read_corpus
from targets.models.pretrained import Pretrained
from targets.models.whisper.tokens import WhisperTokens
from targets.speech.tokens import ALPHABET
from targets.speech.wer import word_error_rate as word_error_rate_of
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule

DATA = Path(os.environ.get("OVERHEARD_DATA", "../shared/data"))
AN4, WHISPER = DATA / "an4", DATA / "whisper-tiny.en"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def word_error_rate(*arguments: str) -> float:
    app = typer.Typer()
    app.command()(train)
    result = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = re.search(r"test WER ([\d.]+)", result.stdout)
    assert found, result.stdout
    return float(found[1])


@pytest.mark.skipif(not AN4.exists(), reason=f"AN4 is not at {AN4}: set OVERHEARD_DATA")
def test_ctc_recognises_an4() -> None:
    assert word_error_rate(str(AN4), "--target", "ctc", "--epochs", "10") <= 0.30


@pytest.mark.skipif(not AN4.exists(), reason=f"AN4 is not at {AN4}: set OVERHEARD_DATA")
@pytest.mark.skipif(not WHISPER.exists(), reason=f"no checkpoint at {WHISPER}")
def test_whisper_learns_to_spell_in_a_hundred_utterances() -> None:
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    recipe = Recipe(
        target="whisper",
        tokens=WhisperTokens(WHISPER),
        channels=1,
        hidden=1,
        schedule=Schedule(2, batch_size=10, learning_rate=3e-3),
        delta=1e-4,
        expected_members=100,
        pretrained=Pretrained(WHISPER),
    )
    training = list(read_corpus(AN4, split="train"))[::9][:100]
    test = list(read_corpus(AN4, split="test"))[::3]
    recognizer = recipe.untrained(Randomness(0))
    untouched = recognizer.transcribe(test[:10])
    assert all(set(text) <= set(f"{ALPHABET}0123456789") for text in untouched)
    fit(recognizer, training, recipe.schedule, Randomness(0))
    found = word_error_rate_of(test, recognizer.transcribe(test), Randomness(0))
    assert found.value < 0.25


def test_rnnt_recognises_the_embedded_corpus() -> None:
    assert word_error_rate("embedded", "--target", "rnnt", "--epochs", "8") <= 0.10
