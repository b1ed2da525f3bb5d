"""The door to NeMo, whose library is played by a stand-in where it is not installed."""

from __future__ import annotations

import hashlib
import sys
from types import ModuleType, SimpleNamespace

import pytest

from leaderboard.recognisers.base import Opening, RecogniserError
from leaderboard.recognisers.checks import check_recogniser
from leaderboard.recognisers.nemo import open_nemo
from tests.leaderboard.recognisers.making.tiny import LETTERS, audio
from tests.leaderboard.recognisers.test_checks import SPEECH

MODULES = "nemo.collections.asr.modules."


class ASRModel:
    """As NeMo's: CTC models give a list, transducers a pair of lists."""

    preprocessor = SimpleNamespace(_sample_rate=8_000)
    pair = False

    @classmethod
    def restore_from(cls, path, map_location):
        if path.endswith("broken.nemo"):
            raise ValueError("not a tar file\nat all")
        assert map_location == "cpu"
        return cls()

    def eval(self):
        return self

    def transcribe(self, audio, batch_size, verbose):
        assert (batch_size, verbose) == (1, False)
        found = [SimpleNamespace(text=f"heard {len(audio[0])}")]
        return (found, found) if self.pair else found


@pytest.fixture
def library(monkeypatch):
    stub = ModuleType("nemo.collections.asr.models")
    stub.ASRModel = ASRModel
    for name in ("nemo", "nemo.collections", "nemo.collections.asr"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, stub.__name__, stub)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("pair", [False, True])
def test_a_model(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(ASRModel, "pair", pair)
    (tmp_path / "a.nemo").write_bytes(b"weights")
    model = open_nemo(str(tmp_path / "a.nemo"), Opening())
    assert model.transcribe(audio(1), 16_000) == "heard 8000"
    assert model.digest == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.usefixtures("library")
def test_what_cannot_be_opened(tmp_path, monkeypatch):
    with pytest.raises(RecogniserError, match="no such file"):
        open_nemo(str(tmp_path / "a.nemo"), Opening())
    (tmp_path / "broken.nemo").touch()
    with pytest.raises(RecogniserError, match=r"NeMo cannot read it: not a tar file$"):
        open_nemo(str(tmp_path / "broken.nemo"), Opening())
    monkeypatch.setitem(sys.modules, "nemo.collections.asr.models", None)
    with pytest.raises(RecogniserError, match="NeMo is not installed: pip install"):
        open_nemo(str(tmp_path / "broken.nemo"), Opening())


def test_a_tiny_model(tmp_path):
    pytest.importorskip("nemo.collections.asr", reason="NeMo is not installed")
    from nemo.collections.asr.models import EncDecCTCModel
    from omegaconf import OmegaConf

    labels = list(LETTERS)
    layer = {"filters": 16, "repeat": 1, "kernel": [5], "stride": [2], "dilation": [1]}
    settings = {
        "sample_rate": 16_000,
        "labels": labels,
        "preprocessor": {
            "_target_": MODULES + "AudioToMelSpectrogramPreprocessor",
            "features": 16,
            "sample_rate": 16_000,
        },
        "encoder": {
            "_target_": MODULES + "ConvASREncoder",
            "feat_in": 16,
            "activation": "relu",
            "conv_mask": True,
            "jasper": [{**layer, "dropout": 0.0, "residual": False}],
        },
        "decoder": {
            "_target_": MODULES + "ConvASRDecoder",
            "feat_in": 16,
            "num_classes": len(labels),
            "vocabulary": labels,
        },
        "optim": None,
    }
    EncDecCTCModel(cfg=OmegaConf.create(settings)).save_to(str(tmp_path / "a.nemo"))
    model = open_nemo(str(tmp_path / "a.nemo"), Opening())
    assert any(check_recogniser(model, SPEECH).transcripts)
