"""A service that works, one that does not, and what is kept of both."""

from __future__ import annotations

import io
import itertools
import json

import numpy as np
import pytest
import soundfile

from leaderboard.recognisers.base import CannotError, Opening, RecogniserError, UnheardError, can
from leaderboard.recognisers.http import as_wav, open_http, text_of
from tests.leaderboard.recognisers.making.service import Service
from tests.leaderboard.recognisers.making.tiny import audio

QUICK = {"requests_a_minute": 1e6, "first_pause": 0.001, "attempts": 3, "patience": 0.6}
RATE = 8_000


def length(samples, rate):
    return f"{len(samples)} at {rate}"


def asked(service, opening=None, **options):
    return open_http(f"{service.url}#small", opening or Opening(**QUICK | options))


def test_a_question_and_its_answer(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sesame")
    with Service(length) as service:
        model = asked(service, language="cs", key_from="MY_KEY")
        assert model.transcribe(audio(0.5, rate=RATE), RATE) == "4000 at 8000"
    (fields,) = service.asked
    assert {k: v for k, v in fields.items() if k != "file"} == {
        "model": "small", "response_format": "json", "temperature": "0", "language": "cs",
    }  # fmt: skip
    assert service.headers[0]["Authorization"] == "Bearer sesame"
    assert "sesame" not in repr(model)
    assert model.name == f"http:{service.url}#small (cs)"
    assert model.digest is None
    assert not can(model, "log_likelihood")
    with pytest.raises(CannotError, match="transcripts only"):
        model.log_likelihood(audio(), RATE, "a")
    with pytest.raises(CannotError, match="transcripts only"):
        model.gradient_norm(audio(), RATE, "a")


def test_a_draw_is_another_question_at_temperature_one(tmp_path):
    count = itertools.count()
    with Service(lambda *_: f"answer {next(count)}") as service:
        model = asked(service, answers=tmp_path)
        best = model.transcribe(audio(), RATE)
        drawn = [model.draw(audio(), RATE, n) for n in (0, 1, 0)]
        assert [best, *drawn] == ["answer 0", "answer 1", "answer 2", "answer 1"]  # kept
    assert [fields["temperature"] for fields in service.asked] == ["0", "1", "1"]


def test_no_key_is_sent_unasked(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    with Service(length) as service:
        asked(service).transcribe(audio(), RATE)
    assert "Authorization" not in service.headers[0]


def test_sixteen_bits_arrive():
    sent = np.float32([0, 0.5, -1, 1, 2])
    found, rate = soundfile.read(io.BytesIO(as_wav(sent, 16_000)), dtype="float32")
    assert rate == 16_000
    assert found == pytest.approx([0, 0.5, -1, 1, 1], abs=2**-15)


@pytest.mark.parametrize(
    "faults",
    [
        [(500, "oh no")],
        [(503, ""), (429, "slow down", {"Retry-After": "0.001"})],
        [(429, "slow down", {"Retry-After": "Wed, 21 Oct 2026"})],
        ["hang"],
        ["drip"],
        ["break", "break"],
    ],
)
def test_a_fault_that_passes(faults):
    with Service(length, faults) as service:
        model = asked(service, patience=2.0)  # a busy machine answers late
        assert model.transcribe(audio(1, rate=RATE), RATE) == "8000 at 8000"
        assert len(service.asked) == len(faults) + 1


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ((500, "oh no"), UnheardError, r"answers 500 \(oh no\), asked 3 times"),
        ("hang", UnheardError, r"no answer within 0\.2 s, asked 3 times"),
        ((400, '{"error": {"message": "too short"}}'), UnheardError, r"with 400 \(too short\)"),
        ((401, "sesame is wrong"), RecogniserError, r"401 \(\(the key\) is wrong\): look at the"),
        ((404, "gone"), RecogniserError, r"^http:http://127.*404 \(gone\): give the address"),
        ((302, "", {"Location": "http://localhost:9"}), RecogniserError, "answers 302"),
        ((200, "<html>Welcome"), RecogniserError, "'<html>Welcome', which is no JSON"),
        ((200, ""), RecogniserError, "which is no JSON"),
        ((200, '{"txt": "a"}'), RecogniserError, 'its answer has no "text"'),
        ((200, '["a"]'), RecogniserError, 'its answer has no "text"'),
        ((200, '{"text": NaN}'), RecogniserError, "is nan, no string"),
        ((200, "[" * 100_000), RecogniserError, "which is no JSON"),
        ((200, " " * (1 << 21)), UnheardError, "its answer is longer"),
    ],
)
def test_a_fault_that_stays(fault, kind, message, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sesame")
    with Service(length, itertools.repeat(fault)) as service:
        model = asked(service, key_from="MY_KEY")
        with pytest.raises(RecogniserError, match=message) as caught:
            model.transcribe(audio(), RATE)
    assert type(caught.value) is kind
    assert "sesame" not in str(caught.value)


def test_a_service_that_is_down():
    with Service(length) as service:
        model = asked(service)
    with pytest.raises(RecogniserError, match=r"cannot be reached .*see whether the service is up"):
        model.transcribe(audio(), RATE)


def test_a_service_that_answers_nobody(tmp_path):
    with Service(length, itertools.repeat((500, ""))) as service:
        model = asked(service, answers=tmp_path, attempts=1)
        for _ in range(2):
            with pytest.raises(UnheardError, match="answers 500"):
                model.transcribe(audio(), RATE)
        with pytest.raises(RecogniserError, match=r"for 3 utterances.*answers so far are kept"):
            model.transcribe(audio(), RATE)


def test_an_empty_text_is_an_answer(tmp_path):
    with Service(lambda *_: "") as service:
        model = asked(service, answers=tmp_path)
        assert model.transcribe(audio(), RATE) == ""
        assert model.transcribe(audio(), RATE) == ""
        assert len(service.asked) == 1


def test_answers_are_kept(tmp_path):
    with Service(length) as service:
        asked(service, answers=tmp_path).transcribe(audio(seed=1), RATE)
        model = asked(service, answers=tmp_path)
        assert model.transcribe(audio(seed=1), RATE) == "16000 at 8000"
        assert len(service.asked) == 1
        # Other audio, another rate, model or language is another question.
        model.transcribe(audio(seed=2), RATE)
        model.transcribe(audio(seed=1), 16_000)
        open_http(f"{service.url}#large", model.opening).transcribe(audio(seed=1), RATE)
        asked(service, answers=tmp_path, language="cs").transcribe(audio(seed=1), RATE)
        assert len(service.asked) == 5
        # One that something else has spoilt is asked again.
        for path in tmp_path.rglob("*.json"):
            path.write_text(path.read_text()[:-5])
        assert model.transcribe(audio(seed=1), RATE) == "16000 at 8000"
        assert len(service.asked) == 6
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".json"]


