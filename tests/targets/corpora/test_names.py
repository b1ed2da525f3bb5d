"""Ids that follow from places: the same however a corpus is written, distinct, and stable."""

import os

import pytest

from targets.corpora.names import Names, Source
from targets.corpora.read import problems, read_corpus
from tests.targets.corpora.making import jsonl, sound


def names(folder, *sources):
    sources = [s if isinstance(s, Source) else Source(s) for s in sources]
    made = Names(folder, sources)
    return [made.of(s) for s in sources]


@pytest.fixture
def corpus(tmp_path):
    """Two speakers, a folder each, the same file names; named once relative, once absolute."""
    folder = tmp_path / "place" / "corpus"
    for speaker in ("s1", "s2"):
        sound(folder / speaker / "u1.wav", pitch=300 if speaker == "s1" else 400)
    return folder


def rows(places):
    return [{"audio": str(p), "text": "yes", "speaker": p.parent.name} for p in places]


@pytest.mark.parametrize("absolute", [True, False])
def test_ids_do_not_follow_the_spelling_of_the_folder(corpus, tmp_path, monkeypatch, absolute):
    places = [corpus / s / "u1.wav" for s in ("s1", "s2")]
    jsonl(
        corpus / "manifest.jsonl", *rows(p if absolute else p.relative_to(corpus) for p in places)
    )
    (tmp_path / "link").symlink_to(corpus)
    (tmp_path / "above").symlink_to(corpus.parent)
    monkeypatch.chdir(corpus)
    spelled = [
        corpus,
        corpus / "s1" / "..",
        tmp_path / "link",
        tmp_path / "above" / "corpus",
        type(corpus)("."),
        type(corpus)("manifest.jsonl"),
        type(corpus)("..", "corpus"),
    ]
    for path in spelled:
        found = read_corpus(path)
        assert [u.id for u in found] == ["s1/u1", "s2/u1"], path
        assert found.digest == read_corpus(corpus).digest


def test_ids_stay_when_the_corpus_moves(corpus, tmp_path):
    jsonl(corpus / "manifest.jsonl", *rows(corpus / s / "u1.wav" for s in ("s1", "s2")))
    before = read_corpus(corpus).digest
    moved = tmp_path / "elsewhere"
    os.rename(corpus, moved)
    jsonl(moved / "manifest.jsonl", *rows(moved / s / "u1.wav" for s in ("s1", "s2")))
    assert read_corpus(moved).digest == before


def test_audio_outside_has_as_many_parts_as_tell_it_apart(corpus, tmp_path):
    away = tmp_path / "manifests"
    jsonl(away / "manifest.jsonl", *rows(corpus / s / "u1.wav" for s in ("s1", "s2")))
    assert [u.id for u in read_corpus(away)] == ["s1/u1", "s2/u1"]
    assert names(away, "/d/a/1.wav", "/d/b/2.wav") == ["1", "2"]
    assert names(away, "/d/a/1.wav", "/e/a/1.wav") == ["d/a/1", "e/a/1"]
    assert names(away, "/1.wav", "/a/1.wav") == ["1", "a/1"]
    assert names(away, "/d/a/1.wav", "1.wav") == ["a/1", "1"]


def test_a_linked_folder_inside_keeps_its_name_there(corpus, tmp_path):
    (corpus / "s3").symlink_to(sound(tmp_path / "far" / "u1.wav").parent)
    places = [corpus / s / "u1.wav" for s in ("s1", "s3")]
    assert names(corpus, *map(str, places)) == ["s1/u1", "s3/u1"]
    (tmp_path / "link").symlink_to(corpus)
    assert names(tmp_path / "link", *map(str, places)) == ["s1/u1", "s3/u1"]


def test_one_file_in_parts(tmp_path):
    assert names(
        tmp_path,
        Source("a.wav", 0),
        Source("a.wav", 0.5),
        Source("b.wav", 0, 1),
        Source("b.wav", 0, 2),
        Source("c.wav", channel=0),
        Source("c.wav", channel=1),
        Source("d.wav", channel=1),
        Source("e.wav"),
        Source("e.flac"),
        Source("v1.2.wav"),
    ) == [
        *("a@0", "a@0.5", "b.wav@0+1", "b.wav@0+2", "c.wav#0", "c.wav#1", "d"),
        *("e.wav", "e.flac", "v1.2"),
    ]


def test_the_same_part_twice_is_a_duplicate(corpus):
    row = rows([corpus / "s1" / "u1.wav"])[0]
    jsonl(corpus / "manifest.jsonl", row, row)
    (found,) = problems(corpus)
    assert "duplicate id 's1/u1', first on line 1" in str(found)


@pytest.mark.parametrize("audio", [".", "..", "/", "a\0b", "x" * 5000, "./", "/" + "x/" * 3000])
def test_absurd_paths_have_names(tmp_path, audio):
    assert isinstance(names(tmp_path, audio)[0], str)
