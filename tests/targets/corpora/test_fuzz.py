"""No bytes and no structure make a reader crash or hang: it reads, or says what is wrong.

`OVERHEARD_FUZZ=100` makes every case a hundred times as long; `OVERHEARD_FUZZ_SEED` is its seed.
"""

import gzip
import json
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from targets.corpora.entry import CorpusError, Problem
from targets.corpora.read import examine, survey
from tests.targets.corpora.layouts import whole

TIMES = float(os.environ.get("OVERHEARD_FUZZ", "1"))
SEED = int(os.environ.get("OVERHEARD_FUZZ_SEED", "0"))
SLOW = 10.0  # s of processor time that one input may take

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
WORDS = st.sampled_from(
    ["a.wav", "../a.wav", "/a.wav", ".", "a.wav |", "x.ark:3", "u0", "yes", "s", "-1", "0.5", "1"]
)
KEYS = (
    *("id", "audio", "audio_filepath", "text", "speaker", "duration", "offset", "split", "channel"),
    *("shard_id", "type", "start", "supervisions", "recording", "sources", "channels", "source"),
    *("file_name", "features", "tracks", "custom", "transforms", "array", "sampling_rate", "path"),
)
KINDS = st.sampled_from(["MonoCut", "MultiCut", "MixedCut", "file", "memory", "command", "url"])
VALUES = JSON | WORDS | KINDS


def objects(values):
    return st.dictionaries(st.sampled_from(KEYS), values, max_size=8)


ROWS = st.lists(objects(VALUES | objects(VALUES) | st.lists(objects(VALUES), max_size=2)) | JSON)
LINE = st.lists(WORDS | st.text(max_size=8), max_size=6)
LINES = st.lists(LINE.map(" ".join) | LINE.map("\t".join) | LINE.map(",".join), max_size=6)


def listen(path):
    """Read a corpus, and hold the reader to its promise."""
    begin = time.process_time()
    for decode in (True, False):
        complaint = ""
        try:
            for item in examine(path, decode=decode):
                if isinstance(item, Problem):
                    assert "\n" not in str(item)
                    assert item.remedy
        except CorpusError as error:
            complaint = str(error)
        assert "\n" not in complaint
    assert time.process_time() - begin < SLOW


def damaged(data, rng):
    """Return bytes that were cut, changed, repeated, or made up."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0:
                del data[place:]
            case 1:
                data[place : place + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(9))
            case 2:
                data[place:place] = data[place : place + rng.randrange(200)]
            case 3 if data:
                data[place % len(data)] ^= 1 << rng.randrange(8)
            case 4:
                strange = (b"\xff" * 4, b"\0" * 4, b"\n", b'"', b"\t", b"{", b"[", b"\xef\xbb\xbf")
                data[place:place] = rng.choice(strange)
            case 5:
                del data[place : place + rng.randrange(60)]
            case 6:  # headers stand at the beginning
                near = rng.randrange(min(len(data), 64) + 1)
                data[near : near + 4] = rng.choice((rng.randbytes(4), b"\xff" * 4, b"\0\0\0\1"))
    return bytes(data)


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    return whole(tmp_path_factory.mktemp("whole"))


def test_what_is_not_damaged_is_read(layouts):
    for folder in layouts:
        found = list(survey(folder))
        assert found, folder
        assert not [item for item in found if isinstance(item, Problem)], folder


def test_no_bytes_crash_a_reader(layouts, tmp_path, capfd):
    rng = random.Random(SEED)
    end = time.monotonic() + TIMES
    done = 0
    while time.monotonic() < end or done < len(layouts):
        folder = layouts[done % len(layouts)]
        copy = tmp_path / folder.name
        shutil.copytree(folder, copy)
        files = sorted(p for p in copy.rglob("*") if p.is_file())
        for file in rng.sample(files, rng.choice((1, 1, min(2, len(files))))):
            file.write_bytes(damaged(file.read_bytes(), rng))
        listen(copy)
        shutil.rmtree(copy)
        done += 1
    with capfd.disabled():
        if TIMES > 1:
            print(f"{done} damaged corpora, seed {SEED}")


@pytest.mark.parametrize("name", ["m.jsonl", "m.json", "m.jsonl.gz", "audio/metadata.jsonl"])
@settings(
    max_examples=int(10 * TIMES),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=SEED == 0,
)
@given(rows=ROWS, array=st.booleans())
def test_no_structure_crashes_a_reader(layouts, name, rows, array):
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, name)
        path.parent.mkdir(exist_ok=True)
        shutil.copy(layouts[0].parent / "manifest" / "a.wav", path.parent)
        data = json.dumps(rows) if array else "\n".join(map(json.dumps, rows))
        path.write_bytes(gzip.compress(data.encode()) if name.endswith(".gz") else data.encode())
        listen(path.parent if name.startswith("audio/") else path)


@pytest.mark.parametrize("layout", ["kaldi", "voice", "folder", "libri"])
@settings(
    max_examples=int(10 * TIMES),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=SEED == 0,
)
@given(lines=st.lists(LINES, min_size=1, max_size=4))
def test_no_lines_crash_a_reader(layouts, layout, lines):
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place, layout)
        shutil.copytree(layouts[0].parent / layout, copy)
        endings = ("scp", "text", "segments", "utt2spk", ".tsv", ".csv", ".txt")
        files = sorted(p for p in copy.rglob("*") if p.name.endswith(endings))
        for file, text in zip(files, lines, strict=False):
            header = file.read_text().splitlines()[:1] if file.suffix in (".tsv", ".csv") else []
            file.write_text("\n".join(header + text), encoding="utf-8", errors="replace")
        listen(copy)
