"""One contract for every door, on the same tiny recognisers; and each breach is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from leaderboard.recognisers.base import ABILITIES, Opening, UnheardError
from leaderboard.recognisers.checks import ContractError, check_recogniser
from leaderboard.recognisers.open import open_recogniser
from leaderboard.recognisers.script import ScriptRecogniser
from targets.speech.utterance import SAMPLE_RATE, Utterance
from tests.leaderboard.recognisers.making.service import Service
from tests.leaderboard.recognisers.making.tiny import KINDS, audio, folder_of

SPEECH = [
    Utterance("a", "s1", audio(0.7, seed=1), "call one two"),
    Utterance("b", "s2", audio(0.8, seed=2), "it's over"),
]
HANDED_ON = """
from leaderboard.recognisers.open import open_recogniser

class Mine:
    def __init__(self):
        self.model = open_recogniser({spec!r})
        self.transcribe = self.model.transcribe
        self.log_likelihood = self.model.log_likelihood

    def gradient(self, audio, rate, text):
        return [[self.model.gradient_norm(audio, rate, text)]]
"""


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_transformers(kind, tmp_path_factory):
    model = open_recogniser(f"hf:{folder_of(kind, tmp_path_factory)}")
    kept = check_recogniser(model, SPEECH)
    assert model.cannot == {}
    assert set(kept.speed) == {"transcribe", *ABILITIES}
    assert any(kept.transcripts)
    assert 0 <= kept.right_above_wrong <= 1
    assert kept.nats_a_letter > 1  # of nothing learnt: a nat a letter would be a good guess


@pytest.mark.parametrize(
    "kind",
    ["wav2vec2", *(pytest.param(k, marks=pytest.mark.slow) for k in ("whisper", "parakeet-tdt"))],
)
def test_three_doors_to_the_same_weights(kind, tmp_path_factory, tmp_path):
    spec = f"hf:{folder_of(kind, tmp_path_factory)}"
    model = open_recogniser(spec)
    # A service is sent 16 bits: what all of them hear here is of as many.
    speech = [replace(u, samples=np.float32(np.round(u.samples * 2**15) / 2**15)) for u in SPEECH]
    wanted = check_recogniser(model, speech)

    (tmp_path / "mine.py").write_text(HANDED_ON.format(spec=spec))
    mine = open_recogniser(f"{tmp_path / 'mine.py'}:Mine")
    found = check_recogniser(mine, speech)
    assert found.transcripts == wanted.transcripts
    assert found.nats_a_letter == wanted.nats_a_letter
    assert mine.gradient_norm(speech[0].samples, SAMPLE_RATE, "a") == pytest.approx(
        model.gradient_norm(speech[0].samples, SAMPLE_RATE, "a")
    )

    with Service(model.transcribe) as service:
        far = open_recogniser(f"http:{service.url}#tiny", Opening(requests_a_minute=1e6))
        found = check_recogniser(far, speech)
    assert found.transcripts == wanted.transcripts
    assert found.right_above_wrong is None
    assert set(far.cannot) == set(ABILITIES)


class Mine:
    """Keeps the contract."""

    def __init__(self):
        self.asked = 0

    def transcribe(self, audio, rate):
        return "call one two" if len(audio) / rate < 0.75 else "it was over"

    def log_likelihood(self, audio, rate, text):
        return -len(text) * (1 if text == SPEECH[len(audio) / rate > 0.75].text else 3)

    def gradient(self, *_):
        return np.ones(4)


def made(**methods):
    kind = type("Mine", (Mine,), methods)
    return ScriptRecogniser("mine.py:Mine", kind(), {})


def counting(self, *_):
    self.asked += 1
    return self.asked


def test_digits_are_no_word_errors():
    def transcribe(_, audio, rate):
        return "Call 12." if len(audio) / rate < 0.75 else "It's over!"

    assert check_recogniser(made(transcribe=transcribe), SPEECH).wer == 0


def test_what_is_reported():
    kept = check_recogniser(made(), SPEECH)
    assert kept.transcripts == ("call one two", "it was over")
    assert kept.wer == 2 / 5
    assert kept.right_above_wrong == 1
    assert kept.nats_a_letter == 1
    assert made().gradient_norm(SPEECH[0].samples, SAMPLE_RATE, "a") == 2


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"transcribe": lambda self, *_: str(counting(self))}, "wrote '1', then '2' for the"),
        ({"transcribe": lambda *_: None}, "returned NoneType"),
        ({"log_likelihood": lambda *_: 3.5}, "never above 0; a loss is minus that"),
        ({"log_likelihood": lambda *_: float("nan")}, "log_likelihood is NaN"),
        ({"log_likelihood": lambda *_: float("-inf")}, "text of a is impossible"),
        ({"log_likelihood": lambda self, *_: -counting(self)}, r"is -1\.0, then -2\.0"),
        ({"log_likelihood": lambda *_: "high"}, "returned str"),
        ({"gradient": lambda self, *_: np.full(2, counting(self))}, "gradient is"),
        ({"gradient": lambda *_: [np.nan]}, "holds NaN"),
        ({"gradient": lambda *_: "steep"}, "returned str"),
    ],
)
def test_a_breach_is_seen(methods, message):
    with pytest.raises((ContractError, Exception), match=message) as caught:
        check_recogniser(made(**methods), SPEECH)
    assert "mine.py:Mine" in str(caught.value)


class Careless:
    """A recogniser without the care that doors take."""

    name, kind, digest, cannot = "careless", "script", None, {"log_likelihood": "it has none"}

    def transcribe(self, audio, _):
        if not len(audio):
            raise UnheardError("careless: nothing to hear")
        audio *= 0.5
        return ""

    def log_likelihood(self, *_):
        return 0.0

    gradient_norm = log_likelihood


def test_what_doors_prevent_is_seen_too():
    with pytest.raises(ContractError, match="changed the audio"):
        check_recogniser(Careless(), SPEECH)
    deaf = type("Deaf", (Careless,), {"transcribe": lambda *_: ""})
    with pytest.raises(ContractError, match="zero length"):
        check_recogniser(deaf(), SPEECH)

    def heard(self, audio, rate):
        return Careless.transcribe(self, audio.copy(), rate)

    with pytest.raises(ContractError, match="says that it has no log_likelihood, and answers"):
        check_recogniser(type("Liar", (Careless,), {"transcribe": heard})(), SPEECH)