def test_a_key_in_the_address_is_neither_shown_nor_kept(tmp_path):
    with Service(length, [(404, "gone")]) as service:
        place = f"{service.url}?api-key=sesame#small"
        model = open_http(place, Opening(**QUICK, answers=tmp_path))
        assert model.url.endswith("?api-key=sesame")
        with pytest.raises(RecogniserError, match="answers 404") as caught:
            model.transcribe(audio(), RATE)
        model.transcribe(audio(), RATE)
    assert "sesame" not in f"{caught.value} {model.name} {model!r}"
    (kept,) = tmp_path.rglob("*.json")
    assert "sesame" not in kept.read_text()


def test_another_language_is_another_recogniser():
    """No digest is known of a service, so that its name has to say so."""
    names = [open_http("https://h#m", Opening(language=one)).name for one in ("", "cs", "en")]
    assert names == ["http:https://h/v1#m", "http:https://h/v1#m (cs)", "http:https://h/v1#m (en)"]


def test_no_failure_is_kept(tmp_path):
    with Service(length, [(500, "")]) as service:
        model = asked(service, answers=tmp_path, attempts=1)
        with pytest.raises(UnheardError):
            model.transcribe(audio(), RATE)
        assert not list(tmp_path.rglob("*.json"))
        assert model.transcribe(audio(), RATE) == "16000 at 8000"


def test_a_bounded_rate_and_longer_and_longer_pauses():
    faults = [(500, ""), (500, ""), (503, "", {"Retry-After": "9"})]
    with Service(length, faults) as service:
        model = asked(service, attempts=4, first_pause=1.0, requests_a_minute=120, patience=60)
        slept: list[float] = []
        model.sleep, model.clock = slept.append, lambda: 100 + sum(slept)
        model.transcribe(audio(), RATE)
        assert slept == [1, 2, 9]
        model.transcribe(audio(), RATE)
        assert slept == [1, 2, 9, 0.5]


def test_no_pause_goes_beyond_the_patience():
    with Service(length, [(503, "", {"Retry-After": "9"})]) as service:
        model = asked(service, first_pause=1.0, patience=5)
        slept: list[float] = []
        model.sleep, model.clock = slept.append, lambda: 100 + sum(slept)
        with pytest.raises(UnheardError, match=r"answers 503, asked 1 time$"):
            model.transcribe(audio(), RATE)
        assert slept == []


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("localhost:8000", "is no address"),
        ("ftp://host/v1", "is no address"),
        ("http:///v1", "is no address"),
        ("http://host:port", "http://host:port: is no address"),
        ("http://[bad", "is no address"),
        ("http://me:secret@host:port/v1?key=secret", "http://host:port/v1: is no address"),
        ("http://me:secret@host/v1", "holds a password"),
    ],
)
def test_what_is_no_address(place, message):
    with pytest.raises(RecogniserError, match=message) as caught:
        open_http(place, Opening())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("http://h", "http://h/v1/audio/transcriptions"),
        ("http://h:1/v1/", "http://h:1/v1/audio/transcriptions"),
        ("https://h/x/v1/audio/transcriptions#m", "https://h/x/v1/audio/transcriptions"),
        ("https://h/v1?version=2", "https://h/v1/audio/transcriptions?version=2"),
        ("https://h/v1/ü b?a=é", "https://h/v1/%C3%BC%20b/audio/transcriptions?a=%C3%A9"),
        ("https://h/v1/%C3%BC", "https://h/v1/%C3%BC/audio/transcriptions"),
    ],
)
def test_addresses(place, url):
    assert open_http(place, Opening()).url == url


def test_keys(monkeypatch):
    with pytest.raises(RecogniserError, match="variable NO_KEY holds no key"):
        open_http("https://host", Opening(key_from="NO_KEY"))
    monkeypatch.setenv("MY_KEY", "sesame")
    with pytest.raises(RecogniserError, match="not sent in the clear"):
        open_http("http://host", Opening(key_from="MY_KEY"))
    assert open_http("https://host", Opening(key_from="MY_KEY")).key == "sesame"


def test_space_around_a_text():
    assert text_of(json.dumps({"text": " one two\n"}).encode(), "a") == "one two"
