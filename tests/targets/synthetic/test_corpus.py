"""The embedded corpus: phrases, canaries of exact entropy, reproducibility, a healing cache."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import targets.synthetic.corpus
from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE
from targets.synthetic.cache import CacheError, load_utterances, save_utterances
from targets.synthetic.corpus import (
    SpeechRequest,
    default_cache,
    embedded_corpus,
    say_phrases,
    speak,
)
from targets.synthetic.phrases import (
    CANARIES,
    COMMANDS,
    DATES,
    PERSONAL,
    digits_canary,
    distinct_fillings,
    phrase,
)
from targets.synthetic.voices import voice_count

ALPHABET = re.compile(r"[a-z']+( [a-z']+)*")
TEMPLATES = (*COMMANDS, *PERSONAL, *CANARIES.values())
SMALL = {"speakers": 4, "utterances": 12, "seed": 3}


@pytest.fixture(scope="module")
def small():
    return embedded_corpus(**SMALL, cache=None)


def same(a, b):
    assert (a.id, a.speaker, a.text, a.words, dict(a.attributes)) == (
        b.id,
        b.speaker,
        b.text,
        b.words,
        dict(b.attributes),
    )
    np.testing.assert_array_equal(a.samples, b.samples)


def test_corpus_is_spread_evenly_and_well_formed(small):
    assert len(small) == 12
    assert [u.speaker for u in small] == ["voice00", "voice01", "voice02", "voice03"] * 3
    assert len({u.id for u in small}) == 12
    for u in small:
        assert ALPHABET.fullmatch(u.text)
        assert [w.text for w in u.words] == u.text.split()
        assert 0.8 < u.duration < 4
        assert u.words[0].start >= 0.05  # the lead of background noise
        assert u.words[-1].end <= u.duration
        assert u.samples.dtype == np.float32
        assert np.abs(u.samples).max() < 1
        assert u.attributes["gender"] in ("female", "male")


def test_larger_corpus_contains_the_smaller(small):
    larger = embedded_corpus(speakers=5, utterances=20, seed=3, cache=None)
    by_id = {u.id: u for u in larger}
    for u in small:
        same(u, by_id[u.id])


def test_other_speakers_are_other_utterances(small):
    others = embedded_corpus(speakers=4, utterances=12, seed=3, cache=None, first_speaker=4)
    assert not set(others.speakers) & set(small.speakers)
    assert [u.text for u in others] != [u.text for u in small]


def test_other_seed_is_another_corpus(small):
    other = embedded_corpus(speakers=4, utterances=12, seed=4, cache=None)
    assert other.digest != small.digest
    assert [u.text for u in other] != [u.text for u in small]


def test_same_digest_in_another_process(small):
    code = (
        "from targets.synthetic.corpus import embedded_corpus as c;"
        f"print(c(**{SMALL!r}, cache=None).digest)"
    )
    root = Path(__file__).parents[3]
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert out.stdout.decode().strip() == small.digest


def test_too_many_speakers_is_refused():
    with pytest.raises(ValueError, match=f"there are {voice_count()}"):
        embedded_corpus(speakers=10, utterances=1, seed=0, cache=None, first_speaker=voice_count())


def test_speak_orders_and_repeats():
    requests = [
        SpeechRequest("a", 0, "my pin code is one two three four"),
        SpeechRequest("b", 1, "my pin code is one two three four", rate_factor=4.0),
        SpeechRequest("c", 0, "turn off the garage oven", attributes={"canary": "no"}),
    ]
    spoken = speak(requests, seed=1, cache=None)
    again = speak(requests[::-1], seed=1, cache=None)[::-1]
    for one, other, request in zip(spoken, again, requests, strict=True):
        same(one, other)
        assert (one.id, one.text) == (request.id, request.text)
    assert spoken[1].duration < 0.5 * spoken[0].duration
    assert spoken[2].attributes["canary"] == "no"
    with pytest.raises(ValueError, match="share an id"):
        speak([requests[0], requests[0]], seed=1, cache=None)
    assert speak([], seed=1, cache=None) == []


def test_cache_returns_the_same_without_speaking(tmp_path, small, monkeypatch):
    seen = []
    first = embedded_corpus(**SMALL, cache=tmp_path, progress=lambda d, n: seen.append((d, n)))
    assert seen == [(i, 12) for i in range(1, 13)]
    assert len(list(tmp_path.iterdir())) == 1  # nothing left aside
    monkeypatch.setattr(targets.synthetic.corpus, "Speaker", None)  # speaking would fail
    second = embedded_corpus(**SMALL, cache=tmp_path)
    for a, b, c in zip(small, first, second, strict=True):
        same(a, b)
        same(b, c)
    assert first.digest == second.digest == small.digest


@pytest.mark.parametrize("damage", ["flip", "flip text", "truncate", "empty", "not ours"])
def test_corrupt_cache_is_made_anew_with_a_notice(tmp_path, small, damage, caplog):
    embedded_corpus(**SMALL, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    good = file.read_bytes()
    middle = len(good) // 2
    file.write_bytes(
        {
            "flip": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :],
            "flip text": good.replace(b"voice00-0000", b"voice99-0000", 1),
            "truncate": good[:middle],
            "empty": b"",
            "not ours": b"something else",
        }[damage]
    )
    with pytest.raises(CacheError):
        load_utterances(file)
    with caplog.at_level(logging.WARNING):
        healed = embedded_corpus(**SMALL, cache=tmp_path)
    assert healed.digest == small.digest
    assert "making it anew" in caplog.text
    for one, other in zip(load_utterances(file), small, strict=True):
        same(one, other)
    caplog.clear()
    embedded_corpus(**SMALL, cache=tmp_path)
    assert not caplog.text


def test_calls_say_the_same_over_the_telephone(small):
    calls = say_phrases(range(4), 12, seed=3, cache=None, channel="telephone")
    for call, recording in zip(calls, small, strict=True):
        assert (call.id, call.text, call.words) == (recording.id, recording.text, recording.words)
        assert call.samples.shape == recording.samples.shape
        assert (call.samples != recording.samples).any()


def test_the_share_of_personal_phrases_is_chosen():
    personal = {template.name for template in PERSONAL}
    for share in (0.0, 1.0):
        drawn = [phrase(Randomness(0).child(i), share)[0] for i in range(50)]
        assert {name in personal for name in drawn} == {bool(share)}


def test_failing_write_leaves_nothing(tmp_path, small, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("targets.synthetic.cache.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_utterances(tmp_path / "x", small.utterances)
    assert list(tmp_path.iterdir()) == []


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("OVERHEARD_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "overheard"
    assert os.environ["HOME"]


def test_phrases_are_a_fair_mixture():
    drawn = [phrase(Randomness(0).child(i)) for i in range(3000)]
    counts = {t.name: sum(name == t.name for name, _ in drawn) for t in (*COMMANDS, *PERSONAL)}
    assert min(counts.values()) > 60
    personal = sum(counts[t.name] for t in PERSONAL) / len(drawn)
    assert personal == pytest.approx(2 / 3, abs=0.04)
    vocabulary = {word for _, text in drawn for word in text.split()}
    assert 150 <= len(vocabulary) <= 300
    for _, text in drawn:
        assert ALPHABET.fullmatch(text)
        assert len(text.split()) <= 9
        # What a model knows of a canary, it knows from canaries.
        assert all(canary.index(text) is None for canary in CANARIES.values())


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("pin", 10**4),
        ("pin3", 10**3),
        ("pin6", 10**6),
        ("name", 400),
        ("words", 16**3),
        ("phone", 10**7),
        ("password", 10 * 10 * 100),
        ("address", 100 * 10 * 10),
        ("birthday", 366),
    ],
)
def test_space_is_exactly_as_large_as_said(name, size):
    canary = CANARIES[name]
    assert canary.space_size == size
    assert canary.bits == pytest.approx(np.log2(size))
    if size <= 10**4:
        assert len({canary.fill(i) for i in range(size)}) == size
    for outside in (-1, size):
        with pytest.raises(IndexError, match=name):
            canary.fill(outside)


def test_slots_hold_no_option_twice():
    for template in TEMPLATES:
        for options in template.slots.values():
            assert len(set(options)) == len(options)
    assert len(DATES) == 366


@given(template=st.sampled_from(TEMPLATES), data=st.data())
def test_filling_is_a_bijection(template, data):
    index = data.draw(st.integers(0, template.space_size - 1))
    text = template.fill(index)
    assert ALPHABET.fullmatch(text)
    assert template.index(text) == index
    assert template.chosen(template.choices(index)) == index
    words, at = text.split(), template.secret_positions(index)
    assert tuple(words[i] for i in at) == template.secret_words(index)
    carrier = [w for w in template.carrier.split() if "{" not in w]
    assert [w for i, w in enumerate(words) if i not in at] == carrier


def test_pin_is_spelled_digit_by_digit():
    assert CANARIES["pin"].fill(4271) == "my pin code is four two seven one"
    assert CANARIES["pin"].secret_words(42) == ("zero", "zero", "four", "two")
    assert digits_canary("x", "say", 2).fill(10) == "say one zero"
    assert CANARIES["pin"].index("my pin code is four two seven") is None


def test_draws_are_uniform_reproducible_and_distinct():
    canary = CANARIES["pin3"]
    draws = [canary.draw(Randomness(0).child(i)) for i in range(4000)]
    assert draws[:5] == [canary.draw(Randomness(0).child(i)) for i in range(5)]
    # A chi-square over ten bins stays below its 99.99 % quantile (33.7).
    counts = np.bincount(np.array(draws) // 100, minlength=10)
    assert ((counts - 400) ** 2 / 400).sum() < 33.7
    chosen = distinct_fillings(canary, 1000, Randomness(1))
    assert sorted(chosen) == list(range(1000))
    with pytest.raises(ValueError, match="1000 fillings"):
        distinct_fillings(canary, 1001, Randomness(1))


def test_speech_is_loud_where_the_words_are(small):
    for u in small:
        a, b = int(u.words[0].start * SAMPLE_RATE), int(u.words[-1].end * SAMPLE_RATE)
        inside = np.mean(u.samples[a:b] ** 2)
        before = np.mean(u.samples[: a - 200] ** 2)
        assert inside > 10 * before


def test_beyond_a_bound_samples_stay_in_the_file(small, tmp_path, monkeypatch):
    for module in ("cache", "corpus"):
        monkeypatch.setattr(f"targets.synthetic.{module}.IN_MEMORY", 1000)
    for _ in ("made", "read"):
        lazy = embedded_corpus(**SMALL, cache=tmp_path)
        assert not any(isinstance(u.sound, np.ndarray) for u in lazy)
        assert lazy.digest == small.digest
        assert [u.words for u in lazy] == [u.words for u in small]
    (file,) = tmp_path.iterdir()
    os.truncate(file, file.stat().st_size - 10)
    with pytest.raises(CacheError, match="cut short while it was used"):
        _ = lazy.utterances[-1].samples
