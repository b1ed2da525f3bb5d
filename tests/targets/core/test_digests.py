"""Stamps of speech on disk, and what is named after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.spec.load import load_suite
from leaderboard.spec.paths import start_file
from targets.core.digests import stamp


@pytest.fixture
def corpus(tmp_path) -> Path:
    folder = tmp_path / "speech"
    (folder / "audio").mkdir(parents=True)
    (folder / "manifest.jsonl").write_text('{"text": "on"}\n')
    (folder / "audio" / "a.wav").write_bytes(b"1234")
    return folder


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("manifest.jsonl", '{"text": "ON"}\n'),
        ("audio/a.wav", "12345"),
        ("audio/b.wav", "1"),
    ],
)
def test_a_stamp_changes_with_texts_names_and_sizes(corpus, path, content):
    before = stamp(corpus)
    assert stamp(corpus) == before
    (corpus / path).write_text(content)
    assert stamp(corpus) != before


def test_a_corpus_may_be_a_file_or_missing(corpus):
    assert stamp(corpus / "manifest.jsonl") != stamp(corpus / "nowhere")


def test_a_start_is_named_after_the_public_speech(corpus, tmp_path):
    embedded = load_suite("tiny").conditions
    public = embedded.speech.public.model_copy(update={"source": "speech"})
    splits = embedded.speech.model_copy(update={"public": public})
    real = embedded.model_copy(update={"speech": splits})

    def named(conditions, data):
        return start_file(tmp_path, conditions, "ctc", data).name

    before = named(real, tmp_path)
    assert before != named(real, tmp_path / "elsewhere")
    (corpus / "manifest.jsonl").write_text('{"text": "off"}\n')
    assert named(real, tmp_path) != before
    assert named(embedded, tmp_path) == named(embedded, tmp_path / "elsewhere")
