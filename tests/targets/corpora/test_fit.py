"""What cannot be trained on is found before, by id; the limits are those of the targets."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.corpora.fit import check_fit, too_many_labels, too_much_text
from targets.corpora.read import problems, read_corpus
from targets.models.ctc import IMPOSSIBLE
from targets.models.recognizer import untrained
from targets.models.registry import TARGETS
from targets.speech.audio import SHORTEST
from targets.speech.features import HOP, LogMel
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from tests.targets.corpora.making import jsonl, sound


def utterance(samples, text="yes", name="u", origin=""):
    return Utterance(name, "s", np.full(samples, 0.1, np.float32), text, origin=origin)


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


TEXTS = ("yes please", "aaaa", "hello", "a")


@pytest.mark.parametrize("target", [t.name for t in TARGETS if not t.pretrained])
def test_the_registry_says_of_every_target_what_it_can_learn(target):
    """Where a target has a limit, it is where its loss is that of what is impossible."""
    frames = TARGETS[target].frames_per_label
    recognizer = untrained(target, Characters(), 8, 8, Randomness(0))
    for text in TEXTS:
        needed = len(text) + sum(a == b for a, b in pairwise(text))
        for states in range(max(needed - 2, 1), needed + 2):
            u = utterance(((frames or 4) * states - 1) * HOP, text)
            impossible = recognizer.nll([u])[0] >= IMPOSSIBLE / 2  # hybrid's is half of CTC's
            fits = frames is None or states >= needed
            assert impossible == (not fits), (text, states)
            if fits:
                check_fit([u], Characters(), frames, target)
            else:
                with pytest.raises(OverheardError, match=f"{target} cannot learn it"):
                    check_fit([u], Characters(), frames, target)


def test_the_first_that_does_not_fit_is_named_and_the_rest_are_counted():
    good = utterance(16_000)
    crowded = [utterance(1600, "far too much", name, f"m.jsonl:{line}")
               for line, name in ((3, "b"), (7, "c"))]  # fmt: skip
    check_fit([good], Characters(), 4, "ctc")
    with pytest.raises(
        OverheardError, match=r"^m.jsonl:3: utterance b: ctc cannot .* 13 states, .* \(and 1 more"
    ):
        check_fit([good, *crowded], Characters(), 4, "ctc")


def test_what_is_not_transcribed_fits():
    check_fit([utterance(SHORTEST, "")], Characters(), 4, "ctc")


def test_letters_and_labels_need_the_same():
    for text in TEXTS:
        for samples in range(SHORTEST, 4 * 12 * HOP, 3 * HOP):
            labels = Characters().encode(text)
            assert (too_many_labels(text, samples, 4) is None) == (
                too_many_labels(labels, samples, 4) is None
            )


def test_an_utterance_knows_where_it_is_stated(tmp_path):
    sound(tmp_path / "a.wav")
    jsonl(tmp_path / "m.jsonl", "", {"audio": "a.wav", "text": "yes", "speaker": "s"})
    (u,) = read_corpus(tmp_path / "m.jsonl")
    assert u.origin == f"{tmp_path / 'm.jsonl'}:2"
