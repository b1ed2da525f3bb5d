"""What is read of a folder, and what is refused in one line."""

from __future__ import annotations

import json
import shutil
import sys
from types import ModuleType

import pytest
import torch

from leaderboard.recognisers.base import Opening, RecogniserError
from leaderboard.recognisers.hf.load import CLASSES, SEQ2SEQ, load
from tests.leaderboard.recognisers.making.tiny import audio, folder_of


@pytest.fixture
def folder(tmp_path_factory, tmp_path):
    return shutil.copytree(folder_of("wav2vec2", tmp_path_factory), tmp_path / "model")


def refused(folder, message, opening=None):
    with pytest.raises(RecogniserError, match=message) as caught:
        load(str(folder), opening or Opening())
    assert "\n" not in str(caught.value)


def rewritten(folder, **keys):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def test_its_tables_are_the_librarys():
    modeling_auto = pytest.importorskip("transformers.models.auto.modeling_auto")
    tables = {kind: getattr(modeling_auto, table) for kind, (_, table) in CLASSES.items()}
    assert set(SEQ2SEQ) <= set(tables["seq2seq"])
    for kind, example in (("ctc", "wav2vec2"), ("rnnt", "parakeet_rnnt"), ("tdt", "parakeet_tdt")):
        assert example in tables[kind]


def test_weights_as_pickle(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "has no model.safetensors; weights are read as safetensors only, never as")


def test_weights_that_are_none(folder):
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    refused(folder, "transformers cannot read it")


def test_a_model_that_was_never_trained_to_write(folder):
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    config = Wav2Vec2Config.from_pretrained(folder)
    Wav2Vec2Model(config).save_pretrained(folder)
    refused(folder, "its weights lack lm_head.bias and 1 more, so that it writes nothing yet")


def test_what_is_no_recogniser(folder):
    rewritten(folder, model_type="bert")
    refused(folder, "a 'bert' is no recogniser that is known here .*overheard new model")
    rewritten(folder, model_type=None)
    refused(folder, "has no model_type")
    (folder / "config.json").write_text("{")
    refused(folder, "is no JSON")
    (folder / "config.json").unlink()
    refused(folder, "cannot be read: No such file.*save the model there with save_pretrained")


def test_code_in_the_folder_is_not_run(folder):
    rewritten(folder, model_type="mine", auto_map={"AutoModelForCTC": "mine.Mine"})
    (folder / "mine.py").write_text("raise SystemExit('it was run')")
    refused(folder, "a 'mine' is no recogniser")
    rewritten(folder, model_type="wav2vec2", auto_map={"AutoConfig": "mine.Mine"})
    assert load(str(folder), Opening()).kind == "ctc"


def test_no_processor(folder):
    for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        (folder / name).unlink(missing_ok=True)
    (folder / "vocab.json").unlink()
    refused(folder, "has no processor .*save it there with processor.save_pretrained")


@pytest.mark.parametrize("place", ["./nowhere", "/nowhere/at/all", "a/b/c"])
def test_no_folder(place):
    refused(place, "no such folder")


def test_a_name_is_looked_up_in_the_cache_alone(monkeypatch, tmp_path):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    refused("nobody/nothing", "not in the local cache; nothing is downloaded here: save the model")


def test_transformers_is_missing(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setitem(sys.modules, "transformers.models.auto", None)
    refused(folder, r"pip install 'overheard\[hf\]'")


def test_the_digest_is_of_what_is_read(folder):
    first = load(str(folder), Opening()).digest
    (folder / "notes.bin").write_text("not read")
    assert load(str(folder), Opening()).digest == first
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["lm_head.bias"] = weights["lm_head.bias"] + 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert load(str(folder), Opening()).digest != first


def test_the_digest_is_of_what_it_was_told(folder, tmp_path_factory):
    plain = load(str(folder), Opening()).digest
    assert load(str(folder), Opening(device="meta")).digest != plain
    assert load(str(folder), Opening(language="cs")).digest == plain  # CTC is told no language
    whisper = str(folder_of("whisper", tmp_path_factory))
    found = [load(whisper, Opening(language=one)).digest for one in ("", "en", "cs")]
    assert len(set(found)) == 3


def test_an_adapter_without_peft(folder, tmp_path, monkeypatch):
    adapter = tmp_path / "adapter"
    refused(folder, "has no adapter_config.json", Opening(adapter=adapter))
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    refused(adapter, "names no base_model_name_or_path")
    refused(folder, "has no adapter_model.safetensors", Opening(adapter=adapter))
    (adapter / "adapter_model.safetensors").touch()
    monkeypatch.setitem(sys.modules, "peft", None)
    refused(folder, "the library peft is not installed: pip install", Opening(adapter=adapter))


def test_the_dropout_of_an_adapter_is_off(folder, tmp_path, monkeypatch):
    """As peft does: an adapter that is trainable is attached in training mode."""

    class PeftModel:
        def __init__(self, model):
            self.model = model

        @classmethod
        def from_pretrained(cls, model, adapter, is_trainable, torch_device):
            assert (adapter, is_trainable, torch_device) == (tmp_path, True, "cpu")
            model.lm_head = torch.nn.Sequential(model.lm_head, torch.nn.Dropout(0.5))
            return cls(model)

        def get_base_model(self):
            return self.model

    peft = ModuleType("peft")
    peft.PeftModel = PeftModel
    monkeypatch.setitem(sys.modules, "peft", peft)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / name).write_text("{}")
    model = load(str(folder), Opening(adapter=tmp_path)).model
    assert isinstance(model.lm_head[1], torch.nn.Dropout)
    assert not [name for name, module in model.named_modules() if module.training]


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of peft, when one is made
def test_an_adapter(folder, tmp_path):
    peft = pytest.importorskip("peft", reason="adapters need peft")
    from transformers import Wav2Vec2ForCTC

    from leaderboard.recognisers.open import open_recogniser

    config = peft.LoraConfig(
        r=2, target_modules=["q_proj"], init_lora_weights=False, lora_dropout=0.5
    )
    torch.manual_seed(0)
    tuned = peft.get_peft_model(Wav2Vec2ForCTC.from_pretrained(folder), config)
    tuned.save_pretrained(tmp_path / "adapter")
    plain = open_recogniser(f"hf:{folder}")
    beside = open_recogniser(f"hf:{folder}", Opening(adapter=tmp_path / "adapter"))
    alone = open_recogniser(f"hf:{tmp_path / 'adapter'}")
    assert not [n for n, module in beside.loaded.model.named_modules() if module.training]
    samples = audio(1)
    found = [m.log_likelihood(samples, 16_000, "one") for m in (plain, beside, alone)]
    assert found[1] == found[2] != found[0]
    assert beside.digest == alone.digest != plain.digest
    norms = [m.gradient_norm(samples, 16_000, "one") for m in (plain, beside)]
    assert 0 < norms[1] < norms[0]
