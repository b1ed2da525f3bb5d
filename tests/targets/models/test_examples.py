"""Features beyond a bound lie in a file, and nothing that is computed from them changes."""

import gc
import os

import pytest
import torch

from targets.core.randomness import Randomness
from targets.models import examples as module
from targets.models.examples import Example, StoredExample, bound_on, within_bound
from targets.speech.features import LogMel
from targets.training import fit as fitting
from tests.fakes import recipe_for, speech

SPEECH = speech(12, "a")


def made(count=6):
    return [Example(torch.randn(5 + n, 3), [n]) for n in range(count)]


def test_the_first_stay_and_the_others_are_the_same_from_a_file():
    before = made()
    kept = within_bound(iter(before), bound=4 * 3 * (5 + 6))
    assert [isinstance(e, StoredExample) for e in kept] == [False] * 2 + [True] * 4
    for one, other in zip(before, kept, strict=True):
        assert torch.equal(one.features, other.features)
        assert one.labels == other.labels == other.units
    assert within_bound(iter(before)) == before


def test_an_accelerator_keeps_as_many_as_its_memory_has_room_for(monkeypatch):
    here = torch.device("cpu")
    assert bound_on(here) == module.IN_MEMORY
    monkeypatch.setattr(module, "free_bytes", lambda _: 80 << 30)
    assert bound_on(here) == 20 << 30
    monkeypatch.setattr(module, "free_bytes", lambda _: 0)
    assert bound_on(here) == module.IN_MEMORY
    monkeypatch.setattr(module, "bound_on", lambda device: 4 * 3 * 5 * (device == here))
    kept = within_bound(iter(made()))
    assert [isinstance(e, StoredExample) for e in kept] == [False] + [True] * 5


def test_the_file_is_gone_with_the_last_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = within_bound(iter(made()), bound=0)
    assert list(tmp_path.iterdir()) == []  # it has no name
    number = kept[0]._file.descriptor
    os.fstat(number)
    last = kept.pop().features
    del kept
    gc.collect()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)
    assert last.isfinite().all()


def test_a_full_disk_keeps_them_in_memory(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "pwrite", full)
    before = made()
    assert within_bound(iter(before), bound=0) == before


def test_training_from_a_file_gives_the_same_weights(monkeypatch):
    def weights():
        recipe = recipe_for("ctc", SPEECH)
        start = fitting.public_start(recipe, SPEECH, recipe.schedule, Randomness(0))
        return start.state_dict()

    before = weights()
    monkeypatch.setattr("targets.models.recognizer.within_bound", lambda e: within_bound(e, 0))
    after = weights()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_calibration_of_much_speech_is_that_of_little(monkeypatch):
    one, other = LogMel(), LogMel()
    one.calibrate(SPEECH)
    monkeypatch.setattr("targets.speech.features.AT_ONCE", 0)
    other.calibrate(SPEECH)
    assert torch.allclose(one.mean, other.mean, rtol=1e-5, atol=1e-5)
    assert torch.allclose(one.scale, other.scale, rtol=1e-5, atol=1e-5)
    assert one.mean.dtype == other.mean.dtype
