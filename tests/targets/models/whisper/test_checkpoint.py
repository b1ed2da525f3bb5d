"""Reading a checkpoint: from safetensors, without a network, and every mistake in words."""

from __future__ import annotations

import json
import socket
import sys

import pytest
import torch

from targets.core.errors import OverheardError
from targets.models.whisper.checkpoint import load_checkpoint
from targets.models.whisper.tokens import WhisperTokens
from tests.tiny_whisper import make_whisper


@pytest.fixture
def folder(tmp_path):
    return make_whisper(tmp_path / "tiny")


def test_it_is_read_once_without_a_network(folder, monkeypatch):
    def never(*_):
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", never)
    checkpoint = load_checkpoint(folder)
    assert load_checkpoint(folder) is checkpoint
    assert checkpoint.prompt == (checkpoint.end + 1, checkpoint.end + 4)
    assert (checkpoint.width, checkpoint.heads, checkpoint.decoder_layers) == (16, 2, 2)
    assert all(w.dtype == torch.float32 for w in checkpoint.weights.values())
    assert not any(w.requires_grad for w in checkpoint.weights.values())


def test_a_folder_that_changed_is_read_anew(folder):
    before = load_checkpoint(folder).digest
    make_whisper(folder, seed=4)
    assert load_checkpoint(folder).digest != before


def test_no_folder(tmp_path):
    with pytest.raises(OverheardError, match="no such checkpoint; put it there, or name its"):
        WhisperTokens(tmp_path / "none")


def test_pickle_is_not_read(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(OverheardError, match=r"has no model\.safetensors; weights are read as"):
        load_checkpoint(folder)


def test_another_model_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "wav2vec2"}))
    with pytest.raises(OverheardError, match="holds a 'wav2vec2', not a Whisper"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("config.json", "{", "config.json: is no JSON"),
        ("model.safetensors", "x" * 50, "transformers cannot read it"),
        ("tokenizer.json", "{}", "tokenizer.json: cannot be read"),
    ],
)
def test_a_spoilt_file_is_named(folder, name, content, complaint):
    (folder / name).write_text(content)
    with pytest.raises(OverheardError, match=complaint) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_a_missing_tokenizer_is_named(folder):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(OverheardError, match=r"tokenizer\.json: missing"):
        load_checkpoint(folder)


def test_without_transformers_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    (folder / "config.json").touch()
    with pytest.raises(OverheardError, match=r"pip install 'overheard\[hf\]'"):
        load_checkpoint(folder)
