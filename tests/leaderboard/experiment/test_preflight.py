"""What is wrong with the speech of a suite is said before anything is trained, and once."""

import json

import numpy as np
import pytest
import soundfile

from leaderboard.experiment.plan import plan
from leaderboard.experiment.preflight import check_cache, check_sources, check_speech
from leaderboard.spec.load import parse_suite
from targets.core.errors import OverheardError
from tests.leaderboard.spec.test_suite import SMALL

# No canaries: nothing is to be synthesised.
PLAIN = SMALL.replace("count = 4", "count = 0").replace(
    'name = "canary"', 'name = "membership-noisy"'
)


def suite(source="an4", **changes):
    text = PLAIN.replace('source = "embedded"\nspeakers = 4\nutterances = 16', 'source = "open"')
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new, 1)
    return parse_suite("suite.toml", text.replace('"an4"', f'"{source}"'))


@pytest.fixture
def data(tmp_path):
    """Public speech, and private speech of which one utterance of a third of a second."""
    for name, splits in (("open", ("train",)), ("an4", ("train", "test"))):
        (tmp_path / name).mkdir()
        rows = []
        for split in splits:
            for i in range(4):
                audio = f"{name}-{split}{i}.wav"
                seconds = 0.35 if (name, split, i) == ("an4", "train", 2) else 1.0
                soundfile.write(
                    tmp_path / name / audio, np.full(int(16_000 * seconds), 0.1), 16_000
                )
                rows.append(
                    {"audio": audio, "text": "yes please", "speaker": f"{name}-{split}{i}",
                     "split": split}
                )  # fmt: skip
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name / "manifest.jsonl").write_text(lines)
    return tmp_path


def look(chosen, data, out):
    check_sources(chosen.conditions, data)
    check_speech(chosen.cells(), plan(chosen, out, data), data)


def test_good_speech_passes(data, tmp_path):
    look(suite(), data, tmp_path / "out")


def test_a_missing_folder_is_named_and_nothing_is_opened(tmp_path):
    with pytest.raises(OverheardError, match="an5: no such corpus"):
        check_sources(suite("an5").conditions, tmp_path)


def test_a_partition_is_looked_for_before_anything_is_opened(data):
    clients = 'split = "train"\nclients = { by = "file", file = "clients.json" }'
    chosen = suite(clients=('split = "train"', clients))
    with pytest.raises(OverheardError, match=r"clients.json: no such partition"):
        check_sources(chosen.conditions, data)
    (data / "clients.json").write_text("{}")
    check_sources(chosen.conditions, data)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_filter_that_leaves_nothing(data, tmp_path, split):
    key = {"train": "private", "test": "test"}[split]
    cut = (f'split = "{split}"', f'split = "{split}"\nmax_seconds = 0.01')
    with pytest.raises(OverheardError, match=rf"speech.{key}.max_seconds"):
        look(suite(cut=cut), data, tmp_path / "out")


def test_a_transcript_that_a_target_cannot_learn(data, tmp_path):
    ctc = ('targets = ["rnnt"]', 'targets = ["rnnt", "ctc"]')
    with pytest.raises(
        OverheardError,
        match=r"manifest.jsonl:3: utterance an4-train2: ctc cannot learn it: .* 10 st",
    ):
        look(suite(ctc=ctc), data, tmp_path / "out")


def test_audio_that_is_no_good_in_the_test_split(data, tmp_path):
    soundfile.write(data / "an4" / "an4-test1.wav", np.full(100, 0.1), 16_000)
    with pytest.raises(OverheardError, match=r"speech.test: .*manifest.jsonl:6: .* 100 samples"):
        look(suite(), data, tmp_path / "out")


def test_made_speech_needs_no_look(tmp_path):
    tiny = parse_suite("s", PLAIN.replace('"an4"\nsplit = "train"', '"embedded"\nspeakers = 2\n'
                                          "utterances = 4").replace(
        '"an4"\nsplit = "test"', '"embedded"\nspeakers = 2\nutterances = 4'))  # fmt: skip
    check_sources(tiny.conditions, tmp_path / "nowhere")
    check_speech(tiny.cells(), plan(tiny, tmp_path, tmp_path), tmp_path / "nowhere")


def test_a_cache_that_cannot_be_written_is_named_with_its_variable(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OverheardError, match=r"file/cache: .*cannot be written.*OVERHEARD_CACHE"):
        check_cache()
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path / "new" / "cache"))
    check_cache()
    assert list((tmp_path / "new" / "cache").iterdir()) == []
