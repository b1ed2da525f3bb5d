"""The door to SpeechBrain; where the library is there, on a tiny model of its own."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from leaderboard.recognisers.base import Opening, RecogniserError
from leaderboard.recognisers.checks import check_recogniser
from leaderboard.recognisers.speechbrain import open_speechbrain
from tests.leaderboard.recognisers.test_checks import SPEECH

TINY = """
sample_rate: 16000
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
    features: !new:speechbrain.lobes.features.Fbank
        sample_rate: 16000
        n_mels: 8
    output: !new:speechbrain.nnet.linear.Linear
        input_size: 8
        n_neurons: 5
        bias: False
modules:
    encoder: !ref <encoder>
model: !new:torch.nn.ModuleList [[!ref <encoder>]]
tokenizer: !new:speechbrain.dataio.encoder.CTCTextEncoder
decoding_function: !name:speechbrain.decoders.ctc_greedy_decode
    blank_id: 0
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        model: !ref <model>
        tokenizer: !ref <tokenizer>
    paths:
        model: model.ckpt
        tokenizer: tokenizer.ckpt
"""
LABELS = """'<blank>' => 0
'a' => 1
'b' => 2
'c' => 3
'd' => 4
================
'starting_index' => 0
'blank_label' => '<blank>'
"""


def test_a_tiny_model(tmp_path):
    pytest.importorskip("speechbrain", reason="SpeechBrain is not installed")
    (tmp_path / "hyperparams.yaml").write_text(TINY)
    (tmp_path / "config.json").write_text(json.dumps({"speechbrain_interface": "EncoderASR"}))
    (tmp_path / "tokenizer.ckpt").write_text(LABELS)
    torch.manual_seed(0)
    torch.save({"0.output.w.weight": torch.randn(5, 8)}, tmp_path / "model.ckpt")
    kept = check_recogniser(open_speechbrain(str(tmp_path), Opening()), SPEECH)
    assert all(set(text) <= set("abcd") for text in kept.transcripts)
    assert any(kept.transcripts)


def test_what_cannot_be_opened(tmp_path, monkeypatch):
    with pytest.raises(RecogniserError, match=r"has no hyperparams\.yaml"):
        open_speechbrain(str(tmp_path), Opening())
    (tmp_path / "hyperparams.yaml").touch()
    for name in ("speechbrain", "speechbrain.inference"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RecogniserError, match="not installed: pip install speechbrain"):
        open_speechbrain(str(tmp_path), Opening())
