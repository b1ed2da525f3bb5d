"""What cannot be trained on is found before, by id; the limits are those of the targets."""

import numpy as np
import pytest
import soundfile

from targets.core.errors import OverheardError
from targets.corpora.fit import too_much_text
from targets.corpora.read import problems, read_corpus
from targets.speech.audio import SHORTEST
from targets.speech.features import LogMel
from targets.speech.utterance import Utterance
from tests.targets.corpora.making import jsonl, sound


def utterance(samples):
    return Utterance("u", "s", np.full(samples, 0.1, np.float32), "yes")


def test_the_shortest_is_what_the_features_take():
    assert len(LogMel().raw(utterance(SHORTEST)))
    with pytest.raises(RuntimeError):
        LogMel().raw(utterance(SHORTEST - 1))


@pytest.mark.parametrize("rate", [16_000, 8_000])
def test_too_short_is_found_by_line_in_every_split(tmp_path, rate):
    sound(tmp_path / "good.wav")
    short = round(0.99 * SHORTEST * rate / 16_000)
    soundfile.write(tmp_path / "short.wav", np.full(short, 0.1), rate)
    good = {"audio": "good.wav", "text": "yes", "speaker": "s", "split": "train"}
    jsonl(tmp_path / "manifest.jsonl", good, {**good, "audio": "short.wav", "split": "test"})
    (found,) = problems(tmp_path)
    assert found.line == 2
    assert "samples at 16 kHz, and features need 257" in str(found)
    with pytest.raises(OverheardError, match="features need 257"):
        read_corpus(tmp_path, split="test")


def test_text_that_nobody_says_in_that_time(tmp_path):
    sound(tmp_path / "a.wav", 0.3)
    row = {"audio": "a.wav", "text": "this is much longer than it could be", "speaker": "s"}
    jsonl(tmp_path / "manifest.jsonl", row)
    (found,) = problems(tmp_path)
    assert "29 letters for 0.30 s" in str(found)
    assert too_much_text("a", 0.016) is None
    assert too_much_text("supercalifragilistic", 1.0) is None
