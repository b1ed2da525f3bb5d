"""Real speech: every layout is read, and every defect has a message of its own, in one pass."""

import gzip
import json
import logging
import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from targets.corpora.read import CorpusError, problems, read_corpus
from targets.speech.audio import AudioError, read_audio
from targets.speech.transcript import TranscriptError, normalise
from targets.speech.utterance import SAMPLE_RATE

DATA = Path(os.environ.get("OVERHEARD_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not (DATA / "an4").is_dir(), reason="no real speech: set OVERHEARD_DATA to its folder"
)


def tone(seconds=0.5, rate=SAMPLE_RATE, pitch=440.0):
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype("f4")


def write_manifest(folder, rows):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")


def good_rows(folder, count):
    rows = []
    for i in range(count):
        soundfile.write(folder / f"{i}.flac", tone(0.3 + 0.01 * i), SAMPLE_RATE)
        rows.append({"id": f"u{i}", "audio": f"{i}.flac", "text": "go on", "speaker": f"s{i % 3}"})
    return rows


@pytest.fixture
def rows(tmp_path):
    return good_rows(tmp_path, 20)


def test_manifest_is_read(tmp_path, rows):
    rows[0] |= {"duration": 0.3, "gender": "female", "age": 44, "split": "train", "note": None}
    write_manifest(tmp_path, rows)
    corpus = read_corpus(tmp_path)
    assert problems(tmp_path) == []
    assert len(corpus) == 20
    assert corpus.speakers == ("s0", "s1", "s2")
    first = corpus.utterances[0]
    assert (first.id, first.speaker, first.text) == ("u0", "s0", "go on")
    assert first.duration == pytest.approx(0.3)
    assert dict(first.attributes) == {
        "gender": "female",
        "age": "44",
        "split": "train",
        "sample_rate": "16000",
        "channels": "1",
    }
    np.testing.assert_allclose(first.samples, tone(0.3), atol=1e-4)
    by_file = read_corpus(tmp_path / "manifest.jsonl")
    assert by_file.digest == corpus.digest
    # NeMo calls manifests .json and the audio audio_filepath; blank lines and a BOM are harmless.
    nemo = [{**r, "audio_filepath": r["audio"]} for r in rows]
    for row in nemo:
        del row["audio"]
    text = "\ufeff" + "\n\n".join(map(json.dumps, nemo))
    (tmp_path / "train.json").write_text(text, encoding="utf-8")
    assert read_corpus(tmp_path / "train.json").digest == corpus.digest


def test_missing_id_comes_from_the_path(tmp_path):
    good_rows(tmp_path, 3)
    (tmp_path / "sub").mkdir()
    (tmp_path / "1.flac").rename(tmp_path / "sub" / "1.flac")
    write_manifest(
        tmp_path,
        [
            {"audio": "0.flac", "text": "a", "speaker": "s"},
            {"audio": "sub/1.flac", "text": "a", "speaker": 7},
            {"audio": str(tmp_path / "2.flac"), "text": "a", "speaker": "s"},
        ],
    )
    corpus = read_corpus(tmp_path)
    assert [u.id for u in corpus] == ["0", "sub/1", "2"]
    assert corpus.utterances[1].speaker == "7"


def test_offset_cuts_a_long_recording(tmp_path):
    long = np.concatenate([tone(0.5), np.zeros(8000, "f4"), tone(0.5, pitch=880)])
    soundfile.write(tmp_path / "long.wav", long, SAMPLE_RATE, subtype="FLOAT")
    base = {"audio": "long.wav", "text": "a", "speaker": "s"}
    write_manifest(
        tmp_path,
        [
            {**base, "offset": 0, "duration": 0.5},
            {**base, "offset": 1.0, "duration": 0.5},
            {**base, "offset": 1.2},
        ],
    )
    one, two, rest = read_corpus(tmp_path)
    np.testing.assert_array_equal(one.samples, long[:8000])
    np.testing.assert_array_equal(two.samples, long[16000:])
    np.testing.assert_array_equal(rest.samples, long[19200:])
    assert len({one.id, two.id, rest.id}) == 3
    write_manifest(tmp_path, [{**base, "offset": 1.3, "duration": 0.5}])
    (found,) = problems(tmp_path)
    assert "ends at 1.50 s, before 1.80 s" in str(found)


def test_split_selects_and_leaves_other_audio_unread(tmp_path, rows):
    for i, row in enumerate(rows):
        row["split"] = "train" if i % 2 else "test"
    (tmp_path / "0.flac").unlink()  # of the test split
    write_manifest(tmp_path, rows)
    assert len(read_corpus(tmp_path, split="train")) == 10
    with pytest.raises(CorpusError, match=r"manifest.jsonl:1: no audio file"):
        read_corpus(tmp_path, split="test")
    with pytest.raises(CorpusError, match="no utterance in split 'dev'"):
        read_corpus(tmp_path, split="dev")
    with pytest.raises(CorpusError, match="unknown split 'validation' — use one of train"):
        read_corpus(tmp_path, split="validation")


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 1), (16000, 2), (22050, 2)])
@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_other_rates_and_channels_are_converted_with_one_notice(
    tmp_path, rate, channels, kind, caplog
):
    wave = tone(1, rate)
    for i in range(3):
        soundfile.write(tmp_path / f"{i}.{kind}", np.stack([wave] * channels, 1), rate)
    write_manifest(
        tmp_path, [{"audio": f"{i}.{kind}", "text": "a", "speaker": "s"} for i in range(3)]
    )
    with caplog.at_level(logging.WARNING):
        corpus = read_corpus(tmp_path)
    heard = corpus.utterances[0].samples
    assert len(heard) == SAMPLE_RATE
    middle = slice(2000, -2000)
    np.testing.assert_allclose(heard[middle], tone(1)[middle], atol=2e-3)
    assert len(caplog.records) == (rate != SAMPLE_RATE) + (channels != 1)
    if rate != SAMPLE_RATE:
        assert f"resampled to 16000 Hz: 3 at {rate} Hz" in caplog.text
    if channels != 1:
        assert "mixed down to one channel: 3 recordings" in caplog.text


