"""Saved Hugging Face datasets: read as Arrow tables, with bytes, arrays or paths; never pickle."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from targets.corpora.entry import CorpusError
from targets.corpora.read import examine, problems, read_corpus, recognised
from tests.targets.corpora.layouts import saved
from tests.targets.corpora.making import sound


@pytest.fixture
def wav(tmp_path):
    return sound(tmp_path / "one.wav").read_bytes()


def test_splits_speakers_texts_and_sound(tmp_path, wav):
    folder = saved(tmp_path / "set", wav, gender=pa.array(["female", "male"]))
    assert recognised(folder) == "saved-dataset"
    corpus = read_corpus(folder)
    assert [(u.id, u.speaker, u.text, u.attributes["split"]) for u in corpus] == [
        ("train0", "train-a", "yes", "train"),
        ("train1", "train-b", "no", "train"),
        ("test0", "test-a", "yes", "test"),
        ("test1", "test-b", "no", "test"),
    ]
    assert [u.attributes["gender"] for u in corpus] == ["female", "male"] * 2
    assert all(u.duration == 0.5 for u in corpus)
    assert corpus.utterances[0].origin.endswith("train/data-00000-of-00001.arrow:1")
    one = read_corpus(folder / "test")
    assert [u.id for u in one] == ["test0", "test1"]
    assert {u.attributes["split"] for u in one} == {"test"}


def table(folder, name="data.arrow", stream=True, **columns):
    content = pa.table(columns)
    folder.mkdir(parents=True, exist_ok=True)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(folder / name), "wb") as sink, new(sink, content.schema) as writer:
        writer.write_table(content)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    return folder


@pytest.mark.parametrize("stream", [True, False])
def test_paths_arrays_and_other_names_of_columns(tmp_path, wav, stream):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.wav").write_bytes(wav)
    folder = table(
        tmp_path / "set", stream=stream, audio=pa.array(["a.wav"]),
        sentence=pa.array(["Yes!"]), client_id=pa.array([84]),
    )  # fmt: skip
    (u,) = read_corpus(folder)
    assert (u.id, u.speaker, u.text, u.duration) == ("a", "84", "yes", 0.5)
    array = {"array": np.full(8000, 0.1).tolist(), "sampling_rate": 8000}
    other = table(
        tmp_path / "other", stream=stream, audio=pa.array([array]),
        text=pa.array(["yes"]), speaker=pa.array(["s"]),
    )  # fmt: skip
    (u,) = read_corpus(other)
    assert (u.id, u.duration) == ("other-data-1", 1.0)


def test_one_path_twice_makes_two_names(tmp_path, wav):
    audio = pa.array([{"bytes": wav, "path": "x.wav"}] * 2)
    folder = table(
        tmp_path / "set", audio=audio, text=pa.array(["a", "b"]), speaker=pa.array(["s", "s"])
    )
    assert [u.id for u in read_corpus(folder)] == ["x@1", "x@2"]


def test_what_is_wrong_has_its_row(tmp_path, wav):
    audio = pa.array(
        [
            {"bytes": wav[:2000], "path": "cut.wav"},
            {"bytes": None, "path": None},
            {"bytes": None, "path": "https://x/y.wav"},
            {"bytes": wav, "path": "good.wav"},
            {"bytes": wav, "path": "dumb.wav"},
        ]
    )
    folder = table(
        tmp_path / "set", audio=audio, text=pa.array(["a", "b", "c", "d", None]),
        speaker=pa.array(["s", "s", "s", None, "s"]),
    )  # fmt: skip
    found = problems(folder)
    assert [p.line for p in found] == [1, 2, 3, 4, 5]
    for problem, says in zip(
        found, ("truncated", "no audio", "address", "no speaker", "no text"), strict=True
    ):
        assert says in str(problem)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "names no Arrow files"),
        ([], "names no Arrow files"),
        ({"_data_files": [{"filename": "../data.arrow"}]}, "names no Arrow files"),
        ({"_data_files": ["x"]}, "names no Arrow files"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "gone.arrow: missing"),
        (
            {"_data_files": [{"filename": "data.arrow"}], "_indices_files": [1]},
            "chosen by another table",
        ),
    ],
)
def test_a_state_that_says_nothing_usable(tmp_path, wav, state, message):
    audio = pa.array([{"bytes": wav, "path": "x.wav"}])
    folder = table(tmp_path / "set", audio=audio, text=pa.array(["a"]), speaker=pa.array(["s"]))
    (folder / "state.json").write_text(json.dumps(state))
    (found,) = problems(folder)
    assert message in str(found)


def test_a_broken_file_and_a_file_without_audio(tmp_path, wav):
    folder = table(tmp_path / "set", text=pa.array(["a"]))
    assert "no column of audio (there is text)" in str(problems(folder)[0])
    (folder / "data.arrow").write_bytes(wav)
    assert "no Arrow file, or a broken one" in str(problems(folder)[0])


def test_no_pickle_is_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "went-off"), "w")

    folder = table(tmp_path / "set", text=pa.array(["a"]))
    data = pickle.dumps(Bomb())
    metadata = {b"ARROW:extension:name": b"arrow.py_extension_type",
                b"ARROW:extension:metadata": data}  # fmt: skip
    field = pa.field("audio", pa.binary(), metadata=metadata)
    schema = pa.schema([field, pa.field("text", pa.string()), pa.field("speaker", pa.string())])
    content = pa.table([pa.array([data]), pa.array(["yes"]), pa.array(["s"])], schema=schema)
    place = str(folder / "data.arrow")
    with pa.OSFile(place, "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(content)
    (folder / "dataset_info.json").write_bytes(data)
    list(examine(folder))
    assert not (tmp_path / "went-off").exists()


def test_without_pyarrow_the_extra_is_named(tmp_path, wav):
    folder = saved(tmp_path / "set", wav)
    code = f"""
import sys
sys.modules["pyarrow"] = None
from pathlib import Path
from targets.corpora.read import read_corpus
try:
    read_corpus(Path({str(folder)!r}))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("CorpusError a saved dataset is read by pyarrow")
    assert "overheard[datasets]" in done.stdout
    assert issubclass(CorpusError, Exception)
