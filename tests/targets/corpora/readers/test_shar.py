"""Lhotse Shar: shards that Lhotse wrote are read as it reads them."""

import numpy as np
import pytest

from targets.corpora.read import problems, read_corpus, recognised
from tests.targets.corpora.making import jsonl, sound

lhotse = pytest.importorskip("lhotse", reason="the lhotse extra is not installed")


@pytest.fixture
def folder(tmp_path):
    cuts = []
    for i in range(5):
        path = sound(tmp_path / f"{i}.wav", 1.0, pitch=300 + 50 * i)
        recording = lhotse.Recording.from_file(path, recording_id=f"r{i}")
        cut = recording.to_cut().truncate(offset=0.1 * i, duration=0.5).with_id(f"cut/{i}.x")
        cut.supervisions = [
            lhotse.SupervisionSegment(f"s{i}", f"r{i}", 0, 0.5, text="yes", speaker=f"p{i % 2}")
        ]
        cuts.append(cut)
    shar = tmp_path / "shar"
    shar.mkdir()
    cuts = lhotse.CutSet.from_cuts(cuts)
    cuts.to_shar(shar, fields={"recording": "flac"}, shard_size=2, verbose=False)
    return shar, cuts


def test_shards_are_read_as_lhotse_reads_them(folder):
    shar, cuts = folder
    assert recognised(shar) == "lhotse-shar"
    assert problems(shar) == []
    corpus = read_corpus(shar)
    assert [u.id for u in corpus] == [cut.id for cut in cuts]
    for u, cut in zip(corpus, cuts, strict=True):
        np.testing.assert_allclose(u.samples, cut.load_audio()[0], atol=1e-4)


def test_a_missing_shard_and_a_command_are_named(folder):
    shar, _ = folder
    (shar / "recording.000001.tar").unlink()
    (found,) = problems(shar)
    assert "no archive" in found.message
    row = {
        "id": "c",
        "start": 0,
        "duration": 0.5,
        "channel": 0,
        "type": "MonoCut",
        "supervisions": [{"id": "s", "start": 0, "duration": 0.5, "text": "a", "speaker": "p"}],
        "recording": {"sources": [{"type": "command", "channels": [0], "source": "true"}]},
    }
    jsonl(shar / "cuts.000000.jsonl.gz", row)
    assert "a source of type 'command'" in problems(shar)[0].message


def test_a_single_shard_asks_for_its_folder(folder):
    shar, _ = folder
    assert "give the folder" in str(problems(shar / "cuts.000000.jsonl.gz")[0])
