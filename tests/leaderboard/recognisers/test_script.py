"""A class of one's own: what is asked of it, and what is said when it fails."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from leaderboard.recognisers.base import CannotError, Opening, RecogniserError, UnheardError, can
from leaderboard.recognisers.script import open_script

AUDIO = np.linspace(-1, 1, 800, dtype=np.float32)


@pytest.fixture
def written(tmp_path):
    def write(source, name="Mine"):
        (tmp_path / "mine.py").write_text(source)
        return open_script(f"{tmp_path / 'mine.py'}:{name}", Opening())

    return write


def test_the_least_that_is_needed(written):
    mine = written(
        "class Mine:\n    def transcribe(self, audio, rate):\n"
        "        return f' {len(audio)} {rate}\\n'"
    )
    assert mine.transcribe(AUDIO, 8_000) == "800 8000"
    assert mine.kind == "script"
    assert mine.cannot == {
        "log_likelihood": "the class has no method log_likelihood(audio, rate, text)",
        "gradient_norm": "the class has no method gradient(audio, rate, text)",
    }
    with pytest.raises(CannotError, match="has no method log_likelihood"):
        mine.log_likelihood(AUDIO, 8_000, "a")
    with pytest.raises(CannotError, match="has no method gradient"):
        mine.gradient_norm(AUDIO, 8_000, "a")


def test_all_that_it_may_have(written, tmp_path):
    (tmp_path / "beside.py").write_text("WORD = 'one'")
    mine = written(
        "import torch\nfrom beside import WORD\n"
        "class Mine:\n"
        "    digest = 'abc'\n"
        "    transcribe = lambda self, audio, rate: WORD\n"
        "    log_likelihood = lambda self, audio, rate, text: torch.tensor(-2.5)\n"
        "    gradient = lambda self, *_: [torch.ones(2, 2), torch.tensor([1.0, 2.0])]\n"
    )
    assert can(mine, "log_likelihood")
    assert mine.transcribe(AUDIO, 8_000) == "one"
    assert mine.log_likelihood(AUDIO, 8_000, "a") == -2.5
    assert mine.gradient_norm(AUDIO, 8_000, "a") == 3
    assert mine.digest == "abc"


def test_a_file_that_changed_is_another_recogniser(written):
    source = "class Mine:\n    transcribe = lambda self, audio, rate: 'one'\n"
    first = written(source).digest
    assert first == hashlib.sha256(source.encode()).hexdigest()
    assert written(source.replace("one", "two")).digest != first
    assert written(source.replace("lambda", "lambda  ")).digest != first


def test_it_may_write_on_what_it_is_given(written):
    mine = written(
        "class Mine:\n    def transcribe(self, audio, rate):\n        audio *= 0\n        return ''"
    )
    audio = AUDIO.copy()
    audio.setflags(write=False)
    assert mine.transcribe(audio, 8_000) == ""
    assert audio[0] == -1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class Mine\n    pass", r"mine\.py:1: raised SyntaxError"),
        ("\nimport nothing_of_that_name", r"mine\.py:2: raised ModuleNotFoundError"),
        ("class Yours: pass", "no class Mine in it; it has Yours"),
        ("", "it has no class at all"),
        ("class Mine: pass", "no method transcribe"),
        ("class Mine:\n    def __init__(self):\n        1 / 0", r"py:3: Mine\(\) raised ZeroDivi"),
    ],
)
def test_a_file_that_cannot_be_used(source, message, written):
    with pytest.raises(RecogniserError, match=message):
        written(source)


def test_no_file():
    with pytest.raises(RecogniserError, match=r"no such file; overheard new model nowhere\.py"):
        open_script("nowhere.py:Mine", Opening())


def test_what_it_raises_is_said_of_the_utterance(written):
    mine = written("class Mine:\n    def transcribe(self, audio, rate):\n        {}['gate']")
    with pytest.raises(UnheardError, match=r"raised KeyError: 'gate' at an utterance of 0\.10 s"):
        mine.transcribe(AUDIO, 8_000)


def test_an_array_on_the_way_to_a_gradient(written):
    mine = written(
        "import torch\nclass Mine:\n"
        "    transcribe = lambda *_: ''\n"
        "    gradient = lambda *_: torch.full((4,), 2.0, requires_grad=True)\n"
    )
    assert mine.gradient_norm(AUDIO, 8_000, "a") == 4
    assert torch.is_grad_enabled()
