"""NeMo's tarred data: rows that name a shard, audio inside archives."""

import tarfile

import numpy as np
import pytest

from targets.corpora.read import problems, read_corpus, recognised
from tests.targets.corpora.making import RATE, jsonl, sound, tone


@pytest.fixture
def folder(tmp_path):
    for shard in range(2):
        with tarfile.open(tmp_path / f"audio_{shard}.tar", "w") as tar:
            for i in range(2):
                path = sound(tmp_path / "loose" / f"{i}.wav", 1.0, pitch=300 + 100 * shard)
                tar.add(path, f"s{shard}u{i}.wav")
    rows = [
        {
            "audio_filepath": f"s{shard}u{i}.wav",
            "text": "yes",
            "speaker": f"p{i}",
            "duration": 1.0,
            "shard_id": shard,
        }
        for shard in range(2)
        for i in range(2)
    ]
    return tmp_path, rows


def test_audio_is_read_from_its_shard(folder):
    path, rows = folder
    jsonl(path / "tarred_audio_manifest.json", *rows)
    assert recognised(path) == "nemo-tarred"
    assert problems(path) == []
    corpus = read_corpus(path)
    assert [u.id for u in corpus] == ["s0u0", "s0u1", "s1u0", "s1u1"]
    np.testing.assert_allclose(corpus.utterances[2].samples, tone(1.0, pitch=400), atol=1e-4)
    (path / "sharded_manifests").mkdir()
    part = jsonl(path / "sharded_manifests" / "manifest_1.json", *rows[2:])
    assert [u.id for u in read_corpus(part)] == ["s1u0", "s1u1"]


def test_parts_of_one_file(folder):
    path, rows = folder
    parts = [
        {**rows[0], "offset": 0.0, "duration": 0.5},
        {**rows[0], "audio_filepath": "s0u0-sub1.wav", "offset": 0.5, "duration": 0.5},
    ]
    jsonl(path / "manifest.json", *parts)
    assert recognised(path) == "nemo-tarred"
    one, two = read_corpus(path)
    np.testing.assert_allclose(two.samples, tone(1.0, pitch=300)[RATE // 2 :], atol=1e-4)
    assert one.id != two.id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shard_id": 7}, "no archive of shard 7"),
        ({"shard_id": "0"}, "no archive of shard '0'"),
        ({"audio_filepath": "nowhere.wav"}, "holds no nowhere.wav"),
        ({"audio_filepath": "../loose/0.wav"}, "holds no ../loose/0.wav"),
        ({"duration": 3.0}, "duration 3 s, but the audio has 1.00 s"),
    ],
)
def test_what_is_wrong_is_named_by_line(folder, change, message):
    path, rows = folder
    jsonl(path / "tarred_audio_manifest.json", *rows[:3], {**rows[3], **change})
    (found,) = problems(path)
    assert found.line == 4
    assert message in str(found)


def test_broken_archives(folder):
    path, rows = folder
    jsonl(path / "tarred_audio_manifest.json", rows[0], rows[3])
    tar = path / "audio_1.tar"
    whole = tar.read_bytes()
    tar.write_bytes(whole[: whole.rindex(b"RIFF") + 4000])
    (found,) = problems(path)
    assert (found.line, "truncated" in found.message) == (2, True)
    tar.write_bytes(b"no archive" * 100)
    (found,) = problems(path)
    assert "no tar archive" in found.message
