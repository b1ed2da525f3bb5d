"""Lhotse cuts are read without Lhotse: nothing is run, and each kind of cut is named."""

import copy
import json

import numpy as np
import pytest

from targets.corpora.read import problems, read_corpus, recognised
from tests.targets.corpora.making import jsonl, sound, tone


@pytest.fixture
def cut(tmp_path):
    sound(tmp_path / "1.wav", 3.0)
    return {
        "id": "c",
        "start": 0.0,
        "duration": 3.0,
        "channel": 0,
        "supervisions": [
            {
                "id": "s",
                "recording_id": "r",
                "start": 0,
                "duration": 3.0,
                "channel": 0,
                "text": "yes",
                "speaker": "a",
            }
        ],
        "recording": {
            "id": "r",
            "sources": [{"type": "file", "channels": [0], "source": "1.wav"}],
            "sampling_rate": 16000,
            "num_samples": 48000,
            "duration": 3.0,
            "channel_ids": [0],
        },
        "type": "MonoCut",
    }


def only_problem(path):
    (found,) = problems(path)
    return str(found)


@pytest.mark.parametrize("name", ["cuts.jsonl", "cuts.jsonl.gz"])
def test_plain_and_packed_and_a_folder_with_one(tmp_path, cut, name):
    path = jsonl(tmp_path / name, cut)
    for place in (path, tmp_path):
        assert recognised(place) == "lhotse"
        np.testing.assert_allclose(read_corpus(place).utterances[0].samples, tone(3), atol=1e-4)


@pytest.mark.parametrize("kind", ["command", "url", "pipe", None])
def test_nothing_is_run_or_fetched(tmp_path, cut, kind):
    source = {"type": kind, "channels": [0], "source": f"touch {tmp_path / 'RUN'}; cat 1.wav"}
    inside = copy.deepcopy(cut)
    inside["recording"]["transforms"] = [
        {"name": "ReverbWithImpulseResponse", "kwargs": {"rir": {"sources": [source]}}}
    ]
    mixed = {"id": "m", "type": "MixedCut", "tracks": [{"cut": copy.deepcopy(cut)}]}
    mixed["tracks"][0]["cut"]["recording"]["sources"] = [source]
    cut["recording"]["sources"] = [source]
    found = problems(jsonl(tmp_path / "cuts.jsonl", cut, inside, mixed))
    assert [p.line for p in found] == [1, 2, 3]
    for problem in found[:2]:
        assert f"a source of type {kind!r}: it may run or download something" in str(problem)
    assert not (tmp_path / "RUN").exists()


@pytest.mark.parametrize(
    ("start", "length", "begin", "end"), [(1, 1, 1, 2), (0, 2, 0, 2), (2, 1, 2, 3), (0, 3, 0, 3)]
)
def test_the_supervised_part_is_read(tmp_path, cut, start, length, begin, end):
    cut["supervisions"][0] |= {"start": start, "duration": length}
    (heard,) = read_corpus(jsonl(tmp_path / "cuts.jsonl", cut))
    np.testing.assert_allclose(heard.samples, tone(3)[begin * 16000 : end * 16000], atol=1e-4)
    cut |= {"start": 0.5, "duration": 2.5}
    cut["supervisions"][0] |= {"start": 0.5, "duration": 1}
    (heard,) = read_corpus(jsonl(tmp_path / "cuts.jsonl", cut))
    np.testing.assert_allclose(heard.samples, tone(3)[16000:32000], atol=1e-4)


@pytest.mark.parametrize(("start", "length"), [(-0.5, 2), (1, 3), (-1, 5)])
def test_a_supervision_beyond_its_cut_is_refused(tmp_path, cut, start, length):
    cut["supervisions"][0] |= {"start": start, "duration": length}
    assert "holds only a part of what is said" in only_problem(jsonl(tmp_path / "c.jsonl", cut))


def without(key):
    def change(cut):
        del cut[key]

    return change


def several_channels(cut):
    cut["channel"] = [0, 1]
    cut["type"] = "MultiCut"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(type="MixedCut", tracks=[]), "a mixed, padded or appended cut"),
        (lambda c: c.update(type="PaddingCut"), "a cut of padding alone"),
        (lambda c: c.update(recording=None, features={"type": "x"}), "the cut has features only"),
        (without("recording"), "the cut has no recording"),
        (without("supervisions"), "0 supervisions, not one"),
        (without("duration"), "no Lhotse cut (no duration)"),
        (without("type"), "no Lhotse cut (type None)"),
        (lambda c: c["supervisions"].append(c["supervisions"][0]), "2 supervisions, not one"),
        (lambda c: c.update(channel=1), "no source of the recording has channel 1"),
        (lambda c: c["recording"].update(sources=[]), "no source"),
        (lambda c: c["recording"]["sources"][0].update(source="9.wav"), "no audio file"),
        (lambda c: c["recording"]["sources"][0].update(type="memory"), "which JSON cannot hold"),
        (lambda c: c.update(duration=9), "ends at 3.00 s, before 9.00 s"),
        (several_channels, "channel [0, 1] is no channel"),
    ],
)
def test_each_kind_is_named_for_what_it_is(tmp_path, cut, change, message):
    if message.startswith("ends"):
        cut["supervisions"][0]["duration"] = 9
    change(cut)
    assert message in only_problem(jsonl(tmp_path / "cuts.jsonl", cut))


def test_recordings_without_cuts_say_how_to_make_them(tmp_path, cut):
    path = jsonl(tmp_path / "recordings.jsonl.gz", cut["recording"])
    assert "CutSet.from_manifests" in only_problem(path)


def test_a_transformed_recording_is_read_by_lhotse(tmp_path, cut):
    lhotse = pytest.importorskip("lhotse", reason="the lhotse extra is not installed")
    whole = lhotse.CutSet.from_dicts([copy.deepcopy(cut)])[0]
    whole = whole.with_recording_path_prefix(tmp_path).perturb_speed(1.5)
    row = json.loads(json.dumps(whole.to_dict()))
    (heard,) = read_corpus(jsonl(tmp_path / "cuts.jsonl", row))
    np.testing.assert_allclose(heard.samples, whole.load_audio()[0], atol=1e-4)
    row["recording"]["sources"][0]["source"] = "9.wav"
    assert "no audio file" in only_problem(jsonl(tmp_path / "cuts.jsonl", row))
