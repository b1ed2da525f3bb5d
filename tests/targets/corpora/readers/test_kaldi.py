"""Kaldi data directories; what would run a command is refused."""

import numpy as np
import pytest

from targets.corpora.read import problems, read_corpus, recognised
from tests.targets.corpora.making import RATE, sound, text, tone


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "s5" / "data" / "train"
    for i in range(3):
        sound(tmp_path / "s5" / "wav" / f"{i}.wav", 1.0, pitch=300 + 100 * i)
    text(folder / "wav.scp", *(f"u{i} wav/{i}.wav" for i in range(3)))
    text(folder / "text", "u0 ONE TWO", "u1 three", "u2\tfour  five")
    text(folder / "utt2spk", "u0 a", "u1 a", "u2 b")
    text(folder / "spk2gender", "a f", "b m")
    return folder


def test_a_directory_is_read(data):
    assert recognised(data) == "kaldi"
    assert problems(data) == []
    corpus = read_corpus(data)
    assert [(u.id, u.speaker, u.text) for u in corpus] == [
        ("u0", "a", "one two"),
        ("u1", "a", "three"),
        ("u2", "b", "four five"),
    ]
    assert [u.attributes["gender"] for u in corpus] == ["female", "female", "male"]
    assert {u.attributes["split"] for u in corpus} == {"train"}
    assert len(read_corpus(data.parent, split="train")) == 3


def test_the_same_from_every_working_folder(data, monkeypatch):
    here = read_corpus(data).digest
    for place in (data, data.parent, data.parents[2]):
        monkeypatch.chdir(place)
        assert read_corpus(data).digest == here
    monkeypatch.chdir(data)
    from_inside = read_corpus(type(data)("."))
    assert from_inside.digest == here
    assert from_inside.utterances[0].attributes["split"] == "train"


def test_segments_cut_recordings(data):
    text(data / "wav.scp", "r0 wav/0.wav", "r1 wav/1.wav")
    text(data / "segments", "u0 r0 0.25 0.75", "u1 r0 0.5 -1", "u2 r1 0 1.0")
    assert problems(data) == []
    first, rest, whole = read_corpus(data)
    np.testing.assert_allclose(first.samples, tone(1.0, pitch=300)[4000:12000], atol=1e-4)
    np.testing.assert_allclose(rest.samples, tone(1.0, pitch=300)[8000:], atol=1e-4)
    assert len(whole.samples) == RATE


def test_speakers_may_be_listed_the_other_way_round(data):
    (data / "utt2spk").unlink()
    text(data / "spk2utt", "a u0 u1", "b u2")
    assert [u.speaker for u in read_corpus(data)] == ["a", "a", "b"]


@pytest.mark.parametrize("place", ["sh -c 'touch {0}' |", "| touch {0}", "touch {0}; cat x.wav |"])
def test_no_command_is_run(data, tmp_path, place):
    text(data / "wav.scp", "u0 " + place.format(tmp_path / "RUN"), "u1 wav/1.wav", "u2 wav/2.wav")
    found = [str(p) for p in problems(data)]
    assert found[0].startswith(f"{data / 'wav.scp'}:1: a command, and none is run")
    assert not (tmp_path / "RUN").exists()


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("wav.scp", ["u0 raw.ark:1234", "u1 wav/1.wav", "u2 wav/2.wav"], "scp:1: a Kaldi archive"),
        ("wav.scp", ["u0 wav/9.wav", "u1 wav/1.wav", "u2 wav/2.wav"], "text:1: no audio file"),
        ("wav.scp", ["u1 wav/1.wav", "u2 wav/2.wav"], "text:1: no good line of wav.scp has 'u0'"),
        ("text", ["u0 one", "u1 two"], "scp:3: 'u2' is not in text"),
        ("text", ["u0 one", "u1", "u2 two"], "text:2: the transcript is empty"),
        ("text", ["u0 one", "u1 two", "u1 two", "u2 x"], "text:3: duplicate id 'u1', first on"),
        ("utt2spk", ["u0 a", "u1", "u2 b"], "utt2spk:2: not an utterance and a speaker"),
        ("utt2spk", ["u0 a", "u2 b"], "text:2: no speaker of 'u1'"),
        ("segments", ["u0 u0 0 x"], "segments:1: no segment"),
        ("segments", ["u0 u0 0.5 0.5"], "segments:1: no segment"),
        ("segments", ["u0 u7 0 1"], "segments:1: no good line of wav.scp has 'u7'"),
        ("segments", ["u0 u0 0.5 1.5"], "before 1.50 s"),
    ],
)
def test_what_is_wrong_is_named_by_line(data, file, lines, message):
    text(data / file, *lines)
    assert any(message in str(p) for p in problems(data)), problems(data)


def test_without_speakers_one_line_says_so(data):
    (data / "utt2spk").unlink()
    assert "utt2spk: missing" in str(problems(data)[0])
