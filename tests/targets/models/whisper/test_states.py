"""Encoder states: of the utterance alone, computed once, and the same from memory and disk."""

from __future__ import annotations

import pytest
import torch

from targets.models.whisper import states
from targets.models.whisper.checkpoint import load_checkpoint
from targets.models.whisper.states import A_SECOND, EncoderStates
from targets.speech.utterance import SAMPLE_RATE
from tests.fakes import speech, utterance
from tests.tiny_whisper import make_whisper

SPEECH = speech(6, "private", words=3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return load_checkpoint(make_whisper(tmp_path_factory.mktemp("whisper")))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path))
    states._cache.cache_clear()


def test_states_do_not_depend_on_the_company(checkpoint):
    front = EncoderStates(checkpoint)
    together, counts = front(SPEECH)
    assert together.shape == (6, int(counts.max()), 16)
    states._cache.cache_clear()
    for b, u in enumerate(SPEECH):
        alone = front.encode([u], front.states_of(u))[0]
        torch.testing.assert_close(together[b, : counts[b]], alone, rtol=2e-3, atol=2e-3)
        assert not together[b, counts[b] :].any()
        assert counts[b] % A_SECOND == 0
        assert counts[b] >= A_SECOND * len(u.samples) / SAMPLE_RATE


def test_they_are_computed_once_and_kept(checkpoint, monkeypatch):
    front = EncoderStates(checkpoint)
    first, _ = front(SPEECH)
    states._cache.cache_clear()  # another process

    def never(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(EncoderStates, "encode", never)
    again, _ = EncoderStates(checkpoint)(SPEECH[::-1])
    assert torch.equal(again.flip(0), first)
    with pytest.raises(AssertionError, match="computed again"):
        front([utterance("new", "on two")])


def test_a_spoilt_or_unfinished_file_is_computed_anew(checkpoint, tmp_path):
    front = EncoderStates(checkpoint)
    first, _ = front(SPEECH[:2])
    kept = sorted(tmp_path.rglob("*.safetensors"))
    assert len(kept) == 2
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    kept[1].rename(kept[1].with_name(".partial-1-x.safetensors"))
    states._cache.cache_clear()
    again, _ = front(SPEECH[:2])
    assert torch.equal(again, first)


def test_a_folder_that_cannot_be_written_is_no_error(checkpoint, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path / "file"))
    states._cache.cache_clear()
    found, _ = EncoderStates(checkpoint)(SPEECH[:1])
    assert torch.isfinite(found).all()
    assert "encoder states are not kept" in caplog.text


def test_another_encoder_has_other_states(checkpoint, tmp_path_factory):
    other = load_checkpoint(make_whisper(tmp_path_factory.mktemp("other"), seed=1))
    one, _ = EncoderStates(checkpoint)(SPEECH[:1])
    two, _ = EncoderStates(other)(SPEECH[:1])
    assert not torch.allclose(one, two, atol=0.1)


def test_it_has_no_weights_of_its_own(checkpoint):
    assert EncoderStates(checkpoint).state_dict() == {}