def damage_missing(folder, row):
    (folder / row["audio"]).unlink()


def damage_truncated_flac(folder, row):
    path = folder / row["audio"]
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 48000), SAMPLE_RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_truncated_wav(folder, row):
    row["audio"] = "x.wav"
    soundfile.write(folder / "x.wav", tone(), SAMPLE_RATE)
    whole = (folder / "x.wav").read_bytes()
    (folder / "x.wav").write_bytes(whole[: len(whole) // 2])


def damage_nan(folder, row):
    row["audio"] = "x.wav"
    wave = tone()
    wave[100] = np.nan
    soundfile.write(folder / "x.wav", wave, SAMPLE_RATE, subtype="FLOAT")


def damage_no_samples(folder, row):
    row["audio"] = "x.wav"
    soundfile.write(folder / "x.wav", np.zeros(0), SAMPLE_RATE)


def damage_no_bytes(folder, row):
    (folder / row["audio"]).write_bytes(b"")


def damage_no_audio_file(folder, row):
    (folder / row["audio"]).write_text("hello")


def put(**values):
    def damage(_, row):
        row.update(values)

    return damage


def drop(key):
    def damage(_, row):
        del row[key]

    return damage


DAMAGES = {
    "missing audio": (damage_missing, "no audio file"),
    "absurd path": (put(audio="x" * 5000), "audio: File name too long"),
    "folder": (put(audio="."), "no audio file"),
    "path of two lines": (put(audio="a\nb.wav"), "no audio file"),
    "truncated flac": (damage_truncated_flac, "truncated"),
    "truncated wav": (damage_truncated_wav, "is truncated"),
    "NaN": (damage_nan, "NaN"),
    "zero length": (damage_no_samples, "zero length"),
    "no bytes": (damage_no_bytes, "cannot be decoded"),
    "not audio": (damage_no_audio_file, "cannot be decoded"),
    "empty text": (put(text=""), "transcript is empty"),
    "only punctuation": (put(text=" ... "), "transcript is empty"),
    "digits": (put(text="call 42"), "digit '4' — spell numbers out"),
    "symbol": (put(text="salt & pepper"), "symbol '&'"),
    "foreign letter": (put(text="привет"), "letter 'п'"),
    "duplicate id": (put(id="u3"), "duplicate id 'u3', first on line 4"),
    "unknown split": (put(split="trian"), "unknown split 'trian' — use one of train, dev"),
    "wrong duration": (put(duration=2.5), "duration 2.5 s, but the audio has 0.46 s"),
    "duration no number": (put(duration="long"), "duration 'long' is no time"),
    "negative offset": (put(offset=-1), "offset -1 is no time"),
    "no speaker": (drop("speaker"), 'no speaker — add "speaker"'),
    "null speaker": (put(speaker=None), "no speaker"),
    "no text": (drop("text"), "no text"),
    "no audio key": (drop("audio"), "no audio"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_every_defect_has_its_own_line(tmp_path, rows, name):
    damage, message = DAMAGES[name]
    damage(tmp_path, rows[16])
    write_manifest(tmp_path, rows)
    (found,) = problems(tmp_path)
    assert found.line == 17
    assert str(found).startswith(f"{tmp_path / 'manifest.jsonl'}:17: ")
    assert message in str(found)
    assert " — " in str(found)
    assert "\n" not in str(found)
    with pytest.raises(CorpusError) as raised:
        read_corpus(tmp_path)
    assert str(raised.value).startswith(str(found))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "u16", "audio": ', "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ("17", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"duration": ' + "9" * 5000 + "}", "not JSON"),
        ('{"id": "\\ud800"}', "half a character"),
    ],
)
def test_wrong_json_on_line_17(tmp_path, rows, line, message):
    rows[16] = line
    write_manifest(tmp_path, rows)
    (found,) = problems(tmp_path)
    assert found.line == 17
    assert message in str(found)


def test_not_utf8_is_named_by_line(tmp_path, rows):
    write_manifest(tmp_path, rows)
    with (tmp_path / "manifest.jsonl").open("ab") as file:
        file.write(b'{"text": "caf\xe9"}\n')
    (found,) = problems(tmp_path)
    assert str(found).endswith("manifest.jsonl:21: not UTF-8 — save the file as UTF-8")


def test_all_defects_in_one_pass(tmp_path):
    rows = good_rows(tmp_path, len(DAMAGES) + 4)
    expected = []
    for i, (name, (damage, message)) in enumerate(DAMAGES.items(), start=4):
        if "x.wav" in damage.__code__.co_consts:  # they share one file name
            continue
        damage(tmp_path, rows[i])
        expected.append((i + 1, name, message))
    rows.append("{")
    expected.append((len(rows), "json", "not JSON"))
    rows.append({**rows[0], "id": "last", "text": "", "audio": "nowhere.flac"})
    expected += [(len(rows), "two", "transcript is empty"), (len(rows), "two", "no audio file")]
    write_manifest(tmp_path, rows)
    found = problems(tmp_path)
    assert [p.line for p in found] == [line for line, _, _ in expected]
    for problem, (_, _, message) in zip(found, expected, strict=True):
        # Durations differ from file to file.
        assert message.split(", but")[0] in str(problem)


def test_paths_that_are_no_corpus(tmp_path):
    (tmp_path / "x.txt").write_text("hello")
    for path, message in {
        tmp_path: "no corpus in this folder",
        tmp_path / "nowhere": "no such file or folder",
        tmp_path / "x.txt": "not a corpus",
    }.items():
        with pytest.raises(CorpusError, match=message) as raised:
            problems(path)
        assert str(path) in str(raised.value)
        with pytest.raises(CorpusError, match=message):
            read_corpus(path)
    (tmp_path / "manifest.jsonl").write_text("\n")
    with pytest.raises(CorpusError, match="no utterance"):
        read_corpus(tmp_path)


@pytest.fixture
def librispeech(tmp_path):
    root = tmp_path / "LibriSpeech"
    for part, speaker, chapter in (
        ("train-clean-5", "11", "100"),
        ("train-clean-5", "12", "200"),
        ("dev-clean", "13", "300"),
    ):
        folder = root / part / speaker / chapter
        folder.mkdir(parents=True)
        names = [f"{speaker}-{chapter}-{i:04d}" for i in range(2)]
        for name in names:
            soundfile.write(folder / f"{name}.flac", tone(), SAMPLE_RATE)
        (folder / f"{speaker}-{chapter}.trans.txt").write_text(
            "".join(f"{name} IT'S A TEST\n" for name in names)
        )
    (root / "SPEAKERS.TXT").write_text("; a comment\n11 | F | train-clean-5 | 1 | X\n12|M|x|1|Y\n")
    return root


@pytest.mark.parametrize(
    "under", [".", "train-clean-5", "train-clean-5/11", "train-clean-5/11/100"]
)
def test_librispeech_is_read_at_any_depth(librispeech, under):
    corpus = read_corpus(librispeech / under)
    first = corpus.utterances[0 if under != "." else 2]
    assert first.id == "11-100-0000"
    assert first.speaker == "11"
    assert first.text == "it's a test"
    assert first.attributes["chapter"] == "100"
    assert first.attributes["part"] == "train-clean-5"
    assert first.attributes["split"] == "train"
    if under in (".", "train-clean-5"):
        assert first.attributes["gender"] == "female"
    assert len(corpus) == {".": 6, "train-clean-5": 4}.get(under, 2)


def test_librispeech_split_and_defects(librispeech):
    assert read_corpus(librispeech, split="dev").speakers == ("13",)
    chapter = librispeech / "train-clean-5" / "11" / "100"
    (chapter / "11-100-0000.flac").unlink()
    soundfile.write(chapter / "11-100-0009.flac", tone(), SAMPLE_RATE)
    with (chapter / "11-100.trans.txt").open("a") as file:
        file.write("11-100-0001 AGAIN\n11-100-0002\n")
    found = [str(p) for p in problems(librispeech)]
    where = str(chapter / "11-100.trans.txt")
    assert found[0].startswith(f"{where}:1: no audio file")
    assert found[1].startswith(f"{where}:3: duplicate id '11-100-0001', first on line 2")
    assert found[2].startswith(f"{where}:4: the transcript is empty")
    assert found[3].startswith(f"{where}:4: no audio file")
    assert found[4].startswith(f"{chapter / '11-100-0009.flac'}: no transcript names this audio")
    assert len(found) == 5


def cut(i):
    return {
        "id": f"cut{i}",
        "start": 0,
        "duration": 0.5,
        "channel": 0,
        "supervisions": [
            {
                "id": f"s{i}",
                "recording_id": f"r{i}",
                "start": 0,
                "duration": 0.5,
                "text": "Hello, there!",
                "speaker": f"spk{i}",
                "gender": "female",
                "custom": {"split": "train", "mood": "calm"},
            }
        ],
        "recording": {
            "id": f"r{i}",
            "sources": [{"type": "file", "channels": [0], "source": f"{i}.wav"}],
            "sampling_rate": SAMPLE_RATE,
            "num_samples": 8000,
            "duration": 0.5,
        },
        "type": "MonoCut",
    }


@pytest.fixture
def cuts(tmp_path):
    for i in range(4):
        soundfile.write(tmp_path / f"{i}.wav", tone(), SAMPLE_RATE)
    return [cut(i) for i in range(4)]


def write_cuts(folder, cuts):
    path = folder / "cuts.jsonl.gz"
    with gzip.open(path, "wt") as file:
        for one in cuts:
            file.write((one if isinstance(one, str) else json.dumps(one)) + "\n")
    return path


def test_lhotse_cuts_are_read(tmp_path, cuts):
    corpus = read_corpus(write_cuts(tmp_path, cuts))
    assert corpus.name == "cuts"
    assert len(corpus) == 4
    first = corpus.utterances[0]
    assert (first.id, first.speaker, first.text) == ("cut0", "spk0", "hello there")
    np.testing.assert_allclose(first.samples, tone(), atol=1e-4)
    assert first.attributes["gender"] == "female"
    assert first.attributes["split"] == "train"
    assert first.attributes["mood"] == "calm"


def test_lhotse_defects_are_named_by_line(tmp_path, cuts):
    (tmp_path / "0.wav").unlink()
    cuts[1]["supervisions"] = []
    del cuts[2]["supervisions"][0]["speaker"]
    cuts[3]["supervisions"][0]["text"] = ""
    path = write_cuts(tmp_path, [*cuts, '{"id":', '{"type": "MonoCut"}', "{}", cuts[3]])
    found = problems(path)
    assert [p.line for p in found] == [1, 2, 3, 4, 5, 6, 7, 8, 8]
    for problem, message in zip(
        found,
        (
            "no audio file",
            "0 supervisions, not one — call trim_to_supervisions",
            "no speaker",
            "transcript is empty",
            "not JSON",
            "no Lhotse cut",
            "no Lhotse cut",
            "duplicate id 'cut3', first on line 4",
            "transcript is empty",
        ),
        strict=True,
    ):
        assert message in str(problem)
        assert "\n" not in str(problem)


def test_broken_archive_is_named(tmp_path, cuts):
    path = write_cuts(tmp_path, cuts)
    path.write_bytes(path.read_bytes()[:-20])
    assert "the archive is broken" in str(problems(path)[-1])
    path.write_bytes(b"no gzip at all")
    (found,) = problems(path)
    assert "the archive is broken" in str(found)


def test_without_lhotse_the_extra_is_named(tmp_path, cuts, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lhotse.serialization", None)
    assert problems(write_cuts(tmp_path, cuts)) == []
    cuts[0]["recording"]["transforms"] = [{"name": "Speed", "kwargs": {"factor": 0.9}}]
    with pytest.raises(CorpusError, match=re.escape("pip install overheard[lhotse]")):
        read_corpus(write_cuts(tmp_path, cuts))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
KEYS = ("id", "audio", "audio_filepath", "text", "speaker", "duration", "offset", "split", "x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(JSON | st.dictionaries(st.sampled_from(KEYS), JSON | st.just("0.wav"))))
def test_no_manifest_crashes_the_survey(tmp_path, rows):
    soundfile.write(tmp_path / "0.wav", tone(), SAMPLE_RATE)
    write_manifest(tmp_path, [json.dumps(row) for row in rows])
    for problem in problems(tmp_path):
        assert "\n" not in str(problem)
        assert problem.line is not None


@given(st.text())
def test_normal_text_stays_normal(text):
    try:
        once = normalise(text)
    except TranscriptError:
        return
    assert re.fullmatch(r"[a-z']+( [a-z']+)*", once)
    assert normalise(once) == once


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("YES", "yes"),
        ("  Hello,   World! ", "hello world"),
        ("don’t — well-known and/or 'quoted'", "don't well known and or quoted"),
        ("Café Zoë", "cafe zoe"),
        ("rock ' roll", "rock roll"),
    ],
)
def test_text_is_normalised(text, normal):
    assert normalise(text) == normal


def test_streamed_wav_is_no_truncated_wav(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(), SAMPLE_RATE)
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff\xff\xff\xff" + data[8:])
    assert len(read_audio(path).samples) == 8000
    with pytest.raises(AudioError, match="ends at"):
        read_audio(path, offset=2)


@needs_data
def test_an4_and_mini_librispeech_have_no_problems():
    assert problems(DATA / "an4") == []
    test = read_corpus(DATA / "an4", split="test")
    assert len(test) == 130
    assert len(test.speakers) == 10
    assert len(read_corpus(DATA / "an4", split="train").speakers) == 74


@needs_data
def test_mini_librispeech_reads_alike_both_ways():
    folder = DATA / "mini_librispeech"
    by_manifest = {u.id: u for u in read_corpus(folder, split="dev")}
    by_layout = {u.id: u for u in read_corpus(folder / "LibriSpeech")}
    assert len(by_layout) == 409
    for identity, u in by_manifest.items():
        other = by_layout[identity]
        assert (u.text, u.speaker) == (other.text, other.speaker)
        assert u.attributes["gender"] == other.attributes["gender"]
        np.testing.assert_array_equal(u.samples, other.samples)


def test_beyond_a_bound_samples_are_read_again(tmp_path, rows, monkeypatch):
    write_manifest(tmp_path, rows)
    held = read_corpus(tmp_path)
    monkeypatch.setattr("targets.corpora.read.IN_MEMORY", 5 * 4 * 16_000)
    lazy = read_corpus(tmp_path)
    kept = [isinstance(u.sound, np.ndarray) for u in lazy]
    assert kept[0]
    assert not kept[-1]
    assert lazy.digest == held.digest
    assert [u.attributes for u in lazy] == [u.attributes for u in held]
    (tmp_path / rows[-1]["audio"]).unlink()
    with pytest.raises(CorpusError, match=r"manifest.jsonl:20: no audio file"):
        _ = lazy.utterances[-1].samples
    soundfile.write(tmp_path / rows[-1]["audio"], tone(0.1), SAMPLE_RATE)
    with pytest.raises(CorpusError, match=r"manifest.jsonl:20: the audio has changed"):
        _ = lazy.utterances[-1].samples
