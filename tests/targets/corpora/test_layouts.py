"""What holds for every layout: wherever it lies, however it is reached, whatever is beside it."""

import gzip
import os
import shutil

import pytest

from targets.corpora.entry import Problem
from targets.corpora.read import examine, recognised
from targets.corpora.registry import CORPORA
from tests.targets.corpora.layouts import whole

TEXTS = (".json", ".jsonl", ".csv", ".tsv", ".txt", ".scp", "text", "segments", "utt2spk")


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    return whole(tmp_path_factory.mktemp("whole"))


NAMES = (
    *("manifest", "array", "kaldi", "voice", "folder", "libri", "cuts", "shar", "nemo", "saved"),
)


@pytest.fixture(params=NAMES)
def layout(request, layouts, tmp_path):
    return shutil.copytree(layouts[0].parent / request.param, tmp_path / request.param)


def facts(path):
    """Return the layout of a corpus, and what it says of its utterances."""
    found = list(examine(path))
    assert not [str(item) for item in found if isinstance(item, Problem)]
    entries = ((f.entry, f.text, f.utterance.samples.tobytes()) for f in found)
    return recognised(path), [
        (e.id, e.speaker, e.split, t, dict(e.attributes), s) for e, t, s in entries
    ]


def test_there_is_one_of_every_layout(layouts):
    assert {recognised(path) for path in layouts} == set(CORPORA.names())


def test_what_macos_leaves_beside_files_is_passed_over(layout):
    before = facts(layout)
    for path in sorted(layout.rglob("*")):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    (layout / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    assert facts(layout) == before


def test_a_byte_order_mark_and_line_ends_of_windows_change_nothing(layout):
    before = facts(layout)
    for path in sorted(layout.rglob("*")):
        packed = path.name.endswith(".gz")
        if packed or (path.is_file() and path.name.endswith(TEXTS)):
            text = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
            text = b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")
            path.write_bytes(gzip.compress(text) if packed else text)
    assert facts(layout) == before


def test_it_is_the_same_from_every_working_folder(layout, monkeypatch):
    before = facts(layout)
    link = layout.parent / "link"
    link.symlink_to(layout)
    assert facts(link) == before
    monkeypatch.chdir(layout)
    assert facts(type(layout)(".")) == before
    inside = next((p for p in sorted(layout.iterdir()) if p.is_dir()), None)
    if inside is not None:
        monkeypatch.chdir(inside)
        assert facts(type(layout)("..")) == before
    monkeypatch.chdir(layout.parent)
    assert facts(type(layout)(layout.name)) == before


def test_it_is_the_same_when_the_folder_moves(layout):
    before = facts(layout)
    moved = layout.parent / "elsewhere" / layout.name
    moved.parent.mkdir()
    os.rename(layout, moved)
    assert facts(moved) == before


def test_libri_from_inside_any_of_its_folders(layouts, monkeypatch):
    root = layouts[0].parent / "libri"
    _, before = facts(root)
    assert before[0][1:3] == ("84", "train")
    for inside in ("train-clean-5", "train-clean-5/84", "train-clean-5/84/12"):
        monkeypatch.chdir(root / inside)
        assert facts(type(root)("."))[1] == before
