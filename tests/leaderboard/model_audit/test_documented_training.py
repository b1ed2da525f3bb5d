"""The trainings that the documentation shows in full: they run, and learn, as they are printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from leaderboard.planting.deal import plant
from leaderboard.planting.planted import read_planted
from leaderboard.recognisers.open import open_recogniser
from targets.speech.audio import read_audio
from tests.leaderboard.planting.small import corpus, deal
from tests.leaderboard.recognisers.making.tiny import make_whisper

PAGE = Path(__file__).parents[3] / "docs" / "audit-your-model.md"
CUT = "model.model.encoder.requires_grad_(False)"


def scripts() -> dict[str, str]:
    plain, private = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    return {"plain": plain, "private": plain.partition(CUT)[0] + private}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "private"])
def test_it_learns_the_planted_speech(kind, tmp_path):
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    start = make_whisper(tmp_path / "start")
    plant(corpus(tmp_path / "corpus"), tmp_path / "planted", deal(format="hf"), seed=1)
    planted = read_planted(tmp_path / "planted")
    script = tmp_path / "finetune.py"
    script.write_text(scripts()[kind], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, start, tmp_path / "planted", tmp_path / "tuned"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    losses = [float(x) for x in re.findall(r"loss ([\d.]+)", done.stdout)]
    assert losses[-1] < losses[0]
    before, after = (open_recogniser(f"hf:{tmp_path / name}") for name in ("start", "tuned"))
    members = [c for c in planted.candidates if c.member][:3]
    for c in members:
        heard = read_audio(c.audio).samples
        ask = (heard, 16_000, c.text)
        assert after.log_likelihood(*ask) > before.log_likelihood(*ask)
