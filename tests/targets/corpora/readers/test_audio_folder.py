"""Hugging Face audio folders, with a table for all or one for each split."""

import pytest

from targets.corpora.read import problems, read_corpus, recognised
from tests.targets.corpora.making import jsonl, sound, text


@pytest.fixture
def folder(tmp_path):
    for i in range(3):
        sound(tmp_path / "wavs" / f"{i}.wav")
    return tmp_path


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_with_quotes(folder, mark):
    rows = [
        ("file_name", "transcription", "speaker_id", "mood"),
        ("wavs/0.wav", '"Say ""this"",\nand that"', "7", ""),
        ("wavs/1.wav", "no", "8", "calm"),
    ]
    text(folder / "metadata.csv", *map(mark.join, rows))
    assert recognised(folder) == "audio-folder"
    assert problems(folder) == []
    one, two = read_corpus(folder)
    assert (one.id, one.speaker, one.text) == ("wavs/0", "7", "say this and that")
    assert two.attributes["mood"] == "calm"
    text(folder / "metadata.csv", *map(mark.join, [*rows, ("wavs/9.wav", "no", "8", "")]))
    (found,) = problems(folder)
    assert found.line == 5  # a cell before it goes over two lines


def test_jsonl(folder):
    row = {"file_name": "wavs/0.wav", "text": "yes", "speaker": 7}
    jsonl(folder / "metadata.jsonl", row, {**row, "file_name": None})
    assert recognised(folder) == "audio-folder"
    (found,) = problems(folder)
    assert str(found).startswith(f"{folder / 'metadata.jsonl'}:2: no audio")


@pytest.mark.parametrize("below", [".", "data"])
def test_folders_are_splits(tmp_path, below):
    for name in ("train", "validation", "test"):
        sound(tmp_path / below / name / "a.wav")
        text(
            tmp_path / below / name / "metadata.csv", "file_name,text,speaker", f"a.wav,yes,{name}"
        )
    assert problems(tmp_path) == []
    corpus = read_corpus(tmp_path)
    assert len({u.id for u in corpus}) == 3
    assert {u.speaker: u.attributes["split"] for u in corpus} == {
        "train": "train",
        "validation": "dev",
        "test": "test",
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["wavs/0.wav,yes"], "2 cells, where the header has 3"),
        (['wavs/0.wav,"yes' + "x" * 200_000, "s"], "no row of a table (field larger"),
        (["wavs/0.wav,yes,"], "no speaker"),
        (["http://host/0.wav,yes,s"], "is an address"),
    ],
)
def test_what_is_wrong_is_named_by_line(folder, lines, message):
    text(folder / "metadata.csv", "file_name,text,speaker", *lines)
    (found,) = problems(folder)
    assert str(found).startswith(f"{folder / 'metadata.csv'}:2: ")
    assert message in str(found)


def test_a_table_that_is_not_utf8(folder):
    (folder / "metadata.csv").write_bytes(b"file_name,text,speaker\nwavs/0.wav,caf\xe9,s\n")
    (found,) = problems(folder)
    assert (found.line, found.message) == (2, "not UTF-8")
