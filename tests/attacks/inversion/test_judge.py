"""The recogniser that judges: trained once for each public speech, and the same every time."""

from __future__ import annotations

import pytest
import torch

from attacks.inversion import judge as independent
from attacks.inversion.judge import independent_recognizer
from targets.training.recipe import Schedule
from tests.fakes import speech

PUBLIC = speech(6, "public")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(independent, "SCHEDULE", Schedule(2, batch_size=4, learning_rate=4e-3))
    monkeypatch.setattr(independent, "SIZE", 8)


def alike(one, other):
    return all(torch.equal(w, other.state_dict()[n]) for n, w in one.state_dict().items())


def test_it_is_kept_by_the_speech_it_was_trained_on(tmp_path, monkeypatch):
    first = independent_recognizer(PUBLIC, tmp_path)
    (kept,) = tmp_path.iterdir()
    other = independent_recognizer(PUBLIC[:5], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert not alike(first, other)

    def untrained(*_, **__):
        raise AssertionError("it was trained again")

    with monkeypatch.context() as patched:
        patched.setattr(independent, "fit", untrained)
        assert alike(first, independent_recognizer(PUBLIC, tmp_path))
    kept.write_bytes(kept.read_bytes()[:100])  # a damaged file is no reason to stop
    assert alike(first, independent_recognizer(PUBLIC, tmp_path))


def test_it_depends_on_no_global_state_and_needs_no_folder():
    torch.manual_seed(1)
    first = independent_recognizer(PUBLIC, None)
    torch.manual_seed(2)
    assert alike(first, independent_recognizer(PUBLIC, None))


def test_it_learns():
    public = speech(12, "public", words=1)
    judge = independent_recognizer(public, None)
    trained = judge.nll(public).mean()
    longer = Schedule(12, batch_size=4, learning_rate=1e-2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(independent, "SCHEDULE", longer)
        assert independent_recognizer(public, None).nll(public).mean() < 0.9 * trained
