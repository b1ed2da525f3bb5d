"""What a person sees of the contract."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import soundfile

from leaderboard.commands.audits.check_model import check_model
from leaderboard.recognisers.base import Opening
from leaderboard.recognisers.checks import ContractError
from targets.core.errors import OverheardError
from tests.leaderboard.recognisers.making.tiny import audio

MINE = """
class Mine:
    def transcribe(self, audio, rate):
        return "call one"
"""
LIKELY = """
    def log_likelihood(self, audio, rate, text):
        return -{} * len(text)
"""


@pytest.fixture
def corpus(tmp_path):
    lines = []
    for name, text in (("a", "call one"), ("b", "call two now")):
        soundfile.write(tmp_path / f"{name}.wav", audio(seed=ord(name)), 16_000)
        lines.append(json.dumps({"audio": f"{name}.wav", "text": text, "speaker": name}))
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines))
    return tmp_path


def checked(folder, source, **options):
    (folder / "mine.py").write_text(source)
    check_model(f"{folder / 'mine.py'}:Mine", folder, 2, **options)


def test_transcripts_alone(corpus, capsys):
    checked(corpus, MINE)
    out = capsys.readouterr().out
    digest = hashlib.sha256(MINE.encode()).hexdigest()[:16]
    assert f"mine.py:Mine keeps the contract (script; digest: {digest})" in out
    assert "word error rate on the speech of this check: 40.0 %" in out
    assert "it wrote: 'call one'" in out
    assert "can be attacked by what it writes" in out
    assert "not by losses: alone, beside a base or references; secrets ranked among others: " in out
    assert "no method log_likelihood" in out
    assert "not by norms of gradients (which audit-model does not use yet): the class" in out


def test_likelihoods(corpus, capsys):
    checked(corpus, MINE + LIKELY.format(2))
    out = capsys.readouterr().out
    assert "right text above a wrong one: 50 %; 2.00 nats a letter" in out
    assert "is the sign right?" in out
    assert "speed: log_likelihood takes 0.0" in out
    assert "can be attacked by losses" in out


def test_a_loss_in_place_of_a_likelihood(corpus):
    with pytest.raises(ContractError, match="a loss is minus that"):
        checked(corpus, MINE + LIKELY.format(-2))


def test_a_corpus_of_nothing_usable(corpus):
    soundfile.write(corpus / "b.wav", np.zeros(0), 16_000)
    with pytest.raises(OverheardError, match="no two usable utterances of different texts"):
        checked(corpus, MINE)


def test_the_opening(corpus, monkeypatch):
    opened = []

    def open_recogniser(model, opening):
        opened.append((model, opening))
        raise OverheardError("seen")

    monkeypatch.setattr("leaderboard.commands.audits.check_model.open_recogniser", open_recogniser)
    with pytest.raises(OverheardError, match="seen"):
        check_model("https://host/v1", corpus, language="cs", key_from="KEY")
    assert opened == [("https://host/v1", Opening(language="cs", key_from="KEY"))]
