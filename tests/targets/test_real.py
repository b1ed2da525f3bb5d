"""Without privacy the targets recognise speech: what protects nothing should cost nothing."""

import os
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from leaderboard.commands.train import train

AN4 = Path(os.environ.get("OVERHEARD_DATA", "../shared/data")) / "an4"

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
    assert word_error_rate(str(AN4), "--target", "ctc", "--epochs", "25") <= 0.25


def test_rnnt_recognises_the_embedded_corpus() -> None:
    assert word_error_rate("embedded", "--target", "rnnt", "--epochs", "16") <= 0.10
