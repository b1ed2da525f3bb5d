"""A reader is one file and one line: in the table, or in an installed package."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from targets.core.registry import Entry, Registry
from targets.corpora import read
from targets.corpora.read import problems, read_corpus, recognised
from targets.corpora.registry import CORPORA

TOY = '''
from functools import partial
from targets.corpora.entry import Entry
from targets.speech.audio import read_audio

class Toy:
    """A folder of said-WORD.wav, nothing else."""

    def recognises(self, path):
        return path.is_dir() and any(path.glob("said-*.wav"))

    def read(self, path):
        for audio in sorted(path.glob("said-*.wav")):
            word = audio.stem.removeprefix("said-")
            yield Entry(audio, 1, word, "me", word, partial(read_audio, audio), audio)
'''
LINE = Entry(name="toy", path="toy_reader:Toy", summary="said-WORD.wav")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    package = tmp_path / "package"
    package.mkdir()
    (package / "toy_reader.py").write_text(TOY)
    monkeypatch.syspath_prepend(package)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for word in ("yes", "no"):
        tone = 0.3 * np.sin(np.arange(8000) * 0.1)
        soundfile.write(corpus / f"said-{word}.wav", tone, 16_000)
    yield corpus
    sys.modules.pop("toy_reader", None)


def test_without_its_line_the_toy_is_no_corpus(toy):
    with pytest.raises(read.CorpusError, match="no corpus in this folder"):
        recognised(toy)


def test_a_toy_reader_is_one_file_and_one_line(toy, monkeypatch):
    monkeypatch.setattr(
        read, "CORPORA", Registry("corpus layout", "overheard.corpora", [*CORPORA, LINE])
    )
    assert recognised(toy) == "toy"
    assert [u.text for u in read_corpus(toy)] == ["no", "yes"]
    assert problems(toy) == []


def test_a_toy_reader_may_come_from_an_installed_package(toy, monkeypatch):
    (toy.parent / "package" / "toy_line.py").write_text(
        "from targets.core.registry import Entry\n"
        f"LINE = Entry(name={LINE.name!r}, path={LINE.path!r}, summary={LINE.summary!r})\n"
    )
    point = importlib.metadata.EntryPoint("toy", "toy_line:LINE", "overheard.corpora")
    installed = importlib.metadata.entry_points

    def entry_points(*, group):
        return [point] if group == "overheard.corpora" else installed(group=group)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    own = Registry("corpus layout", "overheard.corpora", CORPORA._own)
    monkeypatch.setattr(read, "CORPORA", own)
    assert recognised(toy) == "toy"
    assert read.CORPORA.names()[-1] == "toy"
    sys.modules.pop("toy_line", None)


@pytest.mark.parametrize("name", CORPORA.names())
def test_every_line_names_a_reader(name, tmp_path):
    reader = CORPORA.load(name)()
    assert CORPORA[name].summary
    assert not reader.recognises(tmp_path)
    (tmp_path / "letter.txt").write_text("Dear all")
    assert not reader.recognises(tmp_path)
    assert not reader.recognises(tmp_path / "letter.txt")


def test_the_table_and_a_reading_need_neither_torch_nor_lhotse():
    code = (
        "import sys, targets.corpora.registry, targets.corpora.read as read\n"
        "[read._reader(name) for name in read.CORPORA.names()]\n"
        "sys.exit(', '.join({'torch', 'lhotse', 'datasets'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stderr.strip() == ""
